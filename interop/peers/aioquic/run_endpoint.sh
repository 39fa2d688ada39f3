#!/usr/bin/env bash
#   ROLE=client TESTCASE=v2 REQUESTS=https://server4:443/a interop/peers/aioquic/run_endpoint.sh
#
# aioquic with programs of our own: it publishes no endpoint. It has neither ECN nor a preferred
# address. Run by the interop runner, in a container of interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

both="handshake transfer retry resumption zerortt multiconnect chacha20 http3 v2"
# In key updates the server is told "transfer".
program_waits=yes
enter "$both keyupdate" "$both"
run_in_python aioquic
