#!/usr/bin/env bash
#   interop/peers/curl.sh
#   build/peers/curl/curl --version
#   build/peers/curl/curl --http3-only -k https://127.0.0.1:4433/
#
# curl with HTTP/3 (ngtcp2, nghttp3), from Debian 13 backports. Debian 12's own curl has none.
#
# The packages are fetched by apt into a private state folder and unpacked into a private root; the
# program runs through that root's own dynamic linker. Nothing of the host is changed, no root right
# and no chroot is needed, and it takes seconds and 45 MB. A Debian mirror keeps only the newest
# build of a version, so what is pinned is the suite: the version found is printed and kept in
# `build/peers/curl/version`.
set -euo pipefail
peer=curl
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=trixie-backports
wanted="curl with HTTP/3 from $suite"
need apt-get "a Debian or Ubuntu machine"
need dpkg-deb "apt-get install dpkg"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || missing "$keyring" "apt-get install debian-archive-keyring"
exit_if_installed "$wanted"

# The mirror that this machine uses already. Its name is all we need: the lists need not have been
# fetched.
targets="$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages')"
mirror="${QUICD_DEBIAN_MIRROR:-$(grep -m 1 -E '/debian/?$' <<<"$targets" || true)}"
[ -n "$mirror" ] ||
  missing "a Debian mirror in apt's sources" "set QUICD_DEBIAN_MIRROR to one's URL"

apt="$peer_dir/apt"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
for codename in "${suite%-backports}" "$suite"; do
  echo "deb [signed-by=$keyring] $mirror $codename main"
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
export APT_CONFIG="$apt/apt.conf"
run_logged apt-get update
run_logged apt-get install --yes --download-only --target-release "$suite" curl

root="$peer_dir/root"
mkdir -p "$root"
for package in "$apt"/cache/archives/*.deb; do
  run_logged dpkg-deb --extract "$package" "$root"
done
rm -rf "$apt"

linker="$(find "$root/usr/lib" -name 'ld-linux*.so.*' | head -n 1)"
[ -n "$linker" ] || missing "a dynamic linker in the unpacked packages" "see $peer_dir/install.log"
# Relative, so that the repository may be moved.
cat >"$peer_dir/curl" <<WRAPPER
#!/bin/sh
here="\$(dirname "\$(readlink -f "\$0")")"
lib="\$here/${linker#"$peer_dir"/}"
exec "\$lib" --library-path "\$(dirname "\$lib")" "\$here/root/usr/bin/curl" "\$@"
WRAPPER
chmod +x "$peer_dir/curl"

"$peer_dir/curl" --version >"$peer_dir/version"
grep -qw HTTP3 "$peer_dir/version" ||
  missing "HTTP3 in $(head -n 1 "$peer_dir/version")" "another suite"
head -n 1 "$peer_dir/version" | grep -oE '^curl [0-9.]+|(ngtcp2|nghttp3|OpenSSL)/[0-9.]+' | xargs
mark_installed "$wanted"
