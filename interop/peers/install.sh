#!/usr/bin/env bash
#   interop/peers/install.sh
#   interop/peers/install.sh curl quic_go
#   ls build/peers
#
# Installs the named peers, or all, into build/peers/. Seconds when they are there. What this
# machine can't have (no Go, no right to install) is a reason to skip its tests and no failure; an
# install that broke is one, and the exit code is 1.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
names=("$@")
everyone=(curl quic_go aioquic ngtcp2 ngtcp2_hq nginx chromium picoquic webtransport_go)
everyone+=(tshark h3spec)
[ "${#names[@]}" -gt 0 ] || names=("${everyone[@]}")

errors="$(mktemp)"
trap 'rm -f "$errors"' EXIT
status=0
for name in "${names[@]}"; do
  if [ ! -x "$here/$name.sh" ] || [ "$name" = install ]; then
    echo "install.sh: no such peer: $name" >&2
    status=1
    continue
  fi
  "$here/$name.sh" 2>"$errors"
  code=$?
  if [ "$code" -eq 3 ]; then
    echo "SKIP reason: $(cat "$errors")"
  else
    cat "$errors" >&2
    [ "$code" -eq 0 ] || status=1
  fi
done
exit "$status"
