"""The runner's server of hq-interop on aioquic, with one fault: see faults.py.

    ROLE=server TESTCASE=transfer faulty_server.py --fault no-limit --seed 7"""

from __future__ import annotations

import asyncio
import os
import socket

from aioquic.asyncio import serve
from aioquic.h0.connection import H0_ALPN
from aioquic.quic.configuration import QuicConfiguration
from faults import SERVER_FAULTS, Fault, configure, read_fault, validate_every_path, versions
from server import FileServer, TicketStore

CE = 3
# Of the server's first stream limit that the case allows.
STREAM_LIMIT = 1000


class FaultyServer(FileServer):
    folder = "/www"
    fault: Fault

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._transmissions = 0
        self._marked_from = self.fault.random.randrange(3)
        if self.fault.name == "stream-limit":
            self._quic._local_max_streams_bidi.value = STREAM_LIMIT + self.fault.random.randint(1, 99)

    def transmit(self) -> None:
        self._transmissions += 1
        if self.fault.name == "congestion-marks" and self._transmissions > self._marked_from:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, CE)
        super().transmit()


async def run() -> None:
    fault = FaultyServer.fault = read_fault(SERVER_FAULTS)
    testcase = os.environ["TESTCASE"]
    if fault.name == "no-limit":
        validate_every_path()
    configuration = configure(
        QuicConfiguration(
            is_client=False,
            alpn_protocols=H0_ALPN,
            supported_versions=versions(testcase, fault, is_client=False),
        ),
        os.environ["SSLKEYLOGFILE"],
    )
    configuration.load_cert_chain("/certs/cert.pem", "/certs/priv.key")
    tickets = TicketStore()
    await serve(
        "::",
        443,
        configuration=configuration,
        create_protocol=FaultyServer,
        session_ticket_fetcher=tickets.pop,
        session_ticket_handler=tickets.add,
        retry=(testcase == "retry" and fault.name != "no-retry") or fault.name == "retry",
    )
    await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(run())
