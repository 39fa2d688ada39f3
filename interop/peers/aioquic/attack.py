"""Attacks on a connection from within: each scenario opens a connection of its own, does what no
honest client does, and tells how the server took it. Prints JSON: a list in the order asked.

  python attack.py --port 4433 stream-limit stream-2^60
  python attack.py --port 4433 --repeat 20 sparse-stream
  python attack.py --list
  python attack.py --hello 4 --alpn h3

--hello: no attack, but what a client's first CRYPTO frames hold, and the source connection ID that
is written in it.

Scenarios are in attack_acks.py, attack_early.py, attack_floods.py, attack_frames.py,
attack_packets.py, attack_parameters.py and attack_paths.py."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time

from aioquic.quic.connection import QuicConnection
from aioquic.tls import Epoch

import attack_acks
import attack_early
import attack_floods
import attack_frames
import attack_packets
import attack_parameters
import attack_paths
from attacker import Attacker
from peer import PeerOptions, configuration_of, open_peer

async def met(attacker: Attacker) -> dict:
    """No scenario: what becomes of the handshake."""
    done = asyncio.ensure_future(attacker.peer.wait_connected())
    await asyncio.wait([done], timeout=attack_frames.CLOSE_SECONDS)
    if not done.done() or done.exception() is not None:
        done.cancel()
        return {"alive": False}
    return {"alive": await attacker.alive()}


SCENARIOS = {
    **attack_acks.SCENARIOS,
    **attack_early.SCENARIOS,
    **attack_floods.SCENARIOS,
    **attack_frames.SCENARIOS,
    **attack_packets.SCENARIOS,
    **attack_packets.UPDATING_SCENARIOS,
    **attack_paths.SCENARIOS,
    **dict.fromkeys(attack_parameters.OF_CLIENTS, met),
}


async def attack(name: str, args: argparse.Namespace) -> dict:
    # No spare IDs but those that a scenario makes up.
    altered = attack_parameters.OF_CLIENTS.get(name)
    options = PeerOptions(
        host=args.host,
        port=args.port,
        alpn=args.alpn,
        offer_spare_ids=False,
        alter_parameters=altered,
        wait_connected=altered is None,
    )
    if name in attack_early.SCENARIOS:
        options.ticket = await attack_early.ticket_of(options)
        options.wait_connected = False
    started = time.monotonic()
    async with open_peer(options) as peer:
        attacker = Attacker(peer, (args.host, args.port))
        extra = await SCENARIOS[name](attacker) or {}
        report = {"name": name, **attacker.answer_of(), **extra}
        report["seconds"] = round(time.monotonic() - started, 3)
        return report


async def run(args: argparse.Namespace) -> list[dict]:
    names = args.scenarios * args.repeat
    at_once = asyncio.Semaphore(args.parallel)

    async def one(name: str) -> dict:
        async with at_once:
            return await attack(name, args)

    return await asyncio.gather(*(one(name) for name in names))


def hello(alpn: str) -> dict:
    quic = QuicConnection(configuration=configuration_of(PeerOptions(alpn=alpn)))
    quic.connect(("127.0.0.1", 1), now=0.0)
    message = bytes(quic._crypto_streams[Epoch.INITIAL].sender._buffer)
    return {"source_id": quic.host_cid.hex(), "hello": message.hex()}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4433)
    parser.add_argument("--alpn", default="echo")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=1, help="connections at a time")
    parser.add_argument("--timeout", type=float, default=120)
    parser.add_argument("--hello", type=int, default=0, help="ClientHellos to print")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("scenarios", nargs="*")
    args = parser.parse_args()
    if args.list:
        print("\n".join(SCENARIOS))
        return 0
    if args.hello > 0:
        print(json.dumps({"hellos": [hello(args.alpn) for _ in range(args.hello)]}))
        return 0
    unknown = [name for name in args.scenarios if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario {unknown[0]}: --list names them")
    reports = asyncio.run(asyncio.wait_for(run(args), args.timeout))
    print(json.dumps({"attacks": reports}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
