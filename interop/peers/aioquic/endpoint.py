"""What aioquic's client and server in the interop runner share: configuration by TESTCASE."""

from __future__ import annotations

import os

from aioquic.h0.connection import H0_ALPN
from aioquic.h3.connection import H3_ALPN
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.logger import QuicFileLogger
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite

from endpoint_program import TESTCASE

# The runner's link holds 1.5 s of round trip at most. A handshake that loses 30 % of its packets
# both ways waits for many timeouts, each twice the last.
IDLE_SECONDS = 180.0 if TESTCASE == "multiconnect" else 30.0


def configuration(is_client: bool) -> QuicConfiguration:
    result = QuicConfiguration(
        is_client=is_client,
        alpn_protocols=H3_ALPN if TESTCASE == "http3" else H0_ALPN,
        idle_timeout=IDLE_SECONDS,
        supported_versions=[QuicProtocolVersion.VERSION_1],
    )
    if TESTCASE == "v2":
        # In order of preference; the client's first packets are of version 1 all the same.
        result.supported_versions.insert(0, QuicProtocolVersion.VERSION_2)
        result.original_version = QuicProtocolVersion.VERSION_1
    if TESTCASE == "chacha20" and is_client:
        result.cipher_suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
    if key_log := os.environ.get("SSLKEYLOGFILE"):
        result.secrets_log_file = open(key_log, "a", encoding="ascii")
    qlog = os.environ.get("QLOGDIR", "")
    if os.path.isdir(qlog):
        result.quic_logger = QuicFileLogger(qlog)
    return result
