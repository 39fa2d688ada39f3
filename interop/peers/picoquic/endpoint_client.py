"""picoquic as a client of the interop runner: fetches URLs over hq-interop, as TESTCASE wants it.

    TESTCASE=transfer endpoint_client.py --downloads /downloads https://server4:443/a ...

Exit code 0 when all files are there."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from urllib.parse import urlsplit

from aiopquic.asyncio import connect
from aiopquic.asyncio.protocol import QuicConnectionProtocol
from aiopquic.quic.events import ConnectionTerminated, QuicEvent, StreamDataReceived, StreamReset

from endpoint import configuration
from endpoint_program import TESTCASE, Downloads, client_main


class Fetcher(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._downloads = Downloads()

    async def fetch(self, url: str, downloads: str) -> None:
        """Until the whole body is in the file."""
        stream_id = self._quic.get_next_available_stream_id()
        done = self._downloads.begin(stream_id, url, downloads)
        request = f"GET {urlsplit(url).path}\r\n".encode()
        await self._quic.send_stream_data_drained(stream_id, request, end_stream=True)
        await done

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            self._downloads.fail(ConnectionError(f"closed with 0x{event.error_code:x}"))
        elif isinstance(event, StreamReset):
            error = ConnectionError(f"reset with 0x{event.error_code:x}")
            self._downloads.finish(event.stream_id, error)
        elif isinstance(event, StreamDataReceived) and event.stream_id in self._downloads:
            self._downloads.write(event.stream_id, event.data)
            if event.end_stream:
                self._downloads.finish(event.stream_id)


async def fetch_all(
    urls: list[str], downloads: str, tickets: str | None = None, early: bool = False
) -> None:
    """Over one connection, all at once. `tickets`: a file that they are kept in."""
    config = configuration(is_client=True)
    config.session_ticket_file = tickets
    parts = urlsplit(urls[0])
    async with connect(
        parts.hostname,
        parts.port or 443,
        configuration=config,
        create_protocol=Fetcher,
        wait_connected=not early,
    ) as peer:
        await asyncio.gather(*(peer.fetch(url, downloads) for url in urls))


async def run(args: argparse.Namespace) -> None:
    urls, downloads = args.urls, args.downloads
    if TESTCASE == "multiconnect":
        for url in urls:
            await fetch_all([url], downloads)
    elif TESTCASE in ("resumption", "zerortt"):
        with tempfile.TemporaryDirectory() as folder:
            tickets = os.path.join(folder, "tickets")
            await fetch_all(urls[:1], downloads, tickets)
            await fetch_all(urls[1:], downloads, tickets, early=TESTCASE == "zerortt")
    else:
        await fetch_all(urls, downloads)


if __name__ == "__main__":
    sys.exit(client_main(__doc__, run))
