#!/usr/bin/env bash
#   interop/peers/ngtcp2_hq.sh
#   build/peers/ngtcp2_hq/bin/hq_client --help
#   build/peers/ngtcp2_hq/bin/h3_server '*' 4434 key.pem cert.pem
#
# The example client and server of ngtcp2 with OpenSSL, for hq-interop and for HTTP/3, from Debian
# testing: its libraries as they are, the examples compiled here, for no package has the hq ones.
# Linked statically, so that only bin/ stays; Debian's compiler and libraries go when it is done.
#
# It takes about a minute and 40 MB, on the way 500 MB. A Debian mirror keeps only the newest build
# of a version, so another version than the tested one is taken, and named.
set -euo pipefail
peer=ngtcp2_hq
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

suite=testing
tested=1.24.0
tested_sum=7fa5ec2be0f0cbed8bc4ec89c0787dfa9d8ce678f1ed9477c52f30eb1a591207
wanted="ngtcp2 examples from $suite, hq-interop and HTTP/3"
exit_if_installed "$wanted"
need xz "apt-get install xz-utils"
enter=(chroot)
[ "$(id -u)" -eq 0 ] || enter=(unshare --map-root-user chroot)

debian_open "$suite" deb-src
debian_source ngtcp2
debian_unpack g++ libngtcp2-dev libngtcp2-crypto-ossl-dev libnghttp3-dev libev-dev \
  libbrotli-dev libssl-dev libzstd-dev zlib1g-dev
debian_close

root="$peer_dir/root"
# What Debian's base-files would bring: all of these are links today.
for folder in bin sbin lib lib64; do
  [ -e "$root/$folder" ] || ln -s "usr/$folder" "$root/$folder"
done
mkdir -p "$root/tmp" "$root/dev" "$root/source"
: >"$root/dev/null"

tarball="$(echo "$peer_dir"/source/ngtcp2_*.orig.tar.xz)"
version="${tarball##*/ngtcp2_}"
version="${version%.orig.tar.xz}"
note_version "ngtcp2 $version" "ngtcp2 $tested"
if [ "$version" = "$tested" ] &&
  ! sha256sum --check --quiet <<<"$tested_sum  $tarball"; then
  missing "ngtcp2 $tested with SHA-256 $tested_sum" "see $tarball"
fi
run_logged tar --extract --file "$tarball" --strip-components 1 --directory "$root/source"

# As its configure script finds them on Linux; its own build takes four times as long.
defines=(-DWITH_EXAMPLE_OSSL -DHAVE_LIBBROTLI -DHAVE_FCNTL_H -DHAVE_UNISTD_H)
for header in ARPA_INET ASM_TYPES LINUX_NETLINK LINUX_RTNETLINK NETINET_IN NETINET_IP \
  NETINET_UDP SYS_SOCKET; do
  defines+=("-DHAVE_${header}_H")
done
common="-O1 -w -pipe ${defines[*]} -I/source/third-party -I/source/third-party/urlparse"

# compiled NAME SOURCE [FLAG]: the command for one object file.
compiled() {
  local compiler="g++ -std=c++23"
  [[ "$2" == *.cc ]] || compiler=gcc
  echo "$compiler $common ${3:-} -c /source/$2 -o /tmp/$1.o"
}

# The commands, one on each line; the longest first, so that no core waits at the end.
compilation() {
  local file role
  for role in client server; do
    for file in "" _proto_codec; do
      compiled "h3_$role$file" "examples/${file:+http3_}$role$file.cc" \
        -DWITH_EXAMPLE_HTTP3_PROTO_CODEC
      compiled "hq_$role$file" "examples/${file:+hq_}$role$file.cc" -DWITH_EXAMPLE_HQ_PROTO_CODEC
    done
  done
  for file in tls_{client,server}_{context,session}_ossl tls_session_base_ossl util_openssl debug \
    util shared {client,server}_base http siphash; do
    compiled "$file" "examples/$file.cc"
  done
  compiled urlparse third-party/urlparse/urlparse.c
  compiled http_parser third-party/http-parser/http_parser.c
}
compilation | run_logged xargs -P "$(nproc)" -L 1 "${enter[@]}" "$root"

link() { # link PROTOCOL ROLE
  local protocol="$1" role="$2" object names
  names="${protocol}_$role ${protocol}_${role}_proto_codec ${role}_base debug util shared util_openssl"
  names+=" tls_${role}_context_ossl tls_${role}_session_ossl tls_session_base_ossl urlparse"
  [ "$role" = client ] || names+=" http siphash http_parser"
  for object in $names; do set -- "$@" "/tmp/$object.o"; done
  shift 2
  "${enter[@]}" "$root" g++ -static -s -o "/tmp/${protocol}_$role" "$@" -lngtcp2_crypto_ossl \
    -lngtcp2 -lnghttp3 -lev -lbrotlienc -lbrotlidec -lbrotlicommon -lssl -lcrypto -lzstd -lz
}
mkdir -p "$peer_dir/bin"
for program in "hq client" "hq server" "h3 client" "h3 server"; do
  # shellcheck disable=SC2086
  run_logged link $program
  mv "$root/tmp/${program/ /_}" "$peer_dir/bin/"
  run_logged "$peer_dir/bin/${program/ /_}" --help
done
rm -rf "$root" "$peer_dir/source"
echo "$version" >"$peer_dir/version"
mark_installed "$wanted"
