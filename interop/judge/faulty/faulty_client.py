"""The runner's client of hq-interop on aioquic, with one fault: see faults.py.

    ROLE=client TESTCASE=handshake REQUESTS=https://server4:443/a faulty_client.py --fault cut-file

Exits with 0 even when not all files arrived: the judge shall say so, not the exit code."""

from __future__ import annotations

import asyncio
import os
import ssl
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h0.connection import H0_ALPN
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent, StreamDataReceived
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite, SessionTicket
from faults import (
    CLIENT_FAULTS,
    Fault,
    configure,
    ignore_challenges,
    read_fault,
    reset_packet_number,
    versions,
)
from peer import open_socket

# Nothing for so long: what is missing will not come.
GIVE_UP_SECONDS = 5.0


class Fetcher(QuicConnectionProtocol):
    """Fetches files side by side into `files`."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.files: dict[str, bytearray] = {}
        self._streams: dict[int, str] = {}
        self._changed = asyncio.Event()
        self.received = 0
        self._moves_properly = False

    def request(self, path: str) -> None:
        stream = self._quic.get_next_available_stream_id()
        self._streams[stream] = path
        self.files[path] = bytearray()
        self._quic.send_stream_data(stream, f"GET {path}\r\n".encode(), end_stream=True)

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            self.files[self._streams[event.stream_id]] += event.data
            self.received += len(event.data)
            if event.end_stream:
                del self._streams[event.stream_id]
            self._changed.set()

    async def finish(self, until: int | None = None) -> None:
        """Until all is there, or `until` bytes, or nothing comes any more."""
        while self._streams and (until is None or self.received < until):
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), GIVE_UP_SECONDS)
            except TimeoutError:
                return

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        # At once: from its first datagram on.
        if self._moves_properly:
            self._quic.change_connection_id()

    async def move(self, properly: bool) -> None:
        """Goes on from a new socket, and properly with a new connection ID."""
        old = self._transport
        self._moves_properly = properly
        family = old.get_extra_info("socket").family
        await self._loop.create_datagram_endpoint(lambda: self, sock=open_socket(family))
        old.abort()
        self.transmit()


class Client:
    def __init__(self, testcase: str, fault: Fault, urls: list[str]) -> None:
        self.testcase = testcase
        self.fault = fault
        self.host = urlsplit(urls[0]).hostname
        self.paths = [urlsplit(url).path for url in urls]
        self.tickets: list[SessionTicket] = []
        self.files: dict[str, bytearray] = {}

    def _connect(self, ticket: SessionTicket | None = None, **options):
        configuration = QuicConfiguration(
            is_client=True,
            alpn_protocols=H0_ALPN,
            verify_mode=ssl.CERT_NONE,
            supported_versions=versions(self.testcase, self.fault, is_client=True),
            original_version=QuicProtocolVersion.VERSION_1,
            session_ticket=ticket,
        )
        if self.testcase == "chacha20":
            suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
            if self.fault.name == "two-ciphers":
                other = [CipherSuite.AES_128_GCM_SHA256, CipherSuite.AES_256_GCM_SHA384]
                suites.insert(self.fault.random.randrange(2), self.fault.random.choice(other))
            configuration.cipher_suites = suites
        return connect(
            self.host,
            443,
            configuration=configure(configuration, os.environ["SSLKEYLOGFILE"]),
            create_protocol=Fetcher,
            session_ticket_handler=self.tickets.append,
            **options,
        )

    async def fetch(self, paths: list[str], ticket: SessionTicket | None = None) -> None:
        early = ticket is not None and self.testcase == "zerortt"
        if self.fault.name == "no-early-data":
            early = False
        async with self._connect(ticket, wait_connected=not early) as fetcher:
            for path in paths:
                fetcher.request(path)
            fetcher.transmit()
            await self._disturb(fetcher)
            await fetcher.finish()
            self.files |= fetcher.files

    async def _disturb(self, fetcher: Fetcher) -> None:
        """What a case asks the client to do in a transfer."""
        if self.testcase == "keyupdate" and self.fault.name != "no-key-update":
            await fetcher.finish(until=10_000)
            fetcher._quic.request_key_update()
        if self.fault.name in ("reused-id", "moves"):
            await fetcher.finish(until=self.fault.random.randrange(10_000, 60_000))
            await fetcher.move(properly=self.fault.name == "moves")

    async def run(self) -> None:
        chance = self.fault.random
        first, rest = self.paths, []
        if self.testcase in ("resumption", "zerortt"):
            first, rest = self.paths[:1], self.paths[1:]
        extra = self.fault.name == "second-connection"
        before = chance.random() < 0.5
        if extra and before:
            await self.fetch(first[:1])
        if self.fault.name == "missing-file":
            first.pop(chance.randrange(len(first)))
        await self.fetch(first)
        if rest:
            resumes = self.fault.name != "no-resumption"
            await self.fetch(rest, self.tickets[-1] if resumes else None)
        if extra and not before:
            await self.fetch(first[:1])

    def write_files(self) -> None:
        chance = self.fault.random
        chosen = chance.choice(list(self.files))
        content = self.files[chosen]
        if self.fault.name == "cut-file":
            del content[chance.randrange(len(content)) :]
        elif self.fault.name == "altered-file":
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        elif self.fault.name == "extra-file":
            self.files[f"/surplus-{chance.randrange(1000)}"] = bytearray()
        for path, data in self.files.items():
            with open(f"/downloads{path}", "wb") as file:
                file.write(data)


def main() -> None:
    # Without "moves", which is what "reused-id" would be done right.
    fault = read_fault({**CLIENT_FAULTS, "moves": ""})
    if fault.name == "ignored-challenge":
        ignore_challenges(answered=fault.random.randrange(2))
    elif fault.name == "reset-packet-number":
        reset_packet_number()
    client = Client(os.environ["TESTCASE"], fault, os.environ["REQUESTS"].split())
    asyncio.run(client.run())
    client.write_files()


if __name__ == "__main__":
    main()
