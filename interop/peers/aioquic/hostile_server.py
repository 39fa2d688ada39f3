"""A server that attacks its clients: the first one to connect meets the first scenario, and so on.

    hostile_server.py --certificate cert.pem --key key.pem --alpn echo ack-unsent keys-twice

Prints lines of JSON: {"port": ...} when it listens, then for each connection how the client took
it. Scenarios are in attack_acks.py, attack_packets.py and attack_parameters.py."""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from aioquic.asyncio import serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection

import attack_acks
import attack_packets
import attack_parameters
from attack_frames import CLOSE_SECONDS, SCENARIOS as FRAMES
from attacker import Attacker
from peer import PeerProtocol, alter_parameters


async def met(attacker: Attacker) -> dict:
    """No scenario: what becomes of the handshake."""
    await attacker.until_closed(0.2)
    return {"alive": await attacker.alive()}


# Rules that bind both ends.
OF_BOTH = ("crypto-", "cid-", "retire-2^62", "retire-never-issued", "max-streams-2^60")
SCENARIOS = {
    **{name: run for name, run in FRAMES.items() if name.startswith(OF_BOTH)},
    **attack_acks.SCENARIOS,
    **attack_packets.SCENARIOS,
    **attack_packets.UPDATING_SCENARIOS,
    **dict.fromkeys(attack_parameters.OF_SERVERS, met),
}


class HostileProtocol(PeerProtocol):
    """One connection, and the task that attacks on it."""

    def __init__(self, quic: QuicConnection, name: str) -> None:
        super().__init__(quic)
        alter_parameters(quic, attack_parameters.OF_SERVERS.get(name))
        quic._replenish_connection_ids = lambda: None
        self.task = asyncio.ensure_future(self._attack(name))

    async def _attack(self, name: str) -> None:
        deadline = time.monotonic() + CLOSE_SECONDS
        while not self._quic._network_paths or self._quic.tls is None:
            await asyncio.sleep(0.001)
        attacker = Attacker(self, self._quic._network_paths[0].addr)
        while not self._quic._handshake_confirmed and not attacker.closed:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.002)
        # Whoever answers a PING has confirmed its handshake, too (RFC 9001 §4.1.2).
        extra = {"alive": False}
        if self._quic._handshake_confirmed and await attacker.alive():
            extra = await SCENARIOS[name](attacker) or {}
        print(json.dumps({"name": name, **attacker.answer_of(), **extra}), flush=True)
        self.close()


async def run(args: argparse.Namespace) -> None:
    configuration = QuicConfiguration(is_client=False, alpn_protocols=[args.alpn])
    configuration.load_cert_chain(args.certificate, args.key)
    names = iter(args.scenarios)
    made: list[HostileProtocol] = []

    def create(quic: QuicConnection, stream_handler: object = None) -> HostileProtocol:
        made.append(HostileProtocol(quic, next(names)))
        return made[-1]

    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=create)
    print(json.dumps({"port": server._transport.get_extra_info("sockname")[1]}), flush=True)
    while len(made) < len(args.scenarios):
        await asyncio.sleep(0.02)
    await asyncio.gather(*(protocol.task for protocol in made))
    # Closes leave.
    await asyncio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--alpn", default="echo")
    parser.add_argument("scenarios", nargs="+")
    args = parser.parse_args()
    for name in args.scenarios:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}; there are {' '.join(SCENARIOS)}")
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
