"""Packets that are authentic and break a rule by themselves (RFC 9000 §12.4, §17), and key updates
(RFC 9001 §6). Each end of a connection can be the victim."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aioquic.quic.crypto import CryptoContext, next_key_phase
from aioquic.tls import Epoch

from attack_acks import ack, largest_received
from attack_frames import CLOSE_SECONDS, Scenario, closing, staying
from attacker import Attacker, frame

PING = frame(0x01)
NUMBER_BYTES = 4


class Keys:
    """What this end can seal with: its keys of today, and those of updates to come."""

    def __init__(self, attacker: Attacker) -> None:
        self.attacker = attacker
        pair = attacker.quic._cryptos[Epoch.ONE_RTT]
        today = CryptoContext(key_phase=pair.send.key_phase)
        today.setup(
            cipher_suite=pair.send.cipher_suite, secret=pair.send.secret, version=pair.send.version
        )
        self.generations = [today]

    def next_number(self, leap: int = 0) -> int:
        number = self.attacker.quic._packet_number + leap
        self.attacker.quic._packet_number = number + 1
        return number

    def seal(self, generation: int, payload: bytes, number: int, first: int = 0x40) -> None:
        while len(self.generations) <= generation:
            self.generations.append(next_key_phase(self.generations[-1]))
            # The keys of headers are never updated (RFC 9001 §6).
            self.generations[-1].hp = self.generations[0].hp
        keys = self.generations[generation]
        header = bytes([first | keys.key_phase << 2 | NUMBER_BYTES - 1])
        header += self.attacker.quic._peer_cid.cid + number.to_bytes(NUMBER_BYTES, "big")
        self.attacker.put(keys.encrypt_packet(header, payload, number))


def sealed(payload: bytes, first: int = 0x40) -> Callable[[Attacker], None]:
    def send(attacker: Attacker) -> None:
        keys = Keys(attacker)
        keys.seal(0, payload, keys.next_number(), first)

    return send


def doing(act: Callable[[Attacker], None], survives: bool = False) -> Scenario:
    async def run(attacker: Attacker) -> dict | None:
        act(attacker)
        if survives:
            return {"alive": await attacker.alive()}
        await attacker.until_closed(CLOSE_SECONDS)
        return None

    return run


def updated_twice(attacker: Attacker) -> None:
    """The second one before the first was acknowledged, which PADDING does not ask for."""
    keys = Keys(attacker)
    attacker.hush()
    keys.seal(1, bytes(4), keys.next_number())
    keys.seal(2, PING, keys.next_number())


async def backwards(attacker: Attacker) -> None:
    """New keys for a lower number than old ones were used for."""
    keys = Keys(attacker)
    attacker.hush()
    low = keys.next_number()
    keys.seal(0, PING, keys.next_number())
    await asyncio.sleep(0.05)
    keys.seal(1, PING, low)
    await attacker.until_closed(CLOSE_SECONDS)


async def mixed(attacker: Attacker) -> None:
    """The same, told by what comes late: numbers rise, and keys go forth and back."""
    keys = Keys(attacker)
    attacker.hush()
    numbers = [keys.next_number() for _ in range(3)]
    keys.seal(1, PING, numbers[2])
    keys.seal(0, PING, numbers[1])
    keys.seal(1, PING, numbers[0])
    await attacker.until_closed(CLOSE_SECONDS)


async def old_after_new(attacker: Attacker) -> dict:
    """Old keys for a higher number: nothing opens them, so that nothing in them counts."""
    keys = Keys(attacker)
    attacker.hush()
    keys.seal(1, PING, keys.next_number())
    keys.seal(0, frame(0x1E) + frame(0x07, 1, b"x") + frame(0xFFFF), keys.next_number())
    await asyncio.sleep(0.1)
    return {"alive": not attacker.closed}


async def not_followed(attacker: Attacker) -> None:
    """Reads what the victim sends after its update, and acknowledges it under the old keys."""
    keys = Keys(attacker)
    attacker.hush()
    pair = attacker.quic._cryptos[Epoch.ONE_RTT]
    before = pair.recv.key_phase
    deadline = time.monotonic() + CLOSE_SECONDS
    while pair.recv.key_phase == before and time.monotonic() < deadline:
        keys.seal(0, PING, keys.next_number())
        await asyncio.sleep(0.01)
    keys.seal(0, ack(largest_received(attacker.quic), 0), keys.next_number())
    await attacker.until_closed(CLOSE_SECONDS)


async def forged(attacker: Attacker) -> dict:
    """Packets in the other key phase that no key opens: each may be an update."""
    keys = Keys(attacker)
    for _ in range(1000):
        number = keys.next_number()
        header = bytes([0x40 | NUMBER_BYTES - 1 | (1 - keys.generations[0].key_phase) << 2])
        header += attacker.quic._peer_cid.cid + number.to_bytes(NUMBER_BYTES, "big")
        attacker.put(keys.generations[0].encrypt_packet(header, PING, number))
        if number % 32 == 0:
            await asyncio.sleep(0.001)
    return {"alive": await attacker.alive()}


SCENARIOS: dict[str, Scenario] = {
    # 22 (RFC 9000 §17.2, §17.3.1, §12.4)
    "reserved-bits": doing(sealed(PING, 0x48)),
    "reserved-bits-both": doing(sealed(PING, 0x58)),
    "fixed-bit": doing(sealed(PING, 0x00), survives=True),
    "packet-empty": doing(sealed(b"")),
    "packet-padding": doing(sealed(bytes(4)), survives=True),
    "frame-unknown": closing(frame(0x21)),
    "frame-unknown-2^62": closing(frame((1 << 62) - 1)),
    "frame-unknown-behind": closing(PING + frame(0x3F)),
    "frame-type-longer": staying(b"\x40\x01"),
    "frame-type-truncated": closing(b"\0" * 3 + b"\x80"),
    # 33 (RFC 9001 §6)
    "keys-twice": doing(updated_twice),
    "keys-backwards": backwards,
    "keys-mixed": mixed,
    "keys-old-after-new": old_after_new,
    "keys-forged": forged,
}
# The victim has to update its keys meanwhile.
UPDATING_SCENARIOS: dict[str, Scenario] = {"keys-not-followed": not_followed}
