# What the entry points of the peers here share. Sourced, not run.
#
# An entry point stands where the one of an image for the QUIC interop runner stands: it reads ROLE,
# TESTCASE, REQUESTS and the rest from its environment and finds /www, /downloads, /certs, /logs,
# /setup.sh and /wait-for-it.sh (see interop/lab/).

set -euo pipefail
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
peers_dir="${QUICD_PEERS_DIR:-$repo/build/peers}"

# enter CLIENT_CASES SERVER_CASES: each a list of TESTCASEs with spaces between; "" for a role that
# the peer has not.
#
# Sets the network up; ends with 127 when the peer does not take part in the case, before anything
# is waited for; lets the client wait for the simulator, unless program_waits is set: a program
# that takes long to load does that first and calls /wait-for-it.sh itself, for the first address
# is taken away a second after the simulator began.
enter() {
  local cases
  case "${ROLE:-}" in
    client) cases="$1" ;;
    server) cases="$2" ;;
    *)
      echo "ROLE is '${ROLE:-}': it must be client or server" >&2
      exit 2
      ;;
  esac
  /setup.sh
  if [[ -z "${TESTCASE:-}" || " $cases " != *" $TESTCASE "* ]]; then
    echo "unsupported test case of a $ROLE: '${TESTCASE:-}'"
    exit 127
  fi
  if [ "$ROLE" = client ] && [ -z "${program_waits:-}" ]; then
    /wait-for-it.sh sim:57832 -s -t 30
  fi
}

# run_in_python NAME: becomes the program of that folder for $ROLE, which waits for itself; in the
# environment that the peer's installer made.
run_in_python() {
  local here="$repo/interop/peers/$1" python="$peers_dir/$1/venv/bin/python" urls
  export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$repo/interop/peers/python"
  if [ "$ROLE" = client ]; then
    read -ra urls <<<"$REQUESTS"
    exec "$python" "$here/endpoint_client.py" --wait sim:57832 --downloads /downloads "${urls[@]}"
  fi
  exec "$python" "$here/endpoint_server.py" --folder /www \
    --certificate /certs/cert.pem --key /certs/priv.key
}
