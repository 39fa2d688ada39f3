"""picoquic as a server of the interop runner: one folder over hq-interop, until SIGTERM.

    TESTCASE=retry endpoint_server.py --folder /www --certificate cert.pem --key priv.key

It listens on all addresses of both families."""

from __future__ import annotations

import argparse
import asyncio
import os

from aiopquic.asyncio import serve
from aiopquic.asyncio.protocol import QuicConnectionProtocol
from aiopquic.quic.events import QuicEvent, StreamDataReceived

from endpoint import configuration
from endpoint_program import TESTCASE, asked_to_stop, server_main

# Of one write; the library refuses more than 4 MiB.
PIECE_BYTES = 256 << 10


class FolderServer(QuicConnectionProtocol):
    folder = "."

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._requests: dict[int, bytes] = {}
        self._answers: set[asyncio.Task[None]] = set()

    def quic_event_received(self, event: QuicEvent) -> None:
        if not isinstance(event, StreamDataReceived):
            return
        request = self._requests.pop(event.stream_id, b"") + bytes(event.data)
        if not event.end_stream:
            self._requests[event.stream_id] = request
            return
        answer = asyncio.get_running_loop().create_task(self._answer(event.stream_id, request))
        # The loop keeps no hold of it.
        self._answers.add(answer)
        answer.add_done_callback(self._answers.discard)

    async def _answer(self, stream_id: int, request: bytes) -> None:
        name = os.path.basename(request.decode().removeprefix("GET ").strip())
        body = b""
        # hq-interop has no status: what is not there is an empty answer.
        if name and os.path.isfile(os.path.join(self.folder, name)):
            with open(os.path.join(self.folder, name), "rb") as file:
                body = file.read()
        pieces = range(0, max(len(body), 1), PIECE_BYTES)
        for start in pieces:
            piece = body[start : start + PIECE_BYTES]
            await self._quic.send_stream_data_drained(stream_id, piece, start == pieces[-1])


async def run(args: argparse.Namespace) -> None:
    config = configuration(is_client=False)
    config.load_cert_chain(args.certificate, args.key)
    FolderServer.folder = args.folder
    stop = asked_to_stop()
    server = await serve(
        "::",
        args.port,
        configuration=config,
        create_protocol=FolderServer,
        retry=TESTCASE == "retry",
    )
    await stop.wait()
    server.close()


if __name__ == "__main__":
    server_main(__doc__, run)
