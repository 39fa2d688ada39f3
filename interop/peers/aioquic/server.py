"""A server on aioquic's public API: files over HTTP/3 and HTTP/0.9.

    server.py --folder /srv/www --certificate cert.pem --key key.pem [--retry] [--key-update]
              [--early-data]

Prints lines of JSON: {"port": ...} when it listens, {"event": "key update"} when it began one, and
of each connection that ended whether it was resumed and whether early data was taken."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from urllib.parse import urlsplit

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h0.connection import H0_ALPN, H0Connection
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    ProtocolNegotiated,
    QuicEvent,
)
from aioquic.tls import SessionTicket


def say(value: dict) -> None:
    print(json.dumps(value), flush=True)


class TicketStore:
    """Of all connections; each ticket is good for one."""

    def __init__(self) -> None:
        self._tickets: dict[bytes, SessionTicket] = {}

    def add(self, ticket: SessionTicket) -> None:
        self._tickets[ticket.ticket] = ticket

    def pop(self, label: bytes) -> SessionTicket | None:
        return self._tickets.pop(label, None)


class FileServer(QuicConnectionProtocol):
    folder = "."
    updates_keys = False

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._http: H0Connection | H3Connection | None = None
        self._seen = {"resumed": False, "early": False, "requests": 0}

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            is_h3 = event.alpn_protocol in H3_ALPN
            self._http = H3Connection(self._quic) if is_h3 else H0Connection(self._quic)
        elif isinstance(event, HandshakeCompleted):
            self._seen["resumed"] = event.session_resumed
            self._seen["early"] = event.early_data_accepted
        elif isinstance(event, ConnectionTerminated):
            say(self._seen)
        if self._http is None:
            return
        for http_event in self._http.handle_event(event):
            if isinstance(http_event, HeadersReceived):
                self._answer(http_event.stream_id, dict(http_event.headers))
        self.transmit()

    def _answer(self, stream_id: int, headers: dict[bytes, bytes]) -> None:
        assert self._http is not None
        self._seen["requests"] += 1
        path = urlsplit(headers[b":path"].decode()).path
        name = os.path.join(self.folder, os.path.basename(path))
        found = os.path.isfile(name)
        body = b""
        if found:
            with open(name, "rb") as file:
                body = file.read()
        status = b"200" if found else b"404"
        fields = [(b":status", status), (b"content-length", str(len(body)).encode())]
        self._http.send_headers(stream_id, fields)
        half = len(body) // 2
        self._http.send_data(stream_id, body[:half], end_stream=False)
        if self.updates_keys:
            asyncio.get_running_loop().call_soon(self._update_keys)
        self._http.send_data(stream_id, body[half:], end_stream=True)

    def _update_keys(self) -> None:
        # Not before the handshake is confirmed (RFC 9001 §6.1), which the first request shows.
        self._quic.request_key_update()
        say({"event": "key update"})
        self.transmit()


async def run(args: argparse.Namespace) -> None:
    configuration = QuicConfiguration(
        is_client=False,
        alpn_protocols=H3_ALPN + H0_ALPN,
        max_datagram_frame_size=65535,
    )
    configuration.load_cert_chain(args.certificate, args.key)
    FileServer.folder = args.folder
    FileServer.updates_keys = args.key_update
    tickets = TicketStore()
    server = await serve(
        "127.0.0.1",
        args.port,
        configuration=configuration,
        create_protocol=FileServer,
        session_ticket_fetcher=tickets.pop if args.early_data else None,
        session_ticket_handler=tickets.add if args.early_data else None,
        retry=args.retry,
    )
    say({"port": server._transport.get_extra_info("sockname")[1]})
    await asyncio.Future()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--retry", action="store_true", help="for every client")
    parser.add_argument("--key-update", action="store_true", help="in each response")
    parser.add_argument("--early-data", action="store_true", help="tickets, with early data")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
