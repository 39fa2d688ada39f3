#!/usr/bin/env bash
#   interop/peers/chromium.sh
#   chromium --version
#   bun interop/peers/chromium/load_page.ts --help
#
# Debian's Chromium, the only peer that is installed on the machine itself: with apt, where we may.
# What drives it is playwright-core, a development dependency of the repository that brings no
# browser of its own.
set -euo pipefail
peer=chromium
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

remedy="apt-get install chromium as root, or set QUICD_CHROMIUM to a Chromium"
browser="${QUICD_CHROMIUM:-$(command -v chromium || true)}"
if [ -z "$browser" ]; then
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || missing "chromium" "$remedy"
  mkdir -p "$peer_dir"
  export DEBIAN_FRONTEND=noninteractive
  run_logged apt-get update
  run_logged apt-get install --yes --no-install-recommends chromium
  browser="$(command -v chromium || true)"
  [ -n "$browser" ] || missing "chromium" "$remedy"
fi
[ -d "$repo/node_modules/playwright-core" ] || missing "playwright-core" "bun install"

wanted="$("$browser" --version 2>/dev/null | grep -oE 'Chromi[a-z]+ [0-9.]+')"
exit_if_installed "$wanted"
echo "$browser" >"$peer_dir/path"
echo "${wanted#* }" >"$peer_dir/version"
mark_installed "$wanted"
