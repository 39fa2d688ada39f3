"""What clients and servers in Python share for the interop runner, whatever QUIC is under them."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

TESTCASE = os.environ.get("TESTCASE", "")

Run = Callable[[argparse.Namespace], Awaitable[None]]


class Downloads:
    """The bodies of one connection's streams, each written into its file as it comes."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._files: dict[int, object] = {}

    def begin(self, stream_id: int, url: str, folder: str) -> asyncio.Future[None]:
        """Its result: the whole body is in the file."""
        name = os.path.basename(urlsplit(url).path)
        self._files[stream_id] = open(os.path.join(folder, name), "wb")
        self._waiting[stream_id] = asyncio.get_running_loop().create_future()
        return self._waiting[stream_id]

    def __contains__(self, stream_id: int) -> bool:
        return stream_id in self._waiting

    def write(self, stream_id: int, data: bytes) -> None:
        self._files[stream_id].write(data)

    def finish(self, stream_id: int, error: Exception | None = None) -> None:
        waiting = self._waiting.pop(stream_id, None)
        if waiting is None:
            return
        self._files.pop(stream_id).close()
        if error is not None:
            waiting.set_exception(error)
        else:
            waiting.set_result(None)

    def fail(self, error: Exception) -> None:
        for stream_id in list(self._waiting):
            self.finish(stream_id, error)


def client_main(description: str | None, run: Run) -> int:
    """Exit code 0 when all files are there. `run` gets `urls` and `downloads`, a folder."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
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
    except (OSError, asyncio.TimeoutError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def server_main(description: str | None, run: Run) -> None:
    """`run` gets `port`, `folder`, `certificate` and `key`."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=443)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    asyncio.run(run(parser.parse_args()))


def asked_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    # The first process of a container gets no signal that it has no handler for.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
