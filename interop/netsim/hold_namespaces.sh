#!/usr/bin/env bash
#   interop/netsim/hold_namespaces.sh < /dev/null
#   (echo; sleep 5) | interop/netsim/hold_namespaces.sh & sleep 1; ip netns list; wait
#   interop/netsim/hold_namespaces.sh --check
#
# Makes three network namespaces, prints their names, holds them until its standard input ends, and
# removes them. The end of standard input is also what a crash of the caller looks like, so nothing
# stays behind; killed itself, the trap does it.
#
#   client 192.0.2.2 --- 192.0.2.1 middle 198.51.100.1, .11 to .74 --- 198.51.100.2 server
#
# The middle does not forward: what crosses is what the relay there (netsim.ts) carries.
set -euo pipefail
if [ "${1:-}" = --check ]; then
  # Can namespaces be made here at all? A probe of its own: a container may have the command and not
  # the right.
  name="qd$$-check"
  command -v ip >/dev/null && ip netns add "$name" && ip netns delete "$name"
  exit
fi

client="qd$$-c" middle="qd$$-m" server="qd$$-s"
# Deleting a namespace deletes the veth ends in it, and with an end its other end.
remove() {
  for name in "$client" "$middle" "$server"; do ip netns delete "$name" 2>/dev/null || true; done
}
trap remove EXIT
trap 'exit 143' TERM INT HUP

for name in "$client" "$middle" "$server"; do
  ip netns add "$name"
  ip -n "$name" link set lo up
done
ip -n "$client" link add left type veth peer name left netns "$middle"
ip -n "$server" link add right type veth peer name right netns "$middle"
ip -n "$client" addr add 192.0.2.2/24 dev left
ip -n "$middle" addr add 192.0.2.1/24 dev left
ip -n "$server" addr add 198.51.100.2/24 dev right
ip -n "$middle" addr add 198.51.100.1/24 dev right
for host in $(seq 11 74); do ip -n "$middle" addr add "198.51.100.$host/24" dev right; done
for end in "$client left" "$middle left" "$middle right" "$server right"; do
  # shellcheck disable=SC2086
  set -- $end
  ip -n "$1" link set "$2" up
done
echo "$client $middle $server"
cat >/dev/null
