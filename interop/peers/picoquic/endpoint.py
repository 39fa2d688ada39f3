"""What picoquic's client and server in the interop runner share: configuration by TESTCASE."""

from __future__ import annotations

import os
import ssl

from aiopquic.quic.configuration import QUIC_V1, QUIC_V2, QuicConfiguration

from endpoint_program import TESTCASE

CHACHA20_POLY1305_SHA256 = 0x1303
# A download of 3 MB has some hundreds of packets from the client before its first MB is over.
KEY_UPDATE_PACKETS = 50


def configuration(is_client: bool) -> QuicConfiguration:
    # The key log's file is taken from SSLKEYLOGFILE by the library.
    result = QuicConfiguration(
        is_client=is_client,
        alpn_protocols=["hq-interop"],
        # A handshake that loses 30 % of its packets both ways waits for many timeouts.
        idle_timeout=180.0 if TESTCASE == "multiconnect" else 30.0,
        qlog_dir=os.environ.get("QLOGDIR") or None,
        # A window that is there from the start says nothing of flow control.
        max_data=2 << 20,
        max_stream_data=1 << 20,
        # Neither do probes of the path's size help on a link that drops; they count as bytes of
        # 1-RTT packets, too.
        pmtud="blocked",
    )
    if not is_client:
        return result
    # The runner's server has a certificate of the runner's own, for the names of its network.
    result.verify_mode = ssl.CERT_NONE
    if TESTCASE == "chacha20":
        result.cipher_suite = CHACHA20_POLY1305_SHA256
    if TESTCASE == "keyupdate":
        result.key_update_interval = KEY_UPDATE_PACKETS
    if TESTCASE == "v2":
        result.supported_versions = [QUIC_V2, QUIC_V1]
    return result
