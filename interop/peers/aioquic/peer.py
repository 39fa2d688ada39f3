"""One client connection on aioquic's API, as every driver in this folder uses it.

Beyond what aioquic offers it can move to another local socket without telling the server (what
a NAT rebinding looks like from the server) and keep its spare connection IDs to itself. Those
two reach into aioquic, whose version is pinned."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, QuicEvent
from aioquic.tls import SessionTicket

# Asked for; the kernel may grant less. A Python client drains slowly, and a full socket looks like
# loss.
RECEIVE_BUFFER_BYTES = 4 << 20
# Unsent bytes per stream that a sender keeps in aioquic: enough for one round trip, small for its
# `del buffer[:n]`.
SEND_QUEUE_BYTES = 256 << 10
# How often a sender that found its queue full looks again.
SEND_POLL_SECONDS = 0.002


@dataclass
class PeerOptions:
    host: str = "127.0.0.1"
    port: int = 4433
    alpn: str = "h3"
    server_name: str = "localhost"
    # False: the server never gets a second connection ID of ours (RFC 9000 §5.1.1).
    offer_spare_ids: bool = True
    # Our active_connection_id_limit: how many of the server's IDs we keep (RFC 9000 §18.2).
    id_limit: int = 8
    window_bytes: int = 4 << 20
    idle_seconds: float = 30.0
    # Of an earlier connection, to resume it, with early data where the server allowed that.
    ticket: SessionTicket | None = None
    on_ticket: Callable[[SessionTicket], None] | None = None
    # False: open_peer() yields before the handshake is complete, for early data.
    wait_connected: bool = True
    # What is sent for the transport parameters that aioquic would send.
    alter_parameters: Callable[[bytes], bytes] | None = None


def alter_parameters(quic: QuicConnection, alter: Callable[[bytes], bytes] | None) -> None:
    serialize = quic._serialize_transport_parameters
    if alter is not None:
        quic._serialize_transport_parameters = lambda: alter(serialize())


class PeerProtocol(QuicConnectionProtocol):
    """Hands every event to `on_event` and can change its socket."""

    def __init__(self, quic: QuicConnection) -> None:
        super().__init__(quic)
        self.on_event: Callable[[QuicEvent], None] = lambda event: None
        self.rebindings = 0
        self.termination: ConnectionTerminated | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            self.termination = event
        self.on_event(event)

    async def rebind(self, local_address: str | None = None) -> None:
        """Goes on from a new socket. Datagrams in flight to the old one are lost, as with a NAT."""
        old = self._transport
        family = old.get_extra_info("socket").family
        # connection_made() of the base class stores the new transport.
        await self._loop.create_datagram_endpoint(
            lambda: self, sock=open_socket(family, local_address)
        )
        old.abort()
        self.rebindings += 1

    async def send_bytes(self, stream_id: int, data: bytes, fin: bool) -> None:
        """Queues `data`, waiting while the stream's queue is long."""
        sender = self._quic._streams[stream_id].sender if stream_id in self._quic._streams else None
        while sender is not None and sender._buffer_stop - sender._buffer_start > SEND_QUEUE_BYTES:
            if self.termination is not None:
                raise ConnectionError(describe(self.termination))
            await asyncio.sleep(SEND_POLL_SECONDS)
        self._quic.send_stream_data(stream_id, data, end_stream=fin)
        self.transmit()


def describe(event: ConnectionTerminated | None) -> str:
    if event is None:
        return "closed"
    return f"closed with 0x{event.error_code:x} {event.reason_phrase}".rstrip()


def open_socket(family: int, local_address: str | None = None) -> socket.socket:
    any_address = "::" if family == socket.AF_INET6 else "0.0.0.0"
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    sock.setblocking(False)
    sock.bind((local_address or any_address, 0))
    return sock


def configuration_of(options: PeerOptions) -> QuicConfiguration:
    configuration = QuicConfiguration(
        is_client=True,
        alpn_protocols=[options.alpn],
        server_name=options.server_name,
        verify_mode=ssl.CERT_NONE,
        idle_timeout=options.idle_seconds,
        max_data=options.window_bytes * 4,
        max_stream_data=options.window_bytes,
        max_datagram_frame_size=65535,
        session_ticket=options.ticket,
    )
    return configuration


@contextlib.asynccontextmanager
async def open_peer(
    options: PeerOptions, handshake_seconds: float = 10.0
) -> AsyncIterator[PeerProtocol]:
    """Yields a connection whose handshake is complete, unless `options` say otherwise."""
    loop = asyncio.get_running_loop()
    quic = QuicConnection(
        configuration=configuration_of(options), session_ticket_handler=options.on_ticket
    )
    quic._local_active_connection_id_limit = options.id_limit
    alter_parameters(quic, options.alter_parameters)
    if not options.offer_spare_ids:
        quic._replenish_connection_ids = lambda: None
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    _, peer = await loop.create_datagram_endpoint(
        lambda: PeerProtocol(quic), sock=open_socket(family)
    )
    address = (options.host, options.port)
    peer.connect(address if family == socket.AF_INET else (*address, 0, 0))
    try:
        try:
            if options.wait_connected:
                await asyncio.wait_for(peer.wait_connected(), handshake_seconds)
        except asyncio.TimeoutError:
            # aioquic fails its own waiter later, when nobody waits any more.
            peer._connected_waiter = None
            raise ConnectionError(f"no handshake within {handshake_seconds:g} s") from None
        except ConnectionError:
            raise ConnectionError(describe(peer.termination)) from None
        yield peer
    finally:
        peer.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(peer.wait_closed(), 3)
        peer._transport.abort()
