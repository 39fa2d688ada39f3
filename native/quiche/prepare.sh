#!/usr/bin/env bash
# Unpacks the pinned quiche into patched/quiche and applies patches/NN-*.patch in order.
# Idempotent: a stamp holds the hash of checksum + series, so a second run only hashes a few small files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

die() { printf 'prepare.sh: %s\n' "$1" >&2; exit 1; }

shopt -s nullglob
series=(patches/[0-9][0-9]-*.patch)
read -r checksum crate <patches/CHECKSUM
version=${crate#quiche-}; version=${version%.crate}
stamp=$(cat patches/CHECKSUM "${series[@]}" prepare.sh | sha256sum)
if [[ -f patched/stamp && $(<patched/stamp) == "$stamp" ]]; then exit 0; fi
command -v patch >/dev/null || die "the program 'patch' is missing; install the package 'patch'"

cargo_home=${CARGO_HOME:-$HOME/.cargo}
find_crate() { # the first one in cargo's cache, whatever the registry's directory is called
	local found=("$cargo_home"/registry/cache/*/"$crate")
	printf '%s' "${found[0]:-}"
}

archive=$(find_crate)
if [[ -z $archive ]]; then
	# Our own manifest names patched/quiche, which is what we are making: fetch through a throw-away one.
	command -v cargo >/dev/null || die "cargo is missing; install Rust 1.88 or newer"
	scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
	mkdir "$scratch/src"; : >"$scratch/src/lib.rs"
	printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nquiche = "=%s"\n' \
		"$version" >"$scratch/Cargo.toml"
	(cd "$scratch" && cargo fetch --quiet) || die "cargo could not fetch $crate; is the network reachable?"
	archive=$(find_crate)
	[[ -n $archive ]] || die "$crate is not in $cargo_home/registry/cache after the fetch; is CARGO_HOME right?"
fi
actual=$(sha256sum "$archive"); actual=${actual%% *}
[[ $actual == "$checksum" ]] || die "$archive has sha256 $actual, but patches/CHECKSUM pins $checksum.
Remedy: delete that file and run this again. If it still differs, the registry serves another file: do not build."

rm -rf patched.new; mkdir patched.new
tar -xzf "$archive" -C patched.new
mv "patched.new/quiche-$version" patched.new/quiche
for file in "${series[@]}"; do
	# --fuzz=0: a hunk that fits only roughly is a hunk to look at.
	patch -p1 --fuzz=0 --silent --no-backup-if-mismatch -d patched.new/quiche <"$file" ||
		die "$file does not apply to quiche $version.
Remedy: rebase that patch (patches/README.md), or restore it from git if it was edited by accident."
done
printf '%s' "$stamp" >patched.new/stamp
rm -rf patched; mv patched.new patched
