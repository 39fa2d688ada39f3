"""Version information that lies (RFC 9368 §4), from either side; prints JSON.

  python versions.py --port 4433 chosen-other zero     a client's, each on a connection of its own
  python versions.py --serve chosen-other --folder F --certificate C --key K [--port 4433]

A client prints {"closes": {NAME: error code, or null where the server went on}}. --serve is
server.py with the lie in each handshake. It reaches into aioquic, whose version is pinned."""

from __future__ import annotations

import argparse
import asyncio
import json

from aioquic.buffer import Buffer
from aioquic.quic import packet

import server
from peer import PeerOptions, open_peer

V1 = bytes.fromhex("00000001")
V2 = bytes.fromhex("6b3343cf")
RESERVED = bytes.fromhex("1a2a3a4a")

# The parameter's content, on a connection of version 1: the chosen version, and those available.
LIES = {
    "chosen-other": V2 + V2 + V1,
    "chosen-not-available": V1 + V2,
    "chosen-zero": bytes(4) + V1,
    "available-zero": V1 + V1 + bytes(4),
    "odd-length": V1 + V1 + V2[:2],
    "too-short": V1[:3],
    "empty": b"",
    # No lies.
    "reserved": V1 + RESERVED + V1,
    "one-alone": V1 + V1,
}


def lie(name: str) -> None:
    def push(buf: Buffer, _information: packet.QuicVersionInformation) -> None:
        buf.push_bytes(LIES[name])

    packet.push_quic_version_information = push


async def tell(name: str, args: argparse.Namespace) -> int | None:
    lie(name)
    try:
        async with open_peer(PeerOptions(port=args.port, alpn="h3")) as peer:
            await asyncio.wait_for(peer.ping(), 5)
            return None
    except ConnectionError as error:
        # describe(): "closed with 0x8 ..."
        return int(str(error).split()[2], 16)


async def tell_all(args: argparse.Namespace) -> dict:
    return {"closes": {name: await tell(name, args) for name in args.lies}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--serve", choices=LIES)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("lies", nargs="*", choices=[[], *LIES])
    args = parser.parse_args()
    if args.serve is None:
        print(json.dumps(asyncio.run(tell_all(args))))
        return
    lie(args.serve)
    args.retry = args.key_update = args.early_data = False
    asyncio.run(server.run(args))


if __name__ == "__main__":
    main()
