#!/usr/bin/env bash
#   ROLE=client TESTCASE=v2 REQUESTS=https://server4:443/a interop/peers/picoquic/run_endpoint.sh
#
# picoquic through aiopquic, with programs of our own. Run by the interop runner, in a container of
# interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

both="handshake transfer retry resumption zerortt multiconnect chacha20 v2 ecn"
# In key updates the server is told "transfer".
program_waits=yes
enter "$both keyupdate" "$both"
run_in_python picoquic
