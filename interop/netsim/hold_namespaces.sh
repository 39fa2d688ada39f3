#!/usr/bin/env bash
#   interop/netsim/hold_namespaces.sh < /dev/null
#   (echo; sleep 5) | interop/netsim/hold_namespaces.sh & sleep 1; ip netns list; wait
#   interop/netsim/hold_namespaces.sh --check
#   interop/netsim/hold_namespaces.sh --gather SERVER_NAMESPACE
#
# Makes three network namespaces, prints their names, holds them until its standard input ends, and
# removes them. The end of standard input is also what a crash of the caller looks like, so nothing
# stays behind; killed itself, the trap does it.
#
#   client 192.0.2.2 --- 192.0.2.1 middle 198.51.100.1, .11 to .74 --- 198.51.100.2 server
#   the same for IPv6 in 2001:db8:1::/64 and 2001:db8:2::/64: ::2, ::1, ::1 and ::b to ::4a, ::2
#
# The middle does not forward: what crosses is what the relay there (netsim.ts) carries.
# --gather makes the server's device do what a busy network card does: it collects the datagrams of
# one sender, whichever connections they are of, and GRO makes trains of them.
set -euo pipefail
if [ "${1:-}" = --gather ]; then
  # A veth hands over one packet at a time, unless a thread of its own polls it.
  # shellcheck disable=SC2016
  exec ip netns exec "$2" sh -ec 'ethtool -K right gro on rx-udp-gro-forwarding on
    cd /sys/class/net/right
    echo 1 >threaded; echo 2 >napi_defer_hard_irqs; echo 200000 >gro_flush_timeout'
fi
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
ip -n "$client" addr add 2001:db8:1::2/64 dev left nodad
ip -n "$middle" addr add 2001:db8:1::1/64 dev left nodad
ip -n "$server" addr add 2001:db8:2::2/64 dev right nodad
ip -n "$middle" addr add 2001:db8:2::1/64 dev right nodad
for host in $(seq 11 74); do
  echo "addr add 198.51.100.$host/24 dev right"
  printf 'addr add 2001:db8:2::%x/64 dev right nodad\n' "$host"
done | ip -n "$middle" -batch -
ends=("$client left" "$middle left" "$middle right" "$server right")
for end in "${ends[@]}"; do
  # shellcheck disable=SC2086
  set -- $end
  ip -n "$1" link set "$2" up
done
# IPv6 has no route before its device counts as up, which the kernel may settle a second later.
for end in "${ends[@]}"; do
  # shellcheck disable=SC2086
  set -- $end
  for _ in $(seq 100); do
    [[ "$(ip -n "$1" -o link show "$2")" == *"state UP"* ]] && break
    sleep 0.05
  done
done
echo "$client $middle $server"
cat >/dev/null
