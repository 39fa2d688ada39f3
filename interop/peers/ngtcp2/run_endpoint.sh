#!/usr/bin/env bash
#   ROLE=client TESTCASE=v2 REQUESTS=https://server4:443/a interop/peers/ngtcp2/run_endpoint.sh
#
# ngtcp2's example client and server with the options that its image for the interop runner gives
# them. Run by the interop runner, in a container of interop/lab/.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../entry_point.sh"

both="handshake transfer retry resumption zerortt multiconnect chacha20 keyupdate http3 ecn v2"
enter "$both" "$both connectionmigration"

protocol=hq
[ "$TESTCASE" != http3 ] || protocol=h3
# The image's TLS library has no X25519MLKEM768. To offer it without a key share, as OpenSSL would,
# makes servers answer with a HelloRetryRequest, which ends 0-RTT.
groups="X25519:P-256:P-384:P-521"
common=(--groups "$groups")
common+=(-s --no-quic-dump --no-http-dump --qlog-dir "$QLOGDIR" --initial-rtt 100ms)
case "$TESTCASE" in
  multiconnect) common+=(--timeout 180s --handshake-timeout 180s) ;;
  # Probes of the path's size carry no ECN mark, and they count against the limit on 1-RTT bytes.
  ecn | zerortt) common+=(--no-pmtud) ;;
esac

if [ "$ROLE" = server ]; then
  program="$peers_dir/ngtcp2_hq/bin/${protocol}_server"
  read -ra params <<<"${SERVER_PARAMS:-}"
  case "$TESTCASE" in
    retry) common+=(--validate-addr) ;;
    v2) common+=(--preferred-versions v2) ;;
    connectionmigration)
      common+=(--preferred-ipv4-addr 193.167.100.100:4433)
      common+=(--preferred-ipv6-addr '[fd00:cafe:cafe:100::100]:4433')
      ;;
  esac
  exec "$program" '*' 443 /certs/priv.key /certs/cert.pem -d /www "${common[@]}" "${params[@]}" \
    >/logs/log.txt 2>&1
fi

program="$peers_dir/ngtcp2_hq/bin/${protocol}_client"
read -ra params <<<"${CLIENT_PARAMS:-}"
read -ra urls <<<"$REQUESTS"
host="${urls[0]#https://}"
host="${host%%[:/]*}"
common+=(-v 0x1 --download /downloads --exit-on-all-streams-close)
case "$TESTCASE" in
  chacha20) common+=(--ciphers TLS_CHACHA20_POLY1305_SHA256) ;;
  keyupdate) common+=(--delay-stream 10ms --key-update 1ms) ;;
  v2) common+=(--available-versions v2,v1) ;;
  resumption) common+=(--disable-early-data) ;;
esac

fetch() { # fetch URL...: over one connection
  "$program" "$host" 443 "${common[@]}" "$@" "${params[@]}" >>/logs/log.txt 2>&1
}

case "$TESTCASE" in
  resumption | zerortt)
    state="$(mktemp -d "${TMPDIR:-/tmp}/ngtcp2.XXXXXX")"
    common+=(--session-file "$state/session" --tp-file "$state/tp" --token-file "$state/token")
    common+=(--wait-for-ticket)
    fetch "${urls[0]}"
    fetch "${urls[@]:1}"
    ;;
  multiconnect)
    for url in "${urls[@]}"; do fetch "$url"; done
    ;;
  *) fetch "${urls[@]}" ;;
esac
