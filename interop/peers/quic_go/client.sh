#!/usr/bin/env bash
#   interop/peers/quic_go/client.sh transfer /tmp/out https://[::1]:4433/a https://[::1]:4433/b
#   interop/peers/quic_go/client.sh http3 /tmp/out https://127.0.0.1:4433/a
#   interop/peers/quic_go/client.sh resumption /tmp/out https://[::1]:4433/a https://[::1]:4433/b
#
# Runs quic-go's interop client: TESTCASE, folder for the files, URLs of one origin (IP address, not
# a name).
#
# The client writes to /downloads and /logs, whatever the machine has there. It is a static binary,
# so it gets a root of its own, made here and removed at the end; without root rights a user
# namespace gives the right to chroot.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
peers="${QUICD_PEERS_DIR:-$(cd "$here/../../.." && pwd)/build/peers}"
[ $# -ge 3 ] || { sed -n '2,4s/^# *//p' "$0" >&2; exit 2; }
testcase="$1"
out="$2"
shift 2

mkdir -p "$out"
root="$(mktemp -d "${TMPDIR:-/tmp}/quic_go.XXXXXX")"
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/logs" "$root/downloads"
# A link where it can be: two hundred clients at once should not be two hundred copies.
ln "$peers/quic_go/bin/client" "$root/client" 2>/dev/null ||
  cp "$peers/quic_go/bin/client" "$root/client"
enter=(chroot)
[ "$(id -u)" -eq 0 ] || enter=(unshare --map-root-user chroot)

status=0
TESTCASE="$testcase" "${enter[@]}" "$root" /client "$@" || status=$?
if [ "$status" -ne 0 ] && [ -s "$root/logs/log.txt" ]; then tail -n 20 "$root/logs/log.txt" >&2; fi
find "$root/downloads" -mindepth 1 -maxdepth 1 -exec mv -t "$out" {} +
exit "$status"
