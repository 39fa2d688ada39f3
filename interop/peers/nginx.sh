#!/usr/bin/env bash
#   interop/peers/nginx.sh
#   build/peers/nginx/nginx -V
#
# nginx with HTTP/3 and hq-interop (ngx_http_v3_module), from Debian testing: the older suites'
# nginx is years behind in QUIC. A server only; nginx/run_endpoint.sh runs it.
#
# It takes seconds and 27 MB. A Debian mirror keeps only the newest build of a version, so another
# version than the tested one is taken, named, and kept in `build/peers/nginx/version`.
set -euo pipefail
peer=nginx
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=testing
tested=1.30.6
wanted="nginx with HTTP/3 from $suite"
exit_if_installed "$wanted"

debian_root "$suite" nginx
program_in_root nginx /usr/sbin/nginx
"$peer_dir/nginx" -V 2>"$peer_dir/configured"
grep -q -- --with-http_v3_module "$peer_dir/configured" ||
  missing "HTTP/3 in $(head -n 1 "$peer_dir/configured")" "another suite"
sed -n 's|^nginx version: nginx/||p' "$peer_dir/configured" >"$peer_dir/version"
note_version "nginx $(cat "$peer_dir/version")" "nginx $tested"
mark_installed "$wanted"
