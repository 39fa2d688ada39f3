#!/usr/bin/env bash
#   interop/peers/quic_go.sh
#   interop/peers/quic_go/client.sh transfer /tmp/out https://127.0.0.1:4433/index.html
#   interop/peers/quic_go/client.sh http3 /tmp/out https://127.0.0.1:4433/index.html
#   build/peers/quic_go/bin/multiplex -url https://127.0.0.1:4433 -connections 20 -sockets 8
#
# quic-go's published interop client and server, the programs in its image for the QUIC interop
# runner; and small programs on its API: quic_go/multiplex, feature, hold, reset_at and soak. Built
# without cgo, so that they run in an empty root (see quic_go/client.sh).
set -euo pipefail
peer=quic_go
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=v0.65.0
programs="$repo/interop/peers/quic_go"
wanted="quic-go $version interop client and server, programs"
wanted+=" $(cat "$programs"/go.* "$programs"/*/main.go | sha256sum | cut -c 1-12)"
need go "install Go 1.25 or newer and put it on PATH"
exit_if_installed "$wanted"

minor="$(go env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')"
[ "$minor" -ge 25 ] || missing "Go 1.25 (found $(go env GOVERSION))" "install a newer Go"
for program in client server; do
  run_logged env CGO_ENABLED=0 GOBIN="$peer_dir/bin" GOFLAGS=-p=1 \
    go install -trimpath "github.com/quic-go/quic-go/interop/$program@$version"
done
# Its go.mod and go.sum pin the same version of quic-go, and all that this needs.
grep -q "quic-go/quic-go $version" "$programs/go.mod" ||
  missing "quic-go $version in $programs/go.mod" "go get github.com/quic-go/quic-go@$version there"
run_logged env CGO_ENABLED=0 GOFLAGS=-p=1 go -C "$programs" build -trimpath -o "$peer_dir/bin/" ./...
mark_installed "$wanted"
