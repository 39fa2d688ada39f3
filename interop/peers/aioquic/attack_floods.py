"""Floods: frames that are harmless one by one. The server has to stay within its bounds, whether
it closes or goes on."""

from __future__ import annotations

from attack_frames import CLOSE_SECONDS, Scenario, own_limit
from attacker import (
    Attacker,
    crypto,
    datagram,
    path_challenge,
    retire_connection_id,
    stream,
)

# Row 15 of the list of attacks.
CHALLENGES = 100_000
DATAGRAMS = 1_000_000
LADDER = 2000


async def finish(attacker: Attacker) -> dict:
    """After a flood: alive, or closed with what `answer_of` tells."""
    await attacker.until_closed(0.2)
    return {"alive": await attacker.alive()}


async def sparse_stream(attacker: Attacker) -> dict:
    """Every second byte of a stream's window."""
    window = own_limit(attacker, "stream")
    await attacker.send_all(stream(0, at, b"x") for at in range(1, window, 2))
    return await finish(attacker)


async def sparse_streams(attacker: Attacker) -> dict:
    """On every stream as many holes as the connection's window has room for."""
    count = attacker.quic._remote_max_streams_bidi
    window = own_limit(attacker, "connection") // count
    await attacker.send_all(
        stream(4 * i, at, b"x") for at in range(1, min(window, 1400), 2) for i in range(count)
    )
    return await finish(attacker)


async def tiny_contiguous(attacker: Attacker) -> dict:
    """Bytes one by one behind a hole: no more holes than one, and many pieces."""
    count = 200_000
    await attacker.send_all(stream(0, at, b"x") for at in range(1, count))
    alive = await finish(attacker)
    attacker.send(stream(0, 0, b"x"))
    return alive


async def sparse_crypto(attacker: Attacker) -> dict:
    """Every second byte of the handshake's stream, after the handshake."""
    await attacker.send_all(crypto(at, b"x") for at in range(1, 65_000, 2))
    return await finish(attacker)


async def path_challenges(attacker: Attacker) -> dict:
    """100,000 questions, and no acknowledgement of any answer."""
    attacker.hush()
    await attacker.send_all(path_challenge(i.to_bytes(8, "big")) for i in range(CHALLENGES))
    attacker.speak()
    return await finish(attacker)


async def cid_ladder(attacker: Attacker) -> dict:
    """Each new ID retires all before it: a RETIRE_CONNECTION_ID owed for each."""
    attacker.hush()
    await attacker.send_all(attacker.new_own_id(100 + i, 100 + i) for i in range(LADDER))
    attacker.speak()
    await attacker.until_closed(CLOSE_SECONDS)
    return await finish(attacker)


async def retire_loop(attacker: Attacker) -> dict:
    """Retires what the server issues, as fast as it issues."""
    retired = 0
    for _ in range(300):
        spare = attacker.quic._peer_cid_available
        frames = [retire_connection_id(cid.sequence_number) for cid in spare]
        spare.clear()
        retired += len(frames)
        attacker.send(b"".join(frames) or b"\x01")
        if not await attacker.alive():
            break
    return {"retired": retired, **await finish(attacker)}


async def retire_again(attacker: Attacker) -> dict:
    """The same old ones, again and again: allowed, and without effect."""
    await attacker.alive()
    spare = attacker.quic._peer_cid_available
    frames = [retire_connection_id(cid.sequence_number) for cid in spare]
    spare.clear()
    await attacker.send_all(frames * 5000)
    return await finish(attacker)


async def datagrams(attacker: Attacker) -> dict:
    """A million of them."""
    one = datagram(b"")
    await attacker.send_all(one for _ in range(DATAGRAMS))
    await attacker.until_frame(0x31, CLOSE_SECONDS)
    return {"datagrams": DATAGRAMS, **await finish(attacker)}


async def large_datagrams(attacker: Attacker) -> dict:
    """As large as fit."""
    one = datagram(bytes(1100))
    await attacker.send_all(one for _ in range(5000))
    return {"datagrams": 5000, **await finish(attacker)}


SCENARIOS: dict[str, Scenario] = {
    "sparse-stream": sparse_stream,
    "sparse-streams": sparse_streams,
    "tiny-contiguous": tiny_contiguous,
    "sparse-crypto": sparse_crypto,
    "path-challenges": path_challenges,
    "cid-ladder": cid_ladder,
    "retire-loop": retire_loop,
    "retire-again": retire_again,
    "datagrams": datagrams,
    "large-datagrams": large_datagrams,
}
