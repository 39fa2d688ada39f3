#!/usr/bin/env bash
#   interop/peers/tshark.sh
#   build/peers/tshark/tshark --version
#
# Wireshark's tshark from Debian sid: no peer but the tool that the judge reads captures with
# (../judge/). The QUIC Interop Runner asks for 4.5 at least, which no Debian release has yet.
set -euo pipefail
peer=tshark
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version='4.6.9-1'
wanted="tshark $version"
exit_if_installed "$wanted"
debian_root sid "tshark=$version"
