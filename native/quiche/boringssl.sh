# Sourced: the BoringSSL that build.sh has compiled in $1 serves another cargo build, too. It takes minutes.
boringssl=$(ls -td "$1"/release/build/boring-sys-*/out 2>/dev/null | while read -r out; do
	if [[ -f $out/build/libssl.a ]]; then printf '%s' "$out"; break; fi
done)
if [[ -n $boringssl ]]; then
	export BORING_BSSL_PATH=$boringssl/build BORING_BSSL_INCLUDE_PATH=$boringssl/boringssl/include
fi
