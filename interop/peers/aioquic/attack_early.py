"""Frames that no 0-RTT packet may hold (RFC 9000 §12.5; RFC 9001 §8.3), on a resumed connection."""

from __future__ import annotations

import asyncio
import dataclasses

from aioquic.tls import Epoch, SessionTicket

from attack_frames import CLOSE_SECONDS, Scenario
from attacker import Attacker, crypto, frame, path_response, retire_connection_id
from peer import PeerOptions, open_peer


async def ticket_of(options: PeerOptions) -> SessionTicket:
    """Of a connection of its own."""
    tickets: list[SessionTicket] = []
    async with open_peer(dataclasses.replace(options, on_ticket=tickets.append)):
        for _ in range(500):
            if tickets:
                return tickets[-1]
            await asyncio.sleep(0.01)
    raise ConnectionError("no session ticket came")


def early(payload: bytes) -> Scenario:
    async def run(attacker: Attacker) -> None:
        attacker.send(payload, Epoch.ZERO_RTT)
        await attacker.until_closed(CLOSE_SECONDS)

    return run


SCENARIOS: dict[str, Scenario] = {
    "early-crypto": early(crypto(0, b"x")),
    "early-ack": early(frame(0x02, 0, 0, 0, 0)),
    "early-new-token": early(frame(0x07, 4, b"abcd")),
    "early-handshake-done": early(frame(0x1E)),
    "early-path-response": early(path_response(bytes(8))),
    "early-retire-id": early(retire_connection_id(0)),
}
