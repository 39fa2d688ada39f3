#!/usr/bin/env bash
# Links smoke.c with the static library into a shared object, checks that it exports nothing else, and runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
library=$(cd ../../.. && pwd)/build/lib/libquicd_quiche.a
scratch=$(mktemp -d); trap 'rm -rf "$scratch"' EXIT
cc=${CC:-gcc}
"$cc" -std=c17 -O1 -g -Wall -Wextra -shared -fPIC -fvisibility=hidden smoke.c -o "$scratch/smoke.so" \
	-Wl,--exclude-libs,ALL -Wl,-Bsymbolic -Wl,--gc-sections "$library" -lstdc++ -lm -ldl -lpthread
exported=$(nm -D --defined-only "$scratch/smoke.so" | awk '{ print $3 }')
[[ $exported == quicd_smoke ]] || { printf 'smoke.sh: the shared object also exports:\n%s\n' "$exported" >&2; exit 1; }
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
	-keyout "$scratch/key.pem" -out "$scratch/certificate.pem" 2>/dev/null
printf 'int quicd_smoke(const char *, const char *);\nint main(void) { return quicd_smoke("%s", "%s"); }\n' \
	"$scratch/certificate.pem" "$scratch/key.pem" >"$scratch/main.c"
"$cc" "$scratch/main.c" "$scratch/smoke.so" -o "$scratch/main"
"$scratch/main"
size "$scratch/smoke.so" | tail -1 | awk '{ print "shared object: " int($1 / 1048576) " MiB of code" }'
