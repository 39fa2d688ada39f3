#!/usr/bin/env bash
#   interop/runner/make_certificates.sh FOLDER CHAIN_LENGTH DAYS NAME...
#
# Fills FOLDER with ca.pem, cert.pem (CHAIN_LENGTH certificates, the server's first) and priv.key,
# all P-256. The server's certificate is for the NAMEs. See certificates.ts.
set -euo pipefail
[ $# -ge 4 ] || { sed -n '2s/^# *//p' "$0" >&2; exit 2; }
folder="$1" length="$2" days="$3"
shift 3

cd "$folder"
authority="basicConstraints=critical,CA:TRUE,pathlen:100
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash"
names="$(printf ',DNS:%s' "$@")"

key() { openssl ecparam -name prime256v1 -genkey -out "$1"; }

key key_0
openssl req -x509 -new -sha256 -days "$days" -key key_0 -out cert_0 \
  -subj "/O=interop runner Root Certificate Authority/" \
  -addext "keyUsage=critical,keyCertSign,cRLSign"

for ((i = 1; i <= length; i++)); do
  if ((i < length)); then
    subject="interop runner intermediate $i"
    extensions="$authority"
  else
    subject="interop runner leaf"
    extensions="subjectAltName=${names#,}"
  fi
  key "key_$i"
  openssl req -new -sha256 -key "key_$i" -subj "/O=$subject/" -out request
  openssl x509 -req -sha256 -days "$days" -in request -out "cert_$i" \
    -CA "cert_$((i - 1))" -CAkey "key_$((i - 1))" -CAcreateserial -extfile <(echo "$extensions")
done

for ((i = length; i >= 1; i--)); do cat "cert_$i"; done >cert.pem
mv cert_0 ca.pem
mv "key_$length" priv.key
# Endpoints may run as another user.
chmod 644 priv.key
rm -f cert_[0-9]* key_[0-9]* request ./*.srl
