# Sourced by build.sh and test.sh: where cargo works, and where bindgen finds libclang.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/build/quiche}

if [[ -z ${LIBCLANG_PATH:-} ]]; then
	for directory in $(printf '%s\n' /usr/lib/llvm-*/lib | sort -rV); do
		if compgen -G "$directory/libclang*.so*" >/dev/null; then
			export LIBCLANG_PATH=$directory
			break
		fi
	done
fi
for tool in cargo cmake c++; do
	command -v "$tool" >/dev/null && continue
	printf '%s: %s is missing (needed: Rust 1.88 or newer, cmake, g++, libclang)\n' "$(basename "$0")" "$tool" >&2
	exit 1
done
