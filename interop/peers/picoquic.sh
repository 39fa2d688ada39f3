#!/usr/bin/env bash
#   interop/peers/picoquic.sh
#   interop/peers/install.sh picoquic
#
# picoquic, with picotls and OpenSSL 3.5, as Python's aiopquic brings it: the one package of a
# registry that has it. Needs Python 3.12; pyenv's versions are looked through, too.
set -euo pipefail
peer=picoquic
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

aiopquic=0.6.1
wanted="picoquic 1.1.53 of aiopquic $aiopquic"
exit_if_installed "$wanted"

# The newest that is there: `python3.13` may be pyenv's, which fails where it is not chosen.
python=""
for candidate in python3.14 python3.13 python3.12 python3 \
  "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-4].*/bin/python3; do
  "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 12) <= sys.version_info < (3, 15))' \
    2>/dev/null || continue
  python="$candidate"
  break
done
[ -n "$python" ] ||
  missing "Python 3.12 to 3.14 with venv" "install one, e.g. apt-get install python3 in Debian 13"

run_logged "$python" -m venv "$peer_dir/venv"
run_logged "$peer_dir/venv/bin/python" -m pip install --disable-pip-version-check --no-input \
  --only-binary :all: "aiopquic==$aiopquic"
run_logged "$peer_dir/venv/bin/python" -c 'import aiopquic.asyncio'
mark_installed "$wanted"
