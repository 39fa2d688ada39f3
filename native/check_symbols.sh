#!/usr/bin/env bash
# Is the shared object closed? It may need N-API (from the host) and versioned symbols (from libc), and
# may offer quicd_* and the addon's entry points; anything else is a missing object file or a leak
# of BoringSSL into a process that has its own.
set -euo pipefail
file=$1 sanitizer=${2:-}

undefined=$(nm -D --undefined-only "$file" |
	awk '$1 == "U" && $2 !~ /@/ && $2 !~ /^napi_/ && $2 !~ /^node_api_/ { print $2 }')
# A sanitizer's runtime defines much of libc, without versions: only the plain build can tell.
[[ -z $sanitizer ]] || undefined=
offered=$(nm -D --defined-only "$file" | awk '{ print $3 }' |
	grep -Ev '^(quicd_[a-z0-9_]+|napi_register_module_v1|node_api_module_get_api_version_v1)(@.*)?$' |
	grep -Ev '^(__)?(asan|ubsan|tsan|odr_asan|sancov|start___|stop___)' || true)

if [[ -n $undefined ]]; then
	printf '%s needs symbols that nobody defines:\n%s\n' "$file" "$undefined" >&2
	exit 1
fi
if [[ -n $offered ]]; then
	printf '%s exports symbols it should hide:\n%s\n' "$file" "$offered" >&2
	exit 1
fi
