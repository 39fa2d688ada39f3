"""Transport parameters that no honest end sends (RFC 9000 §7.3, §7.4, §18). Each function gets what
aioquic would have sent and returns what is sent."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

from aioquic.buffer import Buffer

from attacker import varint

Alteration = Callable[[bytes], bytes]
Parameters = list[tuple[int, bytes]]

ORIGINAL_DESTINATION_ID, RESET_TOKEN, PREFERRED_ADDRESS = 0x00, 0x02, 0x0D
MAX_DATA, MIGRATION_DISABLED, ID_LIMIT = 0x04, 0x0C, 0x0E
SOURCE_ID, RETRY_SOURCE_ID = 0x0F, 0x10
# Reserved for exercise (§18.1).
UNKNOWN = 31 * 4 + 27
RANDOM = 40


def read(data: bytes) -> Parameters:
    buffer = Buffer(data=data)
    found = []
    while not buffer.eof():
        kind = buffer.pull_uint_var()
        found.append((kind, buffer.pull_bytes(buffer.pull_uint_var())))
    return found


def write(parameters: Parameters) -> bytes:
    return b"".join(varint(kind) + varint(len(value)) + value for kind, value in parameters)


def having(kind: int, value: bytes) -> Alteration:
    return lambda data: write([one for one in read(data) if one[0] != kind] + [(kind, value)])


def number(kind: int, value: int) -> Alteration:
    return having(kind, varint(value))


def without(*kinds: int) -> Alteration:
    return lambda data: write([one for one in read(data) if one[0] not in kinds])


def twice(kind: int) -> Alteration:
    def alter(data: bytes) -> bytes:
        parameters = read(data)
        return write(parameters + [one for one in parameters if one[0] == kind])

    return alter


def preferred_address(cid: bytes, token: bytes = bytes(16)) -> bytes:
    return bytes([127, 0, 0, 1, 0x11, 0x51]) + bytes(18) + bytes([len(cid)]) + cid + token


def scrambled(seed: int) -> Alteration:
    """A few bytes changed, left out or put in."""

    def alter(data: bytes) -> bytes:
        chance = random.Random(seed)
        out = bytearray(data)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(out))
            match chance.randrange(3):
                case 0:
                    out[at] = chance.randrange(256)
                case 1:
                    del out[at]
                case 2:
                    out.insert(at, chance.randrange(256))
        return bytes(out)

    return alter


BOTH: dict[str, Alteration] = {
    "parameter-truncated": lambda data: data[:-1],
    "parameter-length-beyond": lambda data: data + varint(UNKNOWN) + varint(100) + b"x",
    "parameter-length-2^62": lambda data: data + varint(UNKNOWN) + varint((1 << 62) - 1),
    "parameter-id-truncated": lambda data: data + b"\x40",
    "parameter-id-alone": lambda data: data + varint(UNKNOWN),
    "parameter-none": lambda data: b"",
    "parameter-twice": twice(MAX_DATA),
    "parameter-scid-twice": twice(SOURCE_ID),
    "parameter-integer-empty": having(MAX_DATA, b""),
    "parameter-integer-truncated": having(MAX_DATA, b"\x80\0"),
    "parameter-integer-and-more": having(MAX_DATA, varint(100_000) + b"\0"),
    "parameter-udp-payload-1199": number(0x03, 1199),
    "parameter-ack-exponent-21": number(0x0A, 21),
    "parameter-ack-delay-2^14": number(0x0B, 1 << 14),
    "parameter-id-limit-1": number(ID_LIMIT, 1),
    "parameter-streams-2^60": number(0x08, (1 << 60) + 1),
    "parameter-streams-uni-2^60": number(0x09, (1 << 60) + 1),
    "parameter-migration-value": having(MIGRATION_DISABLED, b"\1"),
    "parameter-scid-missing": without(SOURCE_ID),
    "parameter-scid-wrong": having(SOURCE_ID, os.urandom(8)),
    "parameter-scid-21-bytes": having(SOURCE_ID, bytes(21)),
    "parameter-retry-scid": having(RETRY_SOURCE_ID, bytes(8)),
    # What is allowed.
    "parameter-unknown": having(UNKNOWN, b"anything"),
    "parameter-idle-2^62": number(0x01, (1 << 62) - 1),
    "parameter-data-2^62": number(MAX_DATA, (1 << 62) - 1),
    "parameter-udp-payload-2^62": number(0x03, (1 << 62) - 1),
    "parameter-id-limit-2^62": number(ID_LIMIT, (1 << 62) - 1),
    **{f"parameters-random-{seed}": scrambled(seed) for seed in range(RANDOM)},
}
OF_CLIENTS: dict[str, Alteration] = {
    **BOTH,
    "parameter-original-id": having(ORIGINAL_DESTINATION_ID, bytes(8)),
    "parameter-reset-token": having(RESET_TOKEN, bytes(16)),
    "parameter-preferred-address": having(PREFERRED_ADDRESS, preferred_address(bytes(8))),
}
OF_SERVERS: dict[str, Alteration] = {
    **BOTH,
    "parameter-original-id-missing": without(ORIGINAL_DESTINATION_ID),
    "parameter-original-id-wrong": having(ORIGINAL_DESTINATION_ID, bytes(8)),
    "parameter-original-id-21-bytes": having(ORIGINAL_DESTINATION_ID, bytes(21)),
    "parameter-reset-token-15": having(RESET_TOKEN, bytes(15)),
    "parameter-reset-token-17": having(RESET_TOKEN, bytes(17)),
    "parameter-preferred-address-empty": having(PREFERRED_ADDRESS, b""),
    "parameter-preferred-address-no-id": having(PREFERRED_ADDRESS, preferred_address(b"")),
    "parameter-preferred-address-cut": having(
        PREFERRED_ADDRESS, preferred_address(bytes(8), bytes(15))
    ),
    "parameter-preferred-address-21-bytes": having(PREFERRED_ADDRESS, preferred_address(bytes(21))),
    "parameter-preferred-address-more": having(PREFERRED_ADDRESS, preferred_address(bytes(8)) + b"x"),
    # Nobody is there: the client stays.
    "parameter-preferred-address-silent": having(PREFERRED_ADDRESS, preferred_address(b"12345678")),
}
