"""aioquic as a client of the interop runner: fetches URLs into a folder, as TESTCASE wants it.

    TESTCASE=transfer endpoint_client.py --downloads /downloads https://server4:443/a ...

Exit code 0 when all files are there."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol, connect
from aioquic.h0.connection import H0Connection
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.events import ConnectionTerminated, QuicEvent
from aioquic.tls import SessionTicket

from endpoint import configuration
from endpoint_program import TESTCASE, Downloads, client_main

# Of the server's ticket, after the last byte that was asked for.
TICKET_SECONDS = 10.0


class Fetcher(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._http = (H3Connection if TESTCASE == "http3" else H0Connection)(self._quic)
        self._downloads = Downloads()
        self._updated_keys = False

    def fetch(self, url: str, downloads: str) -> asyncio.Future[None]:
        """Its result: the whole body is in the file."""
        parts = urlsplit(url)
        stream_id = self._quic.get_next_available_stream_id()
        done = self._downloads.begin(stream_id, url, downloads)
        fields = [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":authority", parts.netloc.encode()),
            (b":path", parts.path.encode()),
        ]
        self._http.send_headers(stream_id, fields, end_stream=True)
        return done

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            reason = f"closed with 0x{event.error_code:x} {event.reason_phrase}"
            self._downloads.fail(ConnectionError(reason))
            return
        for http_event in self._http.handle_event(event):
            self._http_event(http_event)

    def _http_event(self, event) -> None:
        if isinstance(event, HeadersReceived):
            status = dict(event.headers).get(b":status", b"200")
            if status != b"200":
                error = ConnectionError(f"status {status.decode()}")
                self._downloads.finish(event.stream_id, error)
        if not isinstance(event, (HeadersReceived, DataReceived)):
            return
        if event.stream_id not in self._downloads:
            return
        if isinstance(event, DataReceived):
            self._downloads.write(event.stream_id, event.data)
            if TESTCASE == "keyupdate" and not self._updated_keys:
                self._updated_keys = True
                self._quic.request_key_update()
        if event.stream_ended:
            self._downloads.finish(event.stream_id)


async def fetch_all(
    urls: list[str],
    downloads: str,
    ticket: SessionTicket | None = None,
    early: bool = False,
    wants_ticket: bool = False,
) -> SessionTicket | None:
    """Over one connection, all at once; returns a ticket that came, if one is wanted."""
    config = configuration(is_client=True)
    # The runner's server has a certificate of the runner's own, for the names of its network.
    config.verify_mode = ssl.CERT_NONE
    config.session_ticket = ticket
    came: asyncio.Future[SessionTicket] = asyncio.get_running_loop().create_future()
    parts = urlsplit(urls[0])
    async with connect(
        parts.hostname,
        parts.port or 443,
        configuration=config,
        create_protocol=Fetcher,
        session_ticket_handler=lambda one: None if came.done() else came.set_result(one),
        wait_connected=not early,
    ) as peer:
        bodies = [peer.fetch(url, downloads) for url in urls]
        peer.transmit()
        await asyncio.gather(*bodies)
        return await asyncio.wait_for(came, TICKET_SECONDS) if wants_ticket else None


async def run(args: argparse.Namespace) -> None:
    urls, downloads = args.urls, args.downloads
    if TESTCASE == "multiconnect":
        for url in urls:
            await fetch_all([url], downloads)
    elif TESTCASE in ("resumption", "zerortt"):
        ticket = await fetch_all(urls[:1], downloads, wants_ticket=True)
        await fetch_all(urls[1:], downloads, ticket, early=TESTCASE == "zerortt")
    else:
        await fetch_all(urls, downloads)


if __name__ == "__main__":
    sys.exit(client_main(__doc__, run))
