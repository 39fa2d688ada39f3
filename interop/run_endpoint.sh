#!/usr/bin/env bash
#   ROLE=server TESTCASE=transfer interop/run_endpoint.sh
#
# The entry point of our image for the QUIC Interop Runner (interop/Dockerfile): ROLE, TESTCASE,
# REQUESTS, CLIENT_PARAMS, SERVER_PARAMS, SSLKEYLOGFILE and QLOGDIR say what to do; /www, /certs,
# /downloads and /logs are the runner's, /setup.sh and /wait-for-it.sh those of its base image.
#
# Exit codes: 127 for a TESTCASE that this role does not support, before anything is waited for; of
# a client 0 when all files are there, else 1. A server runs until SIGTERM.
set -euo pipefail
here="$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)"
export QUICD_FALLBACK=never

bun "$here/endpoint/supports.ts" "${ROLE:-}" "${TESTCASE:-}" || exit 127
/setup.sh
# Split at spaces, as the runner's shell scripts do.
read -ra params <<<"${CLIENT_PARAMS:-}"
if [ "$ROLE" = server ]; then
  read -ra params <<<"${SERVER_PARAMS:-}"
  exec bun "$here/endpoint/server.ts" ${params[@]+"${params[@]}"}
fi
read -ra urls <<<"${REQUESTS:-}"
exec bun "$here/endpoint/client.ts" --wait sim:57832 ${params[@]+"${params[@]}"} ${urls[@]+"${urls[@]}"}
