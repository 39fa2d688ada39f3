#!/usr/bin/env bash
#   ROLE=server TESTCASE=retry interop/peers/nginx/run_endpoint.sh
#
# nginx as a server of the interop runner's files; its configuration is written for each TESTCASE.
# It writes no key log (that directive is not in the open version): the client's is used.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

enter "" "handshake transfer retry resumption zerortt multiconnect chacha20 http3"

# http3_hq turns HTTP/3 off for the connections it applies to.
directives=""
case "$TESTCASE" in
  http3) ;;
  retry) directives="http3_hq on; quic_retry on;" ;;
  zerortt) directives="http3_hq on; ssl_early_data on;" ;;
  chacha20) directives="http3_hq on; ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256;" ;;
  *) directives="http3_hq on;" ;;
esac

state="$(mktemp -d "${TMPDIR:-/tmp}/nginx.XXXXXX")"
# One worker: with more a datagram after a rebinding reaches the wrong one. 1,999 requests of one
# connection and 180 s between two packets must not end it.
cat >"$state/nginx.conf" <<CONF
daemon off;
user root;
pid $state/nginx.pid;
worker_processes 1;
error_log /logs/error.log info;
events { worker_connections 4096; }
http {
  access_log /logs/access.log;
  client_body_temp_path $state/body;
  proxy_temp_path $state/proxy;
  fastcgi_temp_path $state/fastcgi;
  uwsgi_temp_path $state/uwsgi;
  scgi_temp_path $state/scgi;
  keepalive_requests 100000;
  keepalive_timeout 180s;
  client_header_timeout 180s;
  ssl_session_cache shared:sessions:1m;
  server {
    listen 443 quic reuseport;
    listen [::]:443 quic reuseport;
    server_name server4 server6 server46;
    ssl_certificate /certs/cert.pem;
    ssl_certificate_key /certs/priv.key;
    ssl_protocols TLSv1.3;
    quic_gso off;
    quic_active_connection_id_limit 8;
    root /www;
    $directives
  }
}
CONF
read -ra params <<<"${SERVER_PARAMS:-}"
exec "$peers_dir/nginx/nginx" -c "$state/nginx.conf" -p "$state" -e /logs/error.log "${params[@]}"
