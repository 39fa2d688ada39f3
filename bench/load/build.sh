#!/usr/bin/env bash
# Builds the load client, quicd_load. A fraction of a second when it is there; the first time under a minute where
# the server is built, whose BoringSSL it takes (the same version: a test compares), else minutes.
#
#   bench/load/build.sh                                builds it and prints where it is
#   CARGO_TARGET_DIR=$HOME/.cache/load bench/load/build.sh
#   "$(bench/load/build.sh)" --help                    what it can do
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/build/load}
if [[ -z ${LIBCLANG_PATH:-} ]]; then
	for directory in $(printf '%s\n' /usr/lib/llvm-*/lib | sort -rV); do
		compgen -G "$directory/libclang*.so*" >/dev/null && export LIBCLANG_PATH=$directory && break
	done
fi
for tool in cargo cmake c++; do
	command -v "$tool" >/dev/null && continue
	printf '%s is missing (needed: Rust 1.88 or newer, cmake, g++, libclang): ./setup\n' "$tool" >&2
	exit 1
done
source "$root/native/quiche/boringssl.sh" "$root/build/quiche"
(cd "$here/client" && cargo build --release --locked --quiet "$@") >&2
printf '%s\n' "$CARGO_TARGET_DIR/release/quicd_load"
