"""picoquic as a client of the interop runner: fetches URLs over hq-interop, as TESTCASE wants it.

    TESTCASE=transfer endpoint_client.py --downloads /downloads https://server4:443/a ...

Exit code 0 when all files are there."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

from aiopquic.asyncio import connect
from aiopquic.asyncio.protocol import QuicConnectionProtocol
from aiopquic.quic.events import ConnectionTerminated, QuicEvent, StreamDataReceived, StreamReset

from endpoint import TESTCASE, configuration


class Fetcher(QuicConnectionProtocol):
    """One connection; writes each body into its file as it comes."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._files: dict[int, object] = {}

    async def fetch(self, url: str, downloads: str) -> None:
        """Until the whole body is in the file."""
        path = urlsplit(url).path
        stream_id = self._quic.get_next_available_stream_id()
        self._files[stream_id] = open(os.path.join(downloads, os.path.basename(path)), "wb")
        done = self._waiting[stream_id] = asyncio.get_running_loop().create_future()
        request = f"GET {path}\r\n".encode()
        await self._quic.send_stream_data_drained(stream_id, request, end_stream=True)
        await done

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            for stream_id in list(self._waiting):
                self._finish(stream_id, ConnectionError(f"closed with 0x{event.error_code:x}"))
        elif isinstance(event, StreamReset):
            self._finish(event.stream_id, ConnectionError(f"reset with 0x{event.error_code:x}"))
        elif isinstance(event, StreamDataReceived) and event.stream_id in self._waiting:
            self._files[event.stream_id].write(event.data)
            if event.end_stream:
                self._finish(event.stream_id)

    def _finish(self, stream_id: int, error: Exception | None = None) -> None:
        waiting = self._waiting.pop(stream_id, None)
        if waiting is None:
            return
        self._files.pop(stream_id).close()
        if error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result(None)


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


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--downloads", required=True)
    parser.add_argument("--wait", help="HOST:PORT over TCP, before anything else")
    parser.add_argument("urls", nargs="+")
    args = parser.parse_args()
    # Only now: Python takes half a second and more to load all this.
    if args.wait and subprocess.run(["/wait-for-it.sh", args.wait, "-s", "-t", "30"]).returncode:
        return 1
    try:
        asyncio.run(run(args))
    except OSError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
