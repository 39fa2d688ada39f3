#!/usr/bin/env bash
#   interop/peers/webtransport_go.sh
#   interop/peers/install.sh webtransport_go
#
# webtransport-go's published interop client and server, the programs in its image for the
# WebTransport part of the interop runner; on quic-go.
set -euo pipefail
peer=webtransport_go
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=v0.13.0
wanted="webtransport-go $version interop client and server"
need go "install Go 1.25 or newer and put it on PATH"
exit_if_installed "$wanted"

minor="$(go env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')"
[ "$minor" -ge 25 ] || missing "Go 1.25 (found $(go env GOVERSION))" "install a newer Go"
for program in client server; do
  run_logged env CGO_ENABLED=0 GOBIN="$peer_dir/bin" GOFLAGS=-p=1 \
    go install -trimpath "github.com/quic-go/webtransport-go/interop/$program@$version"
done
mark_installed "$wanted"
