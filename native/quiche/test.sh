#!/usr/bin/env bash
# Runs the crate's tests; arguments go to cargo test (a test's name, --test paths, ...). The last line counts.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$here"
./prepare.sh
# The release profile, but without LTO (each test file is a program of its own) and with quiche's assertions.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true
# Another profile would make cargo compile BoringSSL once more.
source "$here/boringssl.sh" "$CARGO_TARGET_DIR"
status=0
output=$(cargo test --release --locked --no-fail-fast "$@" 2>&1) || status=$?
printf '%s\n' "$output"
read -r passed failed skipped < <(awk '/^test result:/ { p += $4; f += $6; s += $8 } END { print p + 0, f + 0, s + 0 }' <<<"$output")
# Linking and exporting, from C; only where build.sh has run, and only when all tests were asked for.
if [[ $# == 0 && -f $root/build/lib/libquicd_quiche.a ]]; then
	if tests/smoke.sh; then passed=$((passed + 1)); else failed=$((failed + 1)) status=1; fi
fi
if ((status != 0 && failed == 0)); then failed=1; fi # it did not compile, or crashed
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
exit "$status"
