#!/usr/bin/env bash
#   ROLE=client TESTCASE=http3 REQUESTS=https://server4:443/a interop/peers/curl/run_endpoint.sh
#
# curl as a client of the http3 case; it speaks no hq-interop. Run by the interop runner, in a
# container of interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

enter "http3" ""

read -ra params <<<"${CLIENT_PARAMS:-}"
read -ra urls <<<"$REQUESTS"
# Side by side on one connection: curl waits for the first to be open before it opens another.
exec "$peers_dir/curl/curl" --http3-only --cacert /certs/ca.pem --parallel --fail-early --fail \
  --silent --show-error --remote-name-all --output-dir /downloads "${params[@]}" "${urls[@]}"
