#!/usr/bin/env bash
#   interop/peers/ngtcp2.sh
#   build/peers/ngtcp2/client --exit-on-all-streams-close localhost 4433 https://localhost:4433/
#   build/peers/ngtcp2/server '*' 4434 key.pem cert.pem
#
# ngtcp2's own client and server (with GnuTLS: gtlsclient and gtlsserver), from Debian 12 backports;
# HTTP/3 only. It takes seconds and 45 MB.
set -euo pipefail
peer=ngtcp2
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=bookworm-backports
version='1.11.0-1~bpo12+1'
wanted="ngtcp2 client and server $version"
exit_if_installed "$wanted"

debian_root "${suite%-backports} $suite" --target-release "$suite" \
  "ngtcp2-client=$version" "ngtcp2-server=$version"
# The archive's signature vouches for all of them; these are the ones that were tested.
for pinned in \
  "ngtcp2-client 814586d0a345fbdc04e85617f3ee13ef59c0b8f3c0d9011d251df67d1a932887" \
  "ngtcp2-server e39fc0cb5da0126d4e9416fbe53935522764317d9fcd95bb7efce4e606b14aa2"; do
  grep -q "^${pinned#* } .*${pinned% *}_" "$peer_dir/packages" ||
    missing "the ${pinned% *} with SHA-256 ${pinned#* }" "see $peer_dir/packages"
done
program_in_root client /usr/bin/gtlsclient
program_in_root server /usr/sbin/gtlsserver
run_logged "$peer_dir/client" --help
run_logged "$peer_dir/server" --help
mark_installed "$wanted"
