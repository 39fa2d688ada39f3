"""aioquic as a server of the interop runner: one folder, as TESTCASE wants it, until SIGTERM.

    TESTCASE=retry endpoint_server.py --folder /www --certificate cert.pem --key priv.key"""

from __future__ import annotations

import argparse
import asyncio
import os
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h0.connection import H0Connection
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.events import ProtocolNegotiated, QuicEvent

from endpoint import configuration
from endpoint_program import TESTCASE, asked_to_stop, server_main
from server import TicketStore


class FolderServer(QuicConnectionProtocol):
    folder = "."

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._http: H0Connection | H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self._http = (H3Connection if TESTCASE == "http3" else H0Connection)(self._quic)
        if self._http is None:
            return
        for http_event in self._http.handle_event(event):
            if isinstance(http_event, HeadersReceived):
                self._answer(http_event.stream_id, dict(http_event.headers))

    def _answer(self, stream_id: int, headers: dict[bytes, bytes]) -> None:
        assert self._http is not None
        name = os.path.basename(urlsplit(headers[b":path"].decode()).path)
        status, body = b"404", b""
        # hq-interop has no status: what is not there is an empty answer.
        if os.path.isfile(os.path.join(self.folder, name)):
            with open(os.path.join(self.folder, name), "rb") as file:
                status, body = b"200", file.read()
        fields = [(b":status", status), (b"content-length", str(len(body)).encode())]
        self._http.send_headers(stream_id, fields)
        self._http.send_data(stream_id, body, end_stream=True)


async def run(args: argparse.Namespace) -> None:
    config = configuration(is_client=False)
    config.load_cert_chain(args.certificate, args.key)
    FolderServer.folder = args.folder
    tickets = TicketStore()
    stop = asked_to_stop()
    server = await serve(
        "::",
        args.port,
        configuration=config,
        create_protocol=FolderServer,
        session_ticket_fetcher=tickets.pop,
        session_ticket_handler=tickets.add,
        retry=TESTCASE == "retry",
    )
    await stop.wait()
    # Its logs are written when a connection ends.
    server.close()
    await asyncio.sleep(0.5)


if __name__ == "__main__":
    server_main(__doc__, run)
