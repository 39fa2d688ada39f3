#!/usr/bin/env bash
#   interop/peers/tshark.sh
#   build/peers/tshark/tshark --version
#
# Wireshark's tshark from Debian testing: no peer, but the tool that the judge reads captures with
# (../judge/). No Debian release has the version 4.5 that the QUIC Interop Runner asks for.
#
# It takes seconds and 200 MB. A Debian mirror keeps only the newest build of a version, so another
# version than the tested one is taken, and named.
set -euo pipefail
peer=tshark
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=testing
tested='4.6.9-1+b1'
wanted="tshark from $suite"
exit_if_installed "$wanted"

debian_root "$suite" tshark
version="$(sed -n 's/.* tshark_\(.*\)_[^_]*\.deb$/\1/p' "$peer_dir/packages")"
note_version "tshark $version" "tshark $tested"
# The archive's signature vouches for all of them; these are the ones that were tested.
for pinned in \
  "tshark 9d12ac1860344f801b4f212ec721a8ff9c75b2b7019a0fee0652942866a36c73" \
  "libwireshark19 12777ff6b63cd0672688beb18db1c3b0968eaae2593d3af72bcfddd54648d54f"; do
  [ "$version" = "$tested" ] || break
  grep -q "^${pinned#* } .*${pinned% *}_" "$peer_dir/packages" ||
    missing "the ${pinned% *} with SHA-256 ${pinned#* }" "see $peer_dir/packages"
done
unpacked="$peer_dir/root"
rm -rf "$unpacked"/usr/share/{doc,man,locale}
program_in_root tshark /usr/bin/tshark
run_logged "$peer_dir/tshark" --version
mark_installed "$wanted"
