"""GET and PUT over HTTP/3 or HTTP/0.9 on one PeerProtocol; bodies are hashed as they come, never
kept."""

from __future__ import annotations

import asyncio
import hashlib
import time

from aioquic.h0.connection import H0Connection
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset

from peer import PeerProtocol, describe


class Answer:
    """One response, growing until `done` is set."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.status = 0
        self.headers: dict[str, str] = {}
        self.bytes = 0
        self.hash = hashlib.sha256()
        self.error: str | None = None
        self.done = asyncio.Event()
        self._started = self._last = time.monotonic()
        self._silence = 0.0
        self._seconds = 0.0

    def arrived(self) -> None:
        """Something of it came: notes how long nothing had."""
        now = time.monotonic()
        self._silence = max(self._silence, now - self._last)
        self._last = now

    def finish(self) -> None:
        if not self.done.is_set():
            self._seconds = time.monotonic() - self._started
            self.done.set()

    def fail(self, why: str) -> None:
        if not self.done.is_set():
            self.error = why
            self.finish()

    def report(self) -> dict[str, object]:
        return {
            "path": self.path,
            "status": self.status,
            "bytes": self.bytes,
            "sha256": self.hash.hexdigest(),
            "error": self.error,
            "seconds": round(self._seconds, 3),
            "longest_silence": round(self._silence, 3),
        }


class HttpClient:
    def __init__(self, peer: PeerProtocol, alpn: str, authority: str) -> None:
        self._peer = peer
        self._authority = authority
        self._http = H3Connection(peer._quic) if alpn.startswith("h3") else H0Connection(peer._quic)
        self._answers: dict[int, Answer] = {}
        self.body_bytes = 0
        peer.on_event = self._on_event

    async def get(self, path: str, seconds: float = 60.0) -> Answer:
        answer = self.start("GET", path, end=True)
        try:
            await asyncio.wait_for(answer.done.wait(), seconds)
        except asyncio.TimeoutError:
            answer.fail(f"no end within {seconds:g} s")
        return answer

    def start(self, method: str, path: str, end: bool) -> Answer:
        stream_id = self._peer._quic.get_next_available_stream_id()
        answer = Answer(path)
        self._answers[stream_id] = answer
        if self._peer.termination is not None:
            answer.fail(describe(self._peer.termination))
            return answer
        headers = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", self._authority.encode()),
            (b":path", path.encode()),
            (b"user-agent", b"aioquic"),
        ]
        self._http.send_headers(stream_id, headers, end_stream=end)
        self._peer.transmit()
        return answer

    def _on_event(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            for answer in self._answers.values():
                answer.fail(describe(event))
        elif isinstance(event, StreamReset) and event.stream_id in self._answers:
            self._answers[event.stream_id].fail(f"reset with 0x{event.error_code:x}")
        for http_event in self._http.handle_event(event):
            answer = self._answers.get(getattr(http_event, "stream_id", -1))
            if answer is None:
                continue
            answer.arrived()
            if isinstance(http_event, HeadersReceived):
                answer.headers.update((k.decode(), v.decode()) for k, v in http_event.headers)
                answer.status = int(answer.headers.get(":status", "200"))
            elif isinstance(http_event, DataReceived):
                answer.hash.update(http_event.data)
                answer.bytes += len(http_event.data)
                self.body_bytes += len(http_event.data)
            if getattr(http_event, "stream_ended", False):
                answer.finish()
