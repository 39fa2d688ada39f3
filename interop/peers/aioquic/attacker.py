"""A client that has real keys and says what it likes: whole packets of any frames, on aioquic's
handshake. It reaches into aioquic, whose version is pinned.

aioquic goes on acknowledging and retransmitting its own packets beside what is forged here; packet
numbers are counted together. What it can't parse of the server's answers never matters."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from aioquic.buffer import Buffer
from aioquic.quic.connection import QuicConnectionId, QuicReceiveContext
from aioquic.quic.packet import QuicFrameType
from aioquic.tls import Epoch

from peer import PeerProtocol

# Payload of a forged packet: with header and tag still below 1200 bytes.
PAYLOAD_BYTES = 1150
# Datagrams between two looks at the socket.
BURST = 32


def varint(value: int) -> bytes:
    buffer = Buffer(8)
    buffer.push_uint_var(value)
    return bytes(buffer.data)


def frame(kind: int, *values: int | bytes) -> bytes:
    """RFC 9000 §19: a type, then integers, and bytes as they are."""
    parts = [value if isinstance(value, bytes) else varint(value) for value in values]
    return varint(kind) + b"".join(parts)


def stream(stream_id: int, offset: int, data: bytes, fin: bool = False) -> bytes:
    return frame(0x0E | int(fin), stream_id, offset, len(data), data)


def crypto(offset: int, data: bytes) -> bytes:
    return frame(0x06, offset, len(data), data)


def reset_stream(stream_id: int, error_code: int, final_size: int) -> bytes:
    return frame(0x04, stream_id, error_code, final_size)


def new_connection_id(sequence: int, retire: int, cid: bytes, token: bytes) -> bytes:
    return frame(0x18, sequence, retire, bytes([len(cid)]), cid, token)


def retire_connection_id(sequence: int) -> bytes:
    return frame(0x19, sequence)


def path_challenge(data: bytes) -> bytes:
    return frame(0x1A, data)


def path_response(data: bytes) -> bytes:
    return frame(0x1B, data)


def datagram(data: bytes) -> bytes:
    return frame(0x31, len(data), data)


# Frames about one stream that hold integers only, and how many (RFC 9000 §19).
STREAM_FRAME_INTEGERS = {0x04: 3, 0x05: 2, 0x11: 2, 0x15: 2}


def skip_stream_frame(context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
    for _ in range(STREAM_FRAME_INTEGERS.get(frame_type, 1 + (frame_type >> 2 & 1))):
        buf.pull_uint_var()
    if frame_type in STREAM_FRAME_INTEGERS:
        return
    length = buf.pull_uint_var() if frame_type & 2 else buf.capacity - buf.tell()
    buf.pull_bytes(length)


class Attacker:
    def __init__(self, peer: PeerProtocol, address: tuple) -> None:
        self.peer = peer
        self.quic = peer._quic
        self.address = address
        self.sent = 0
        # How often each frame type came.
        self.frames: dict[int, int] = {}
        self.close_frames: list[dict] = []
        self._watch()

    def _watch(self) -> None:
        """Counts frames that come before aioquic handles them; those of streams it is kept
        from, as it knows nothing of the ones that are opened here."""
        handlers = self.quic._QuicConnection__frame_handlers
        for kind, (handler, epochs) in list(handlers.items()):
            if kind in STREAM_FRAME_INTEGERS or 0x08 <= kind <= 0x0F:
                handler = skip_stream_frame
            handlers[kind] = (self._counting(handler), epochs)

    def _counting(self, handler: Callable) -> Callable:
        def count(context: QuicReceiveContext, frame_type: int, buf: Buffer) -> None:
            self.frames[frame_type] = self.frames.get(frame_type, 0) + 1
            start = buf.tell()
            handler(context, frame_type, buf)
            if frame_type in (QuicFrameType.TRANSPORT_CLOSE, QuicFrameType.APPLICATION_CLOSE):
                self._keep_close(frame_type, buf.data_slice(start, buf.tell()))

        return count

    def _keep_close(self, frame_type: int, content: bytes) -> None:
        buf = Buffer(data=content)
        code = buf.pull_uint_var()
        application = frame_type == QuicFrameType.APPLICATION_CLOSE
        named = None if application else buf.pull_uint_var()
        self.close_frames.append({"code": code, "application": application, "frame_type": named})

    def packet(self, payload: bytes, epoch: Epoch = Epoch.ONE_RTT, dcid: bytes | None = None):
        """A whole packet with the next packet number."""
        crypto_pair = self.quic._cryptos[epoch]
        number = self.quic._packet_number
        self.quic._packet_number += 1
        payload = payload.ljust(4, b"\0")
        if dcid is None:
            dcid = self.quic._peer_cid.cid
        if epoch == Epoch.ONE_RTT:
            header = bytes([0x41 | crypto_pair.key_phase << 2]) + dcid
        else:
            header = self._long_header(epoch, dcid, len(payload) + crypto_pair.aead_tag_size)
        header += (number & 0xFFFF).to_bytes(2, "big")
        return crypto_pair.encrypt_packet(header, payload, number)

    def _long_header(self, epoch: Epoch, dcid: bytes, sealed_bytes: int) -> bytes:
        first = {Epoch.INITIAL: 0xC1, Epoch.ZERO_RTT: 0xD1, Epoch.HANDSHAKE: 0xE1}[epoch]
        own = self.quic.host_cid
        ids = bytes([len(dcid)]) + dcid + bytes([len(own)]) + own
        token = varint(len(self.quic._peer_token)) + self.quic._peer_token
        length = (0x4000 | sealed_bytes + 2).to_bytes(2, "big")
        between = token if epoch == Epoch.INITIAL else b""
        return bytes([first]) + self.quic._version.to_bytes(4, "big") + ids + between + length

    def put(self, data: bytes) -> None:
        """A datagram from the connection's socket, past congestion control."""
        self.sent += 1
        self.peer._transport.sendto(data, self.address)

    def send(self, payload: bytes, epoch: Epoch = Epoch.ONE_RTT) -> None:
        self.put(self.packet(payload, epoch))

    def hush(self) -> None:
        """From now on aioquic sends nothing of its own: no acknowledgement above all."""
        self.quic.datagrams_to_send = lambda now: []

    def speak(self) -> None:
        del self.quic.datagrams_to_send

    def new_own_id(self, sequence: int, retire: int) -> bytes:
        """NEW_CONNECTION_ID of an ID for which answers will be read."""
        cid = os.urandom(8)
        own = QuicConnectionId(
            cid=cid, sequence_number=sequence, stateless_reset_token=bytes(16), was_sent=True
        )
        self.quic._host_cids.insert(0, own)
        return new_connection_id(sequence, retire, cid, os.urandom(16))

    async def send_all(self, frames, payload_bytes: int = PAYLOAD_BYTES) -> None:
        """As many frames in a packet as fit, as many packets as it takes; ends with the
        connection."""
        payload = b""
        for one in frames:
            if len(payload) + len(one) > payload_bytes:
                if self.closed:
                    return
                self.send(payload)
                payload = b""
                if self.sent % BURST == 0:
                    # Long enough for a server on the same core to take them.
                    await asyncio.sleep(0.001)
            payload += one
        if payload and not self.closed:
            self.send(payload)

    @property
    def closed(self) -> bool:
        return self.peer.termination is not None

    async def until_closed(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.closed and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        return self.closed

    async def until_frame(self, kind: int, seconds: float) -> bool:
        """Whether the server sends such a frame (or the shorter form of it)."""
        deadline = time.monotonic() + seconds
        while not (self.frames.get(kind) or self.frames.get(kind - 1)):
            if self.closed or time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True

    async def alive(self, seconds: float = 5.0) -> bool:
        """Whether the server still answers this connection."""
        if self.closed:
            return False
        try:
            await asyncio.wait_for(self.peer.ping(), seconds)
        except (asyncio.TimeoutError, ConnectionError):
            return False
        return not self.closed

    def answer_of(self) -> dict:
        """What the server said last."""
        close = self.close_frames[0] if self.close_frames else None
        frames = {hex(kind): count for kind, count in self.frames.items()}
        return {"close": close, "sent": self.sent, "frames": frames}
