"""Keeps connections busy while threads of the server come and go, and says how each ended, as JSON.

  python watch.py --port 4433 --connections 12 --path /a.bin --sha256 DIGEST

Every connection asks which thread it is on (/who: x-thread, a name, and x-born, an id of its start),
leaves a request body unread (/hold), and then asks for --path over and over. One that ends is
replaced. Standard input: `ask THREAD PATH` sends a request on some connection of that thread, `stop`
ends."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from http_client import HttpClient
from peer import PeerOptions, PeerProtocol, open_peer

HOLD_BYTES = 100_000
# An answer that takes so long is a failure: nothing on the way loses packets for so long.
ANSWER_SECONDS = 20.0
REOPEN_SECONDS = 0.05


class Watched:
    """One connection, from its handshake to its end."""

    def __init__(self, peer: PeerProtocol, authority: str) -> None:
        self.peer = peer
        self.client = HttpClient(peer, "h3", authority)
        self.thread = ""
        self.born = ""
        self.answers = 0
        self.wrong = 0
        self.failures: list[str] = []
        self.ended: float | None = None
        peer_event = peer.on_event

        def on_event(event) -> None:
            peer_event(event)
            if peer.termination is not None and self.ended is None:
                self.ended = time.time()

        peer.on_event = on_event

    async def who(self) -> bool:
        answer = await self.client.get("/who", ANSWER_SECONDS)
        if answer.error is not None:
            self.failures.append(answer.error)
            return False
        self.thread, self.born = answer.headers["x-thread"], answer.headers["x-born"]
        return True

    def hold(self) -> None:
        stream_id = self.peer._quic.get_next_available_stream_id()
        self.client.start("POST", "/hold", end=False)
        self.client._http.send_data(stream_id, bytes(HOLD_BYTES), end_stream=False)
        self.peer.transmit()

    async def load(self, path: str, sha256: str, running: asyncio.Event) -> None:
        while running.is_set() and self.peer.termination is None:
            answer = await self.client.get(path, ANSWER_SECONDS)
            if answer.error is not None:
                self.failures.append(answer.error)
                return
            self.answers += 1
            if answer.status != 200 or answer.hash.hexdigest() != sha256:
                self.wrong += 1

    def report(self) -> dict[str, object]:
        end = None
        if self.peer.termination is not None and self.ended is not None:
            end = {
                "code": self.peer.termination.error_code,
                # Only CONNECTION_CLOSE of the transport (0x1c) names a frame type.
                "transport": self.peer.termination.frame_type is not None,
                "reason": self.peer.termination.reason_phrase,
                # Since 1970: it is compared with the time that the thread was ended.
                "seconds": round(self.ended, 3),
            }
        return {
            "thread": self.thread,
            "born": self.born,
            "answers": self.answers,
            "wrong": self.wrong,
            "failures": self.failures,
            "end": end,
        }


class Watch:
    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.running = asyncio.Event()
        self.live: list[Watched] = []
        self.reports: list[dict[str, object]] = []
        self.refused: list[str] = []

    async def slot(self) -> None:
        options = PeerOptions(host=self.args.host, port=self.args.port)
        while self.running.is_set():
            try:
                async with open_peer(options) as peer:
                    await self.use(Watched(peer, f"localhost:{self.args.port}"))
            except ConnectionError as error:
                self.refused.append(str(error))
            await asyncio.sleep(REOPEN_SECONDS)

    async def use(self, watched: Watched) -> None:
        self.live.append(watched)
        try:
            if await watched.who():
                watched.hold()
                await watched.load(self.args.path, self.args.sha256, self.running)
        finally:
            self.live.remove(watched)
            self.reports.append(watched.report())

    def command(self, line: str) -> None:
        words = line.split()
        if words[:1] != ["ask"]:
            self.running.clear()
            return
        thread, path = " ".join(words[1:-1]), words[-1]
        for watched in self.live:
            if watched.thread == thread and watched.peer.termination is None:
                watched.client.start("GET", path, end=True)
                return
        self.refused.append(f"no connection to {thread}")

    async def run(self) -> dict[str, object]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        self.running.set()
        slots = [asyncio.create_task(self.slot()) for _ in range(self.args.connections)]
        while self.running.is_set():
            self.command((await reader.readline()).decode().strip())
        await asyncio.gather(*slots)
        return {"connections": self.reports, "refused": self.refused}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--connections", type=int, default=12)
    parser.add_argument("--path", default="/")
    parser.add_argument("--sha256", required=True, help="of each answer's body")
    args = parser.parse_args()

    async def all_of_it() -> dict[str, object]:
        return await Watch(args).run()

    print(json.dumps(asyncio.run(all_of_it())))


if __name__ == "__main__":
    main()
