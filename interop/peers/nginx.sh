#!/usr/bin/env bash
#   interop/peers/nginx.sh
#   build/peers/nginx/nginx -V
#
# nginx with HTTP/3 and hq-interop (ngx_http_v3_module), from Debian unstable: the older suites'
# nginx is years behind in QUIC. A server only; nginx/run_endpoint.sh runs it.
#
# It takes seconds and 27 MB. A Debian mirror keeps only the newest build of a version, so what is
# pinned is the suite: the version found is printed and kept in `build/peers/nginx/version`.
set -euo pipefail
peer=nginx
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=sid
wanted="nginx with HTTP/3 from $suite"
exit_if_installed "$wanted"

debian_root "$suite" nginx
program_in_root nginx /usr/sbin/nginx
"$peer_dir/nginx" -V 2>"$peer_dir/configured"
grep -q -- --with-http_v3_module "$peer_dir/configured" ||
  missing "HTTP/3 in $(head -n 1 "$peer_dir/configured")" "another suite"
sed -n 's|^nginx version: nginx/||p' "$peer_dir/configured" >"$peer_dir/version"
echo "nginx $(cat "$peer_dir/version")"
mark_installed "$wanted"
