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

# debian_open "SUITE ..." [deb-src]: apt's lists of these suites, deb-src: of their sources too, in
# the private state folder $peer_dir/apt. Call debian_close when done.
#
# apt checks what it fetches against the archive's signature. Nothing of the host is changed, and no
# root right and no chroot is needed.
debian_open() {
  local suites="$1" apt="$peer_dir/apt" targets mirror suite kind
  need apt-get "a Debian or Ubuntu machine"
  need dpkg-deb "apt-get install dpkg"
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -f "$keyring" ] || missing "$keyring" "apt-get install debian-archive-keyring"
  # The mirror that this machine uses already. Its name is all we need: the lists need not have
  # been fetched.
  targets="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages')"
  mirror="${QUICD_DEBIAN_MIRROR:-$(grep -m 1 -E '/debian/?$' <<<"$targets" || true)}"
  [ -n "$mirror" ] ||
    missing "a Debian mirror in apt's sources" "set QUICD_DEBIAN_MIRROR to one's URL"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  : >"$apt/status"
  for suite in $suites; do
    for kind in deb ${2:-}; do echo "$kind [signed-by=$keyring] $mirror $suite main"; done
  done >"$apt/sources.list"
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Sandbox::User "$(id -un)";
Debug::NoLocking "true";
Acquire::Languages "none";
CONF
  run_logged env APT_CONFIG="$apt/apt.conf" apt-get update
}

# debian_unpack PACKAGE...: unpacks the packages and what they depend on into $peer_dir/root; their
# checksums are in $peer_dir/packages. PACKAGE may be an option of apt-get.
debian_unpack() {
  local apt="$peer_dir/apt" root="$peer_dir/root"
  mkdir -p "$root"
  run_logged env APT_CONFIG="$apt/apt.conf" apt-get install --yes --download-only "$@"
  (cd "$apt/cache/archives" && sha256sum -- *.deb) >>"$peer_dir/packages"
  find "$apt/cache/archives" -name '*.deb' -print0 |
    run_logged xargs -0 -P "$(nproc)" -I '{}' dpkg-deb --extract '{}' "$root"
}

# debian_source PACKAGE: fetches its source package, not unpacked, into $peer_dir/source.
debian_source() {
  mkdir -p "$peer_dir/source"
  cd "$peer_dir/source"
  run_logged env APT_CONFIG="$peer_dir/apt/apt.conf" apt-get source --download-only "$1"
  cd - >/dev/null
}

debian_close() {
  rm -rf "$peer_dir/apt"
}

# debian_root "SUITE ..." PACKAGE...: all of this at once.
debian_root() {
  debian_open "$1"
  shift
  debian_unpack "$@"
  debian_close
}

# note_version FOUND TESTED: says so when an archive that moves on has another version than the one
# that the tests were written with.
note_version() {
  [ "$1" = "$2" ] || echo "peers/$peer: $1 is there; the version that was tested is $2"
}

# program_in_root NAME PATH: $peer_dir/NAME runs PATH of $peer_dir/root, through that root's own
# dynamic linker and libraries.
program_in_root() {
  local linker
  linker="$(find "$peer_dir/root" -name 'ld-linux*.so.*' | head -n 1)"
  [ -n "$linker" ] ||
    missing "a dynamic linker in the unpacked packages" "see $peer_dir/install.log"
  # Relative, so that the repository may be moved. Debian 12 has libraries in both folders.
  cat >"$peer_dir/$1" <<WRAPPER
#!/bin/sh
here="\$(dirname "\$(readlink -f "\$0")")"
lib="\$here/${linker#"$peer_dir"/}"
libs="\$here/root/usr/lib/x86_64-linux-gnu:\$here/root/lib/x86_64-linux-gnu"
exec "\$lib" --library-path "\$(dirname "\$lib"):\$libs" "\$here/root$2" "\$@"
WRAPPER
  chmod +x "$peer_dir/$1"
}
