#!/usr/bin/env bash
# Builds libquicd_quiche.a into build/lib of the repository. Minutes the first time (BoringSSL), then a fraction of a second.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$here"
./prepare.sh
# Only the static library: an rlib beside it (the tests want one) would silently turn LTO off.
cargo rustc --release --locked --lib --crate-type staticlib "$@"
built=$CARGO_TARGET_DIR/release/libquicd_quiche.a
target=$root/build/lib/libquicd_quiche.a
if [[ ! $target -ef $built ]]; then
	mkdir -p "$(dirname "$target")"
	ln -f "$built" "$target" 2>/dev/null || cp -p "$built" "$target"
fi
