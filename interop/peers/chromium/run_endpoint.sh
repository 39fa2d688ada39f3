#!/usr/bin/env bash
#   ROLE=client TESTCASE=http3 REQUESTS=https://server4:443/a interop/peers/chromium/run_endpoint.sh
#
# Chromium as a client of the http3 case; it speaks no hq-interop. Run by the interop runner, in a
# container of interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

enter "http3" ""

read -ra urls <<<"$REQUESTS"
# The runner's root is none of the browser's: the server's key is what it is to trust.
spki="$(openssl x509 -in /certs/cert.pem -noout -pubkey | openssl pkey -pubin -outform der |
  openssl dgst -sha256 -binary | base64)"
exec bun "$repo/interop/peers/chromium/fetch_files.ts" --spki "$spki" --downloads /downloads \
  "${urls[@]}"
