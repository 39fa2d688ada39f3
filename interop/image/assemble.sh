#!/usr/bin/env bash
#   interop/image/assemble.sh build/image
#
# Puts what the interop image holds into a folder, from a repository that ./setup has built: our
# sources, the addon without its symbols, Bun, and the dependencies that bun.lock pins.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2s/^# *//p' "$0" >&2; exit 2; }
repo="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
mkdir -p "$1"
folder="$(cd "$1" && pwd)"
[ -z "$(ls -A "$folder")" ] || { echo "assemble.sh: $folder is not empty" >&2; exit 1; }
[ -f "$repo/build/lib/quicd.node" ] ||
  { echo "assemble.sh: no build/lib/quicd.node here. Remedy: ./setup" >&2; exit 1; }

cd "$repo"
mkdir -p "$folder/bin" "$folder/interop" "$folder/build/lib"
cp package.json bun.lock LICENSE THIRD_PARTY.md "$folder"
cp -r src "$folder/src"
cp -r interop/run_endpoint.sh interop/testcases.ts interop/endpoint "$folder/interop"
strip --strip-debug -o "$folder/build/lib/quicd.node" build/lib/quicd.node
cp "$(readlink -f "$(command -v bun)")" "$folder/bin/bun"
cd "$folder"
bin/bun install --frozen-lockfile --production --ignore-scripts >/dev/null
