"""Sends streams and datagrams to an `echo` server and prints what came back as JSON.

  python echo.py --port 4433 --upload 1000000
  python echo.py --port 4433 --upload 100000000 --streams 2
  python echo.py --port 4433 --datagrams 1000 --datagram-bytes 1000

Exit code 1: a stream came back different. Lost datagrams are counted, not an error: they may be
lost."""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import struct
import sys
import time

from aioquic.quic.events import (
    ConnectionTerminated,
    DatagramFrameReceived,
    QuicEvent,
    StreamDataReceived,
    StreamReset,
)

from peer import PeerOptions, PeerProtocol, describe, open_peer

BLOCK_BYTES = 64 << 10
# Datagrams sent between two looks at the socket: more at once only overflow buffers.
DATAGRAM_BURST = 8


class EchoClient:
    def __init__(self, peer: PeerProtocol, seed: int) -> None:
        self.peer = peer
        self.random = random.Random(seed)
        self.received: dict[int, tuple] = {}
        self.ended: dict[int, asyncio.Event] = {}
        self.sizes: dict[int, int] = {}
        self.error: str | None = None
        self.datagrams: list[bytes] = []
        peer.on_event = self.on_event

    def on_event(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self.received[event.stream_id].update(event.data)
            self.sizes[event.stream_id] += len(event.data)
            if event.end_stream:
                self.ended[event.stream_id].set()
        elif isinstance(event, DatagramFrameReceived):
            self.datagrams.append(event.data)
        elif isinstance(event, (ConnectionTerminated, StreamReset)):
            closed = isinstance(event, ConnectionTerminated)
            self.error = describe(event) if closed else f"reset with 0x{event.error_code:x}"
            for ended in self.ended.values():
                ended.set()

    async def upload(self, total: int) -> dict:
        stream_id = self.peer._quic.get_next_available_stream_id()
        # Claims the id before another upload asks for one.
        self.peer._quic.send_stream_data(stream_id, b"", end_stream=total == 0)
        self.received[stream_id] = hashlib.sha256()
        self.ended[stream_id] = asyncio.Event()
        self.sizes[stream_id] = 0
        sent = hashlib.sha256()
        block = self.random.randbytes(BLOCK_BYTES)
        started = time.monotonic()
        for offset in range(0, total, BLOCK_BYTES):
            # The offset in the first bytes: a block in the wrong place shows.
            data = (struct.pack("!Q", offset) + block[8:])[: total - offset]
            sent.update(data)
            await self.peer.send_bytes(stream_id, data, fin=offset + BLOCK_BYTES >= total)
        self.peer.transmit()
        await self.ended[stream_id].wait()
        return {
            "bytes": total,
            "received_bytes": self.sizes[stream_id],
            "equal": self.error is None and sent.digest() == self.received[stream_id].digest(),
            "sha256": sent.hexdigest(),
            "seconds": round(time.monotonic() - started, 3),
        }

    async def send_datagrams(self, count: int, size: int) -> dict:
        sent = [struct.pack("!I", i) + self.random.randbytes(size - 4) for i in range(count)]
        for i, data in enumerate(sent):
            self.peer._quic.send_datagram_frame(data)
            if i % DATAGRAM_BURST == DATAGRAM_BURST - 1:
                self.peer.transmit()
                await asyncio.sleep(0.002)
        self.peer.transmit()
        deadline = time.monotonic() + 3
        while len(self.datagrams) < count and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        intact = set(sent).intersection(self.datagrams)
        return {
            "sent": count,
            "received": len(self.datagrams),
            "intact": len(intact),
            "foreign": len(set(self.datagrams) - set(sent)),
        }


async def run(args: argparse.Namespace) -> dict:
    options = PeerOptions(host=args.host, port=args.port, alpn=args.alpn)
    async with open_peer(options) as peer:
        client = EchoClient(peer, args.seed)
        report: dict = {"uploads": [], "datagrams": None}
        if args.upload >= 0:
            report["uploads"] = await asyncio.gather(
                *(client.upload(args.upload) for _ in range(args.streams))
            )
        if args.datagrams > 0:
            report["datagrams"] = await client.send_datagrams(args.datagrams, args.datagram_bytes)
        report["error"] = client.error
        return report


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--alpn", default="echo")
    parser.add_argument("--upload", type=int, default=-1, help="bytes per stream")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--datagrams", type=int, default=0)
    parser.add_argument("--datagram-bytes", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=300)
    args = parser.parse_args()
    report = asyncio.run(asyncio.wait_for(run(args), args.timeout))
    print(json.dumps(report))
    return 0 if report["error"] is None and all(u["equal"] for u in report["uploads"]) else 1


if __name__ == "__main__":
    sys.exit(main())
