"""Comes twice: gets a session ticket, then sends one request as 0-RTT; prints JSON.

  python early.py --port 4433 --method POST
  python early.py --port 4433 --second-port 4434 --second-name other.example
  python early.py --port 4433 --second-alpn echo

What the second connection saw: resumed, early (the server took the early data), status of the
answer (0: none, as with another protocol than h3). Exit code 1: the first one failed."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys

from aioquic.tls import SessionTicket

from http_client import HttpClient
from peer import PeerOptions, open_peer


async def first(options: PeerOptions) -> SessionTicket:
    tickets: list[SessionTicket] = []
    async with open_peer(dataclasses.replace(options, on_ticket=tickets.append)) as peer:
        client = HttpClient(peer, "h3", options.server_name)
        answer = await client.get("/x?bytes=1", 10)
        if answer.status != 200 or not tickets:
            raise ConnectionError(f"status {answer.status}, {len(tickets)} tickets")
    return tickets[-1]


async def second(options: PeerOptions, method: str) -> dict:
    async with open_peer(options) as peer:
        status = 0
        if options.alpn == "h3":
            client = HttpClient(peer, "h3", options.server_name)
            answer = client.start(method, "/x?bytes=1", end=True)
            await asyncio.wait_for(answer.done.wait(), 10)
            status = answer.status
        else:
            peer._quic.send_stream_data(0, b"hello", end_stream=True)
            peer.transmit()
        # wait_connected() waits for an event that may have come.
        while not peer._quic._handshake_complete:
            await asyncio.sleep(0.005)
        tls = peer._quic.tls
        return {"resumed": tls.session_resumed, "early": tls.early_data_accepted, "status": status}


async def run(args: argparse.Namespace) -> dict:
    options = PeerOptions(host=args.host, port=args.port)
    ticket = await first(options)
    # The ticket says whose it is, and aioquic asks for that one: an attacker does not.
    ticket.server_name = args.second_name
    again = dataclasses.replace(
        options,
        port=args.second_port or args.port,
        alpn=args.second_alpn,
        server_name=args.second_name,
        ticket=ticket,
        wait_connected=False,
    )
    return await second(again, args.method)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--second-port", type=int, default=0)
    parser.add_argument("--second-name", default="localhost")
    parser.add_argument("--second-alpn", default="h3")
    parser.add_argument("--method", default="GET")
    print(json.dumps(asyncio.run(run(parser.parse_args()))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
