#!/usr/bin/env bash
#   interop/peers/tshark.sh
#   build/peers/tshark/tshark --version
#
# Wireshark's tshark from Debian sid: no peer, but the tool that the judge reads captures with
# (../judge/). No Debian release has the version 4.5 that the QUIC Interop Runner asks for. It takes
# seconds and 200 MB.
set -euo pipefail
peer=tshark
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version='4.6.9-1+b1'
wanted="tshark $version"
exit_if_installed "$wanted"

# sid keeps a version for weeks only. Later: QUICD_DEBIAN_MIRROR=<snapshot.debian.org's of a day>.
debian_root sid "tshark=$version"
# The archive's signature vouches for all of them; these are the ones that were tested.
for pinned in \
  "tshark 9d12ac1860344f801b4f212ec721a8ff9c75b2b7019a0fee0652942866a36c73" \
  "libwireshark19 12777ff6b63cd0672688beb18db1c3b0968eaae2593d3af72bcfddd54648d54f"; do
  grep -q "^${pinned#* } .*${pinned% *}_" "$peer_dir/packages" ||
    missing "the ${pinned% *} with SHA-256 ${pinned#* }" "see $peer_dir/packages"
done
unpacked="$peer_dir/root"
rm -rf "$unpacked"/usr/share/{doc,man,locale}
program_in_root tshark /usr/bin/tshark
run_logged "$peer_dir/tshark" --version
mark_installed "$wanted"
