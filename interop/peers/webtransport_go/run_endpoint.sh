#!/usr/bin/env bash
#   ROLE=server TESTCASE=handshake interop/peers/webtransport_go/run_endpoint.sh
#
# The entry point of webtransport-go's published image for the interop runner's WebTransport cases:
# its programs read REQUESTS and PROTOCOLS themselves. They end with 127, too, but a client only
# when it has a session. Run by the interop runner, in a container of interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

# Who asks for files is told the whole name of the case, the other one "transfer".
both="handshake transfer"
kinds="unidirectional bidirectional datagram"
enter "$both $(printf 'transfer-%s-receive ' $kinds)" "$both $(printf 'transfer-%s-send ' $kinds)"

read -ra params <<<"${CLIENT_PARAMS:-}"
[ "$ROLE" = server ] || exec "$peers_dir/webtransport_go/bin/client" "${params[@]}"
exec "$peers_dir/webtransport_go/bin/server"
