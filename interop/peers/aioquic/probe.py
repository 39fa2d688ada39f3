"""Asks whether a server's transport goes on while its application is stuck; prints JSON.

  python probe.py --port 4433 --block-path /block?ms=1000
  python probe.py --port 4433 --block-path /block?ms=1000 --handshakes 20
  python probe.py --port 4433 --block-path /block?ms=1000 --ping-every 0.05

Requests the path that blocks the application, and until its answer comes opens new connections
and sends PINGs on an old one. Every figure in milliseconds; only what was answered before the
blocked answer came is counted."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable

from http_client import HttpClient
from peer import PeerOptions, open_peer


async def handshake_ms(options: PeerOptions, note: Callable[[float], None]) -> None:
    started = time.monotonic()
    async with open_peer(options):
        note((time.monotonic() - started) * 1000)


async def ping_until(peer, blocked: asyncio.Event, every: float) -> list[float]:
    times = []
    while not blocked.is_set():
        started = time.monotonic()
        await peer.ping()
        if not blocked.is_set():
            times.append((time.monotonic() - started) * 1000)
        await asyncio.sleep(every)
    return times


async def run(args: argparse.Namespace) -> dict:
    options = PeerOptions(host=args.host, port=args.port, alpn="h3")
    async with open_peer(options) as peer, open_peer(options) as old:
        client = HttpClient(peer, "h3", f"{args.host}:{args.port}")
        await client.get(args.warm_path)
        started = time.monotonic()
        answer = client.start("GET", args.block_path, end=True)
        # The request must have reached the application before anything else is measured.
        await asyncio.sleep(args.lead)
        pings = asyncio.create_task(ping_until(old, answer.done, args.ping_every))
        handshakes: list[float] = []

        def note(took_ms: float) -> None:
            if not answer.done.is_set():
                handshakes.append(took_ms)

        # Spread over the block, and none waits for another to be closed.
        attempts = []
        while len(attempts) < args.handshakes and not answer.done.is_set():
            attempts.append(asyncio.create_task(handshake_ms(options, note)))
            await asyncio.sleep(args.handshake_every)
        await answer.done.wait()
        blocked_ms = (time.monotonic() - started) * 1000
        await asyncio.gather(*attempts)
        return {
            "blocked_ms": round(blocked_ms, 1),
            "status": answer.status,
            "handshakes_ms": [round(ms, 2) for ms in handshakes],
            "pings_ms": [round(ms, 2) for ms in await pings],
        }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--warm-path", default="/")
    parser.add_argument("--block-path", required=True)
    parser.add_argument("--handshakes", type=int, default=10)
    parser.add_argument("--handshake-every", type=float, default=0.05)
    parser.add_argument("--ping-every", type=float, default=0.05)
    parser.add_argument("--lead", type=float, default=0.1, help="seconds before the probes")
    parser.add_argument("--timeout", type=float, default=30)
    args = parser.parse_args()
    print(json.dumps(asyncio.run(asyncio.wait_for(run(args), args.timeout))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
