"""One feature of QUIC, exercised against a server; prints JSON.

  python feature.py --port 4433 --feature keyupdate --bytes 1000000

Features: handshake, retry, resumption, zerortt, keyupdate, rebinding, migration. Each downloads
/x?bytes=N over HTTP/3; what was seen of the feature is in the report. Exit code 1: the download
failed."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from aioquic.quic.events import HandshakeCompleted, QuicEvent
from aioquic.tls import SessionTicket

from http_client import HttpClient
from peer import PeerOptions, PeerProtocol, describe, open_peer


async def half(client: HttpClient, wanted: int, peer: PeerProtocol) -> None:
    while client.body_bytes < wanted / 2:
        if peer.termination is not None:
            raise ConnectionError(describe(peer.termination))
        await asyncio.sleep(0.001)


def count_frames(peer: PeerProtocol) -> dict[str, int]:
    """Frames that came from the server."""
    seen = {"challenges": 0, "responses": 0}

    def counting(name: str, handler):
        def handle(context, frame_type, buf):
            seen[name] += 1
            handler(context, frame_type, buf)

        return handle

    handlers = peer._quic._QuicConnection__frame_handlers
    for frame_type, name in ((0x1A, "challenges"), (0x1B, "responses")):
        handler, epochs = handlers[frame_type]
        handlers[frame_type] = (counting(name, handler), epochs)
    return seen


async def exercise(peer: PeerProtocol, feature: str, client: HttpClient, wanted: int) -> None:
    """What happens when half of the body is here; for most features, nothing."""
    if feature not in ("keyupdate", "rebinding", "migration"):
        return
    await half(client, wanted, peer)
    if feature == "keyupdate":
        peer._quic.request_key_update()
    if feature == "migration":
        # A connection ID not used before belongs to a new address (RFC 9000 §9.5).
        peer._quic.change_connection_id()
    if feature in ("rebinding", "migration"):
        await peer.rebind()
    peer._quic.send_ping(0)
    peer.transmit()


async def download(
    args: argparse.Namespace, ticket: SessionTicket | None, early: bool
) -> tuple[dict, SessionTicket | None]:
    tickets: list[SessionTicket] = []
    handshake: list[HandshakeCompleted] = []
    options = PeerOptions(
        host=args.host,
        port=args.port,
        ticket=ticket,
        on_ticket=tickets.append,
        wait_connected=not early,
    )
    async with open_peer(options) as peer:
        client = HttpClient(peer, "h3", f"{args.host}:{args.port}")
        to_http = peer.on_event

        def on_event(event: QuicEvent) -> None:
            if isinstance(event, HandshakeCompleted):
                handshake.append(event)
            to_http(event)

        peer.on_event = on_event
        seen = count_frames(peer)
        tls = peer._quic.tls
        path = f"/x?bytes={args.bytes}"
        answer, _ = await asyncio.gather(
            client.get(path, args.timeout),
            exercise(peer, args.feature, client, args.bytes),
        )
        # What was sent last may still be on its way.
        await asyncio.sleep(0.05)
        keys = peer._quic._cryptos[next(e for e in peer._quic._cryptos if e.name == "ONE_RTT")]
        report = {
            **answer.report(),
            **seen,
            "resumed": tls.session_resumed,
            "early": early and tls.early_data_accepted,
            "retries": int(peer._quic._retry_source_connection_id is not None),
            "updated_keys": keys.recv.key_phase,
        }
        return report, tickets[-1] if tickets else None


async def run(args: argparse.Namespace) -> dict:
    report, ticket = await download(args, None, False)
    if args.feature in ("resumption", "zerortt") and report["error"] is None:
        if ticket is None:
            return {**report, "error": "no session ticket came"}
        report, _ = await download(args, ticket, args.feature == "zerortt")
    return report


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--feature", default="handshake")
    parser.add_argument("--bytes", type=int, default=1_000_000)
    parser.add_argument("--timeout", type=float, default=20, help="seconds for each download")
    report = asyncio.run(run(parser.parse_args()))
    print(json.dumps(report))
    return 1 if report["error"] else 0


if __name__ == "__main__":
    sys.exit(main())
