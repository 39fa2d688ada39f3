# What every installer here shares. Sourced, not run; the caller has set `peer`.
#
# An installed peer is a folder build/peers/<peer>/ whose file `installed` holds the wanted version
# line. It is written last, so an interrupted install is done again and a finished one costs a file
# read.

repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
peers_dir="${QUICD_PEERS_DIR:-$repo/build/peers}"
peer_dir="$peers_dir/$peer"

# Ends the script: what is missing, and what to do about it.
missing() {
  echo "peers/$peer: missing $1. Remedy: $2" >&2
  exit 3
}

# need COMMAND REMEDY
need() {
  command -v "$1" >/dev/null 2>&1 || missing "the command '$1'" "$2"
}

# Exits 0 at once when this very version is there already.
exit_if_installed() {
  if [ -f "$peer_dir/installed" ] && [ "$(cat "$peer_dir/installed")" = "$1" ]; then
    echo "peers/$peer: $1 (already there)"
    exit 0
  fi
  rm -rf "$peer_dir"
  mkdir -p "$peer_dir"
}

# run_logged COMMAND...: quiet unless it fails; then the end of its output is the message.
run_logged() {
  if ! "$@" >>"$peer_dir/install.log" 2>&1; then
    echo "peers/$peer: '$*' failed; the end of $peer_dir/install.log:" >&2
    tail -n 15 "$peer_dir/install.log" >&2
    exit 1
  fi
}

mark_installed() {
  echo "$1" >"$peer_dir/installed"
  echo "peers/$peer: $1"
}
