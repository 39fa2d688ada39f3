#!/usr/bin/env bash
#   ROLE=client TESTCASE=handshake CLIENT_PARAMS="--fault second-connection --seed 3" run_endpoint.sh
#
# The entry point of the endpoints that the judge must fail (see endpoint.py). Run in a container
# of ../../lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../peers/entry_point.sh"

both="handshake transfer retry resumption zerortt chacha20 v2 ecn connectionmigration keyupdate"
enter "$both" "$both"

here="$repo/interop/judge/faulty"
export PYTHONPATH="$here:$repo/interop/peers/aioquic" PYTHONDONTWRITEBYTECODE=1
if [ "$ROLE" = client ]; then
  read -ra params <<<"${CLIENT_PARAMS:-}"
else
  read -ra params <<<"${SERVER_PARAMS:-}"
fi
exec "$peers_dir/aioquic/venv/bin/python" "$here/faulty_$ROLE.py" "${params[@]}"
