"""The faults: each breaks one rule of one case, at a place that the seed picks.

Those here reach into aioquic, whose version is pinned; the others are in faulty_client.py and
faulty_server.py, where they happen."""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicNetworkPath
from aioquic.quic.packet import QuicProtocolVersion

CLIENT_FAULTS = {
    "second-connection": "one more connection, before or after the other",
    "cut-file": "a file is shorter",
    "altered-file": "one byte of a file differs",
    "extra-file": "a file that nobody asked for",
    "missing-file": "a file is not fetched",
    "two-ciphers": "another cipher suite is offered beside ChaCha20",
    "no-resumption": "the second connection has no ticket",
    "no-early-data": "the second connection sends after its handshake",
    "no-key-update": "never updates its keys",
    "ignored-challenge": "from some move on no PATH_CHALLENGE is answered",
    "reused-id": "goes on from another socket with the same connection ID",
    "reset-packet-number": "counts from 0 again after a Retry",
}
SERVER_FAULTS = {
    "retry": "sends a Retry that nobody asked for",
    "no-retry": "sends none",
    "no-limit": "takes every address for validated: amplification, and no PATH_CHALLENGE",
    "version-1": "stays in version 1",
    "version-2": "takes the client to version 2",
    "congestion-marks": "marks its packets CE, from some of them on",
    "stream-limit": "allows more than 1000 streams at once",
}


@dataclass
class Fault:
    """`name` is "" for an endpoint without any."""

    name: str
    random: random.Random


def read_fault(known: dict[str, str]) -> Fault:
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=["", *known], default="")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    return Fault(args.fault, random.Random(args.seed))


def versions(testcase: str, fault: Fault, is_client: bool) -> list[int]:
    """Of a client by preference; it starts with version 1. The server takes the best that it has."""
    one, two = QuicProtocolVersion.VERSION_1, QuicProtocolVersion.VERSION_2
    if is_client:
        return [two, one]
    upgrades = (testcase == "v2" and fault.name != "version-1") or fault.name == "version-2"
    return [one, two] if upgrades else [one]


def validate_every_path() -> None:
    original = QuicNetworkPath.__init__

    def init(self, addr, is_validated=False) -> None:
        original(self, addr, True)

    QuicNetworkPath.__init__ = init


def ignore_challenges(answered: int) -> None:
    """Answers the first so many PATH_CHALLENGE frames and no more."""
    original = QuicConnection._handle_path_challenge_frame
    seen = 0

    def handle(self, context, frame_type, buf) -> None:
        nonlocal seen
        seen += 1
        if seen <= answered:
            original(self, context, frame_type, buf)
        else:
            buf.pull_bytes(8)

    QuicConnection._handle_path_challenge_frame = handle


def reset_packet_number() -> None:
    original = QuicConnection._connect

    def connect(self, now) -> None:
        if self._retry_count:
            self._packet_number = 0
        original(self, now)

    QuicConnection._connect = connect


def configure(configuration: QuicConfiguration, key_log: str) -> QuicConfiguration:
    # Each line at once: the process may be ended at any time.
    configuration.secrets_log_file = open(key_log, "a", buffering=1)
    return configuration
