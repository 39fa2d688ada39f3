#!/usr/bin/env bash
#   interop/peers/aioquic.sh
#   build/peers/aioquic/venv/bin/python interop/peers/aioquic/fetch.py --port 4433 /index.html
#   build/peers/aioquic/venv/bin/python interop/peers/aioquic/echo.py --port 4433 --upload 1000000
#
# aioquic (QUIC and TLS in Python) and pylsqpack (ls-qpack, an independent QPACK) in a virtual
# environment. What we drive it with is interop/peers/aioquic/*.py.
set -euo pipefail
peer=aioquic
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

aioquic=1.7.2
pylsqpack=1.0.0
wanted="aioquic $aioquic, pylsqpack $pylsqpack"
need python3 "apt-get install python3 python3-venv"
python3 -c 'import venv, ensurepip' 2>/dev/null ||
  missing "Python's venv" "apt-get install python3-venv"
exit_if_installed "$wanted"

run_logged python3 -m venv "$peer_dir/venv"
run_logged "$peer_dir/venv/bin/python" -m pip install --disable-pip-version-check --no-input \
  "aioquic==$aioquic" "pylsqpack==$pylsqpack"
run_logged "$peer_dir/venv/bin/python" -c 'import aioquic.h3.connection, pylsqpack'
mark_installed "$wanted"
