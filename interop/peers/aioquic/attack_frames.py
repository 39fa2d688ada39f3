"""Single frames that break a rule of RFC 9000: the server must close with the rule's error."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

from attacker import (
    Attacker,
    crypto,
    datagram,
    frame,
    new_connection_id,
    path_response,
    reset_stream,
    retire_connection_id,
    stream,
)

Scenario = Callable[[Attacker], Awaitable[dict | None]]

# How long a server may take to close; it does at once.
CLOSE_SECONDS = 5.0
LARGEST = (1 << 62) - 1


def closing(*payloads: Callable[[Attacker], bytes] | bytes) -> Scenario:
    """One packet for each payload; then the server has to close."""

    async def run(attacker: Attacker) -> None:
        for payload in payloads:
            attacker.send(payload if isinstance(payload, bytes) else payload(attacker))
        await attacker.until_closed(CLOSE_SECONDS)

    return run


def staying(*payloads: Callable[[Attacker], bytes] | bytes) -> Scenario:
    """The same, and the server has to stay."""

    async def run(attacker: Attacker) -> dict:
        for payload in payloads:
            attacker.send(payload if isinstance(payload, bytes) else payload(attacker))
        return {"alive": await attacker.alive()}

    return run


def streams_allowed(attacker: Attacker) -> int:
    return attacker.quic._remote_max_streams_bidi


def own_limit(attacker: Attacker, kind: str) -> int:
    """Of the server's windows, as its transport parameters gave them."""
    return {
        "stream": attacker.quic._remote_max_stream_data_bidi_remote,
        "connection": attacker.quic._remote_max_data,
    }[kind]


def over_connection_window(attacker: Attacker) -> bytes:
    """Every stream within its own window, all of them together beyond the connection's."""
    each = own_limit(attacker, "stream")
    count = own_limit(attacker, "connection") // each + 1
    return b"".join(stream(4 * i, each - 1, b"x") for i in range(count))


def retire_in_use(attacker: Attacker) -> bytes:
    return retire_connection_id(attacker.quic._peer_cid.sequence_number)


def retire_never_issued(attacker: Attacker) -> bytes:
    known = [attacker.quic._peer_cid, *attacker.quic._peer_cid_available]
    return retire_connection_id(max(cid.sequence_number for cid in known) + 1)


def conflicting(cid: bytes, other: bytes, token: bytes, other_token: bytes) -> bytes:
    """One sequence number twice, the second time with something else."""
    return new_connection_id(50, 0, cid, token) + new_connection_id(50, 0, other, other_token)


CID, OTHER_CID = os.urandom(8), os.urandom(8)
TOKEN, OTHER_TOKEN = os.urandom(16), os.urandom(16)

SCENARIOS: dict[str, Scenario] = {
    # 11: streams beyond the limit (RFC 9000 §4.6)
    "stream-limit": closing(lambda a: stream(4 * streams_allowed(a), 0, b"x")),
    "stream-limit-uni": closing(
        lambda a: stream(4 * a.quic._remote_max_streams_uni + 2, 0, b"x")
    ),
    "stream-2^60": closing(stream(1 << 60, 0, b"x")),
    "stream-last": staying(lambda a: stream(4 * (streams_allowed(a) - 1), 0, b"x")),
    "reset-beyond-limit": closing(lambda a: reset_stream(4 * streams_allowed(a), 0, 0)),
    "stop-beyond-limit": closing(lambda a: frame(0x05, 4 * streams_allowed(a), 0)),
    "credit-beyond-limit": closing(lambda a: frame(0x11, 4 * streams_allowed(a), 1000)),
    "stream-of-the-server": closing(stream(3, 0, b"x")),
    "stop-own-stream": closing(frame(0x05, 2, 0)),
    "credit-own-stream": closing(frame(0x11, 2, 1000)),
    "stream-not-opened-by-server": closing(stream(1, 0, b"x")),
    "max-streams-2^60": closing(frame(0x12, (1 << 60) + 1)),
    # 12: flow control (§4.1), final sizes (§4.5)
    "beyond-stream-window": closing(lambda a: stream(0, own_limit(a, "stream"), b"x")),
    "empty-beyond-stream-window": closing(lambda a: stream(0, own_limit(a, "stream") + 1, b"")),
    "stream-offset-2^62": closing(stream(0, LARGEST, b"xx")),
    "beyond-connection-window": closing(over_connection_window),
    "reset-beyond-stream-window": closing(
        lambda a: reset_stream(0, 0, own_limit(a, "stream") + 1)
    ),
    "reset-beyond-connection-window": closing(
        lambda a: reset_stream(0, 0, own_limit(a, "connection") + 1)
    ),
    "final-size-grows": closing(stream(0, 0, b"abc", True) + stream(0, 3, b"d", True)),
    "final-size-shrinks": closing(stream(0, 50, b"abc") + stream(0, 0, b"abc", True)),
    "data-beyond-final-size": closing(stream(0, 50, b"", True) + stream(0, 60, b"x")),
    "reset-changes-final-size": closing(stream(0, 50, b"", True) + reset_stream(0, 0, 51)),
    "reset-below-received": closing(stream(0, 50, b"x") + reset_stream(0, 0, 10)),
    # 14: CRYPTO (§7.5)
    "crypto-2^62": closing(crypto(LARGEST, b"x")),
    "crypto-far": closing(crypto(1 << 20, b"x")),
    # TLS messages that QUIC has no place for (RFC 9001 §4.4, §6, §8.3)
    "crypto-key-update": closing(crypto(0, b"\x18\0\0\1\0")),
    "crypto-client-hello": closing(crypto(0, b"\x01\0\0\4\0\0\0\0")),
    # 17: NEW_CONNECTION_ID (§19.15)
    "cid-limit": closing(
        b"".join(new_connection_id(50 + i, 0, os.urandom(8), os.urandom(16)) for i in range(20))
    ),
    "cid-retire-above-sequence": closing(new_connection_id(50, 51, CID, TOKEN)),
    "cid-other-for-sequence": closing(conflicting(CID, OTHER_CID, TOKEN, TOKEN)),
    "cid-other-token": closing(conflicting(CID, CID, TOKEN, OTHER_TOKEN)),
    "cid-other-sequence": closing(
        new_connection_id(50, 0, CID, TOKEN) + new_connection_id(51, 0, CID, TOKEN)
    ),
    "cid-empty": closing(new_connection_id(50, 0, b"", TOKEN)),
    "cid-too-long": closing(new_connection_id(50, 0, os.urandom(21), TOKEN)),
    "cid-repeated": staying(new_connection_id(50, 0, CID, TOKEN) * 30),
    # 18: RETIRE_CONNECTION_ID (§19.16)
    "retire-in-use": closing(retire_in_use),
    "retire-never-issued": closing(retire_never_issued),
    "retire-2^62": closing(retire_connection_id(LARGEST)),
    # 16: a PATH_RESPONSE that nobody asked for (§19.18)
    "path-response-zero": staying(path_response(bytes(8)) * 3),
    "path-response-random": staying(lambda a: path_response(os.urandom(8)) * 100),
    # 32: ECN counts of an ACK frame that can't be (§13.4.2.1, §19.3.2); of packet 0, which was sent
    "ecn-largest": staying(frame(0x03, 0, 0, 0, 0, LARGEST, LARGEST, LARGEST)),
    "ecn-decrease": staying(
        frame(0x03, 0, 0, 0, 0, LARGEST, 0, LARGEST), frame(0x03, 0, 0, 0, 0, 1, 0, 0)
    ),
    "ecn-another-mark": staying(frame(0x03, 0, 0, 0, 0, 0, 5, 0)),
    # 30: more than the whole packet holds (RFC 9221 §3, RFC 9000 §12.4)
    "datagram-truncated": closing(frame(0x31, 5000, b"x")),
    "datagram-empty": staying(datagram(b"") * 10),
    # frames of a server's
    "new-token": closing(frame(0x07, 4, b"abcd")),
    "handshake-done": closing(frame(0x1E)),
}
