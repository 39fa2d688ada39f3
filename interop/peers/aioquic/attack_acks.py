"""Acknowledgements of what was never sent, or that are no acknowledgements (RFC 9000 §13.1, §19.3,
§21.4). Each end of a connection can be the victim."""

from __future__ import annotations

import asyncio
import time

from aioquic.quic.connection import QuicConnection
from aioquic.tls import Epoch

from attack_frames import CLOSE_SECONDS, LARGEST, Scenario, closing
from attacker import Attacker, frame, stream, varint

# What an honest end may have sent since it was last heard of.
IN_FLIGHT = 50
# The victim echoes them: enough packets for one number to be left out.
ECHOED_BYTES = 300_000
# Enough for that, and less than an idle timeout in tests.
ECHO_SECONDS = 0.7
RANGES = 500
REPETITIONS = 300


def largest_received(quic: QuicConnection) -> int:
    return quic._spaces[Epoch.ONE_RTT].largest_received_packet


def ack(largest: int, first_range: int, *gaps_and_ranges: int, count: int | None = None) -> bytes:
    if count is None:
        count = len(gaps_and_ranges) // 2
    return frame(0x02, largest, 0, count, first_range, *gaps_and_ranges)


def ack_above(by: int) -> Scenario:
    return closing(lambda a: ack(largest_received(a.quic) + by, 0))


def own_stream(attacker: Attacker) -> int:
    """The first bidirectional one that this end may open."""
    return 0 if attacker.quic._is_client else 1


async def provoke(attacker: Attacker) -> None:
    """What the victim echoes. Nothing else acknowledges that."""
    attacker.hush()
    number = own_stream(attacker)
    parts = range(0, ECHOED_BYTES, 1000)
    await attacker.send_all(stream(number, at, bytes(1000)) for at in parts)


async def optimistic(attacker: Attacker) -> None:
    """All numbers up to the newest, whether they came or not: one was never used."""
    await provoke(attacker)
    deadline = time.monotonic() + CLOSE_SECONDS
    while not attacker.closed and time.monotonic() < deadline:
        newest = largest_received(attacker.quic)
        attacker.send(ack(newest, newest))
        await asyncio.sleep(0.002)


async def receive_honestly(attacker: Attacker) -> set[int]:
    """The same, with those numbers alone that came: which they were."""
    received = attacker.quic._spaces[Epoch.ONE_RTT].ack_queue
    numbers: set[int] = set()
    await provoke(attacker)
    deadline = time.monotonic() + ECHO_SECONDS
    while not attacker.closed and time.monotonic() < deadline:
        for one in list(received):
            numbers.update(one)
            attacker.send(ack(one.stop - 1, one.stop - 1 - one.start))
        await asyncio.sleep(0.01)
    attacker.speak()
    return numbers


async def honest(attacker: Attacker) -> dict:
    await receive_honestly(attacker)
    return {"alive": await attacker.alive()}


async def range_flood(attacker: Attacker) -> dict:
    """Frames of as many ranges as fit, each of one packet, again and again."""
    left, gaps = sorted(await receive_honestly(attacker)), []
    newest = last = left.pop()
    while left and len(gaps) < 2 * RANGES:
        number = left.pop()
        if number <= last - 2:
            gaps += [last - number - 2, 0]
            last = number
    await attacker.send_all([ack(newest, 0, *gaps)] * REPETITIONS)
    await attacker.until_closed(0.2)
    return {"alive": await attacker.alive(), "ranges": len(gaps) // 2}


SCENARIOS: dict[str, Scenario] = {
    # 19: of packets that were never sent
    "ack-unsent": ack_above(IN_FLIGHT),
    "ack-unsent-2^62": closing(ack(LARGEST, 0)),
    "ack-unsent-all": closing(ack(LARGEST, LARGEST)),
    "ack-unsent-below": closing(lambda a: ack(largest_received(a.quic) + IN_FLIGHT, IN_FLIGHT)),
    "ack-optimistic": optimistic,
    "ack-honest": honest,
    # 20: ranges that cannot be
    "ack-range-below-zero": closing(ack(10, 11)),
    "ack-range-2^62": closing(ack(0, LARGEST)),
    "ack-gap-below-zero": closing(ack(10, 5, 4, 0)),
    "ack-gap-2^62": closing(ack(10, 5, LARGEST, 0)),
    "ack-second-range-below-zero": closing(ack(10, 2, 1, 9)),
    "ack-count-2^62": closing(ack(0, 0, count=LARGEST)),
    "ack-count-beyond": closing(ack(20, 0, 0, 0, count=2)),
    "ack-ecn-truncated": closing(frame(0x03, 0, 0, 0, 0) + varint(1)),
    "ack-range-flood": range_flood,
}
