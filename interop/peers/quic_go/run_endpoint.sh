#!/usr/bin/env bash
#   ROLE=server TESTCASE=transfer interop/peers/quic_go/run_endpoint.sh
#
# The entry point of quic-go's published image: its programs read TESTCASE themselves. Run by the
# interop runner, in a container of interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

both="handshake transfer retry resumption zerortt multiconnect chacha20 http3"
# In key updates the server is told "transfer".
enter "$both keyupdate" "$both"

read -ra params <<<"${CLIENT_PARAMS:-}"
if [ "$ROLE" = client ]; then
  read -ra urls <<<"$REQUESTS"
  exec "$peers_dir/quic_go/bin/client" "${params[@]}" "${urls[@]}"
fi
exec "$peers_dir/quic_go/bin/server"
