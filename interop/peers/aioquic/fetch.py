"""Fetches paths over HTTP/3 or hq-interop and prints the SHA-256 of each as JSON.

  python fetch.py --port 4433 /index.html
  python fetch.py --port 4433 --alpn hq-interop --connections 4 --paths-file paths.txt
  python fetch.py --port 4433 --rebind-every 0.2 --rebind-count 20 --no-spare-ids /large.bin

--rebind-every moves the client to another local port that often while bytes still come. Exit
code 1: some path failed."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from http_client import Answer, HttpClient
from peer import PeerOptions, PeerProtocol, open_peer


async def rebind_now_and_then(peer: PeerProtocol, every: float, count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(every)
        if peer.termination is not None:
            return
        await peer.rebind()
        # Something must leave the new port before the server can know of it.
        peer._quic.send_ping(0)
        peer.transmit()


async def keep_alive(peer: PeerProtocol, every: float) -> None:
    """PINGs, as browsers send while an answer is due.

    After a rebinding the server learns the new address only from a packet of the client's. One that
    merely receives sends none when everything sent to its old address is lost: without this, both
    could wait until the idle timeout.
    """
    while peer.termination is None:
        await asyncio.sleep(every)
        peer._quic.send_ping(0)
        peer.transmit()


async def fetch_share(
    args: argparse.Namespace, index: int, paths: list[str]
) -> tuple[list[dict], int]:
    """One connection's share of the paths; its reports and rebindings."""
    options = PeerOptions(
        host=args.host,
        port=args.port,
        alpn=args.alpn,
        offer_spare_ids=not args.no_spare_ids,
        id_limit=args.id_limit,
    )
    reports: list[dict] = []
    try:
        async with open_peer(options, args.handshake_timeout) as peer:
            host = f"[{args.host}]" if ":" in args.host else args.host
            client = HttpClient(peer, args.alpn, f"{host}:{args.port}")
            tasks = []
            if args.rebind_every > 0:
                rebinding = rebind_now_and_then(peer, args.rebind_every, args.rebind_count)
                tasks.append(asyncio.create_task(rebinding))
            if args.ping_every > 0:
                tasks.append(asyncio.create_task(keep_alive(peer, args.ping_every)))
            gate = asyncio.Semaphore(args.parallel)

            async def one(path: str) -> Answer:
                async with gate:
                    return await client.get(path, args.timeout)

            answers = await asyncio.gather(*(one(path) for path in paths))
            for task in tasks:
                task.cancel()
            reports = [answer.report() for answer in answers]
            return [{**report, "connection": index} for report in reports], peer.rebindings
    except (OSError, asyncio.TimeoutError) as error:
        why = f"{type(error).__name__}: {error}"
        return [{"path": path, "error": why, "connection": index} for path in paths], 0


async def run(args: argparse.Namespace) -> dict:
    paths = list(args.paths)
    if args.paths_file:
        with open(args.paths_file, encoding="utf-8") as file:
            paths += file.read().split()
    shares = [paths[i :: args.connections] for i in range(args.connections)]
    started = time.monotonic()
    results = await asyncio.gather(
        *(fetch_share(args, i, share) for i, share in enumerate(shares))
    )
    return {
        "seconds": round(time.monotonic() - started, 3),
        "connections": len(shares),
        "rebindings": sum(rebindings for _, rebindings in results),
        "files": [report for reports, _ in results for report in reports],
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--alpn", default="h3")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=8, help="requests at a time per connection")
    parser.add_argument("--rebind-every", type=float, default=0, help="seconds; 0: never")
    parser.add_argument("--rebind-count", type=int, default=0)
    parser.add_argument("--ping-every", type=float, default=0, help="seconds; 0: never")
    parser.add_argument("--no-spare-ids", action="store_true", help="give the server one ID only")
    parser.add_argument("--id-limit", type=int, default=8, help="our active_connection_id_limit")
    parser.add_argument("--handshake-timeout", type=float, default=10, help="seconds")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for each path")
    parser.add_argument("--paths-file")
    parser.add_argument("paths", nargs="*")
    report = asyncio.run(run(parser.parse_args()))
    print(json.dumps(report))
    return 1 if any(file["error"] for file in report["files"]) else 0


if __name__ == "__main__":
    sys.exit(main())
