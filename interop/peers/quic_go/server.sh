#!/usr/bin/env bash
#   interop/peers/quic_go/server.sh transfer cert.pem key.pem /srv/www /tmp/logs
#
# Runs quic-go's interop server on UDP port 443 until SIGTERM: TESTCASE, certificate chain and key
# (PEM), the folder to serve, and a folder for what it logs (log.txt, qlog/). The test cases are
# those of the QUIC interop runner; all but http3 speak hq-interop.
#
# The server reads /certs and /www and writes to /logs, whatever the machine has there. It is a
# static binary, so it gets a root of its own, made here and removed at the end; without root rights
# a user namespace gives the right to chroot, and port 443 must be open to everybody.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
peers="${QUICD_PEERS_DIR:-$(cd "$here/../../.." && pwd)/build/peers}"
[ $# -eq 5 ] || { sed -n '2s/^# *//p' "$0" >&2; exit 2; }
testcase="$1"
logs="$5"

root="$(mktemp -d "${TMPDIR:-/tmp}/quic_go.XXXXXX")"
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/logs/qlog" "$root/certs" "$logs"
cp "$2" "$root/certs/cert.pem"
cp "$3" "$root/certs/priv.key"
cp -r "$4" "$root/www"
ln "$peers/quic_go/bin/server" "$root/server" 2>/dev/null ||
  cp "$peers/quic_go/bin/server" "$root/server"
enter=(chroot)
[ "$(id -u)" -eq 0 ] || enter=(unshare --map-root-user chroot)

TESTCASE="$testcase" QLOGDIR=/logs/qlog "${enter[@]}" "$root" /server &
server=$!
trap 'kill "$server"' TERM INT
status=0
wait "$server" || status=$?
# A signal ends the first wait only.
wait "$server" 2>/dev/null || true
cp -r "$root/logs/." "$logs"
[ "$status" -ge 128 ] || exit "$status"
