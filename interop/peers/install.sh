#!/usr/bin/env bash
#   interop/peers/install.sh
#   interop/peers/install.sh curl quic_go
#   ls build/peers
#
# Installs the named peers, or all, into build/peers/, as many at a time as there are cores. Seconds
# when they are there. What this machine can't have (no Go, no right to install) is a reason to skip
# its tests and no failure; an install that broke is one, and the exit code is 1.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
names=("$@")
# The longest first.
everyone=(ngtcp2_hq quic_go tshark webtransport_go picoquic aioquic chromium ngtcp2 nginx curl)
everyone+=(h3spec)
[ "${#names[@]}" -gt 0 ] || names=("${everyone[@]}")

# install_one NAME: 1 when it broke. What it says comes in one piece.
install_one() {
  local name="$1" said code=0
  if [ ! -x "$here/$name.sh" ] || [ "$name" = install ]; then
    echo "install.sh: no such peer: $name" >&2
    return 1
  fi
  said="$("$here/$name.sh" 2>&1)" || code=$?
  case "$code" in
    0) echo "$said" ;;
    3) echo "SKIP reason: ${said##*$'\n'}" ;;
    *)
      echo "$said" >&2
      return 1
      ;;
  esac
}
export here
export -f install_one

printf '%s\0' "${names[@]}" |
  xargs -0 -P "$(nproc)" -n 1 bash -c 'install_one "$1"' install_one || exit 1
