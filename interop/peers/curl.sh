#!/usr/bin/env bash
#   interop/peers/curl.sh
#   build/peers/curl/curl --version
#   build/peers/curl/curl --http3-only -k https://127.0.0.1:4433/
#
# curl with HTTP/3 (ngtcp2, nghttp3), from Debian 13 backports. Debian 12's own curl has none.
#
# It takes seconds and 45 MB. A Debian mirror keeps only the newest build of a version, so what is
# pinned is the suite: the version found is printed and kept in `build/peers/curl/version`.
set -euo pipefail
peer=curl
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=trixie-backports
wanted="curl with HTTP/3 from $suite"
exit_if_installed "$wanted"

debian_root "${suite%-backports} $suite" --target-release "$suite" curl
program_in_root curl /usr/bin/curl

"$peer_dir/curl" --version >"$peer_dir/version"
grep -qw HTTP3 "$peer_dir/version" ||
  missing "HTTP3 in $(head -n 1 "$peer_dir/version")" "another suite"
head -n 1 "$peer_dir/version" | grep -oE '^curl [0-9.]+|(ngtcp2|nghttp3|OpenSSL)/[0-9.]+' | xargs
mark_installed "$wanted"
