#!/usr/bin/env bash
#   interop/lab/hold_lab.sh --check
#   sleep 60 | interop/lab/hold_lab.sh
#   nsenter --net=/proc/PID/ns/net ip -brief addr     # with one of the printed process ids
#
# Makes the runner's network and prints the process that holds each namespace: client, sim, server,
# cross traffic's client and server. They have no names: they are gone with the last process in
# them, and the holders read our standard input, so they end when the caller ends, however it does.
#
#   client 193.167.0.100    ---+                              +--- server 193.167.100.100
#   traffic 193.167.0.90    ---+--- eth0 .2  sim  .2 eth1 --- +--- traffic 193.167.100.110
#
# and the same in fd00:cafe:cafe:0::/64 and fd00:cafe:cafe:100::/64. As with Docker each side is a
# bridge. The sim's kernel answers for its own addresses and forwards nothing: what crosses is what
# the simulator carries. The hardware address of an IPv4 address a.b.c.d is 02:00:a:b:c:d.
set -euo pipefail

if [ "${1:-}" = --check ]; then
  for command in ip ethtool unshare nsenter; do
    command -v "$command" >/dev/null || { echo "$command is missing" >&2; exit 1; }
  done
  unshare --net --mount --pid --fork sh -c 'ip link add check0 type bridge &&
    ip link add check1 type veth peer name check2 && mount -t tmpfs none /tmp'
  exit
fi

exec 3<&0
holders=()
hold() {
  unshare --net cat <&3 >/dev/null &
  holders+=("$!")
}
hold; hold; hold; hold; hold
read -r client sim server traffic_client traffic_server <<<"${holders[*]}"
# Each has its namespace when it has become another program.
for holder in "${holders[@]}"; do
  until [ "$(cat "/proc/$holder/comm")" = cat ]; do sleep 0.005; done
done

inside() {
  local holder="$1"
  shift
  nsenter --net="/proc/$holder/ns/net" "$@"
}

# Single packets of at most the MTU, with real checksums: what a capture on a wire would show.
# shellcheck disable=SC2016
PLAIN='for device in "$@"; do
    ethtool -K "$device" tx off rx off sg off tso off gso off gro off tx-udp-segmentation off \
      >/dev/null 2>&1 || true
  done
  for file in /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/ip_forward \
    /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/accept_ra \
    /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 >"$file" 2>/dev/null || true; done'

# The other namespaces' process ids are names for `ip` here.
inside "$sim" ip -batch - <<IP
link set lo up
link add eth0 address 02:00:c1:a7:00:02 type bridge mcast_snooping 0
link add eth1 address 02:00:c1:a7:64:02 type bridge mcast_snooping 0
link add left0 type veth peer name eth0 address 02:00:c1:a7:00:64 netns $client
link add left1 type veth peer name eth0 address 02:00:c1:a7:00:5a netns $traffic_client
link add right0 type veth peer name eth0 address 02:00:c1:a7:64:64 netns $server
link add right1 type veth peer name eth0 address 02:00:c1:a7:64:6e netns $traffic_server
link set left0 master eth0
link set left1 master eth0
link set right0 master eth1
link set right1 master eth1
IP
inside "$sim" sh -c "$PLAIN" sh left0 left1 right0 right1 eth0 eth1

# endpoint HOLDER SIDE HOST: SIDE is the third number of its IPv4 network, HOST its last.
endpoint() {
  local side=0
  [ "$2" = 100 ] && side=100
  inside "$1" sh -c "$PLAIN" sh eth0
  inside "$1" ip -batch - <<IP
link set lo up
addr add 193.167.$2.$3/24 dev eth0
addr add fd00:cafe:cafe:$side::$3/64 dev eth0 nodad
link set eth0 up
route add default via 193.167.$2.2
route add default via fd00:cafe:cafe:$side::2
IP
}
inside "$sim" ip -batch - <<IP
addr add 193.167.0.2/24 dev eth0
addr add 193.167.100.2/24 dev eth1
addr add fd00:cafe:cafe:0::2/64 dev eth0 nodad
addr add fd00:cafe:cafe:100::2/64 dev eth1 nodad
link set left0 up
link set left1 up
link set right0 up
link set right1 up
link set eth0 up
link set eth1 up
IP
endpoint "$client" 0 100
endpoint "$server" 100 100
endpoint "$traffic_client" 0 90
endpoint "$traffic_server" 100 110
# IPv6 has no route before its device counts as up, which the kernel may settle a second later.
for holder in "${holders[@]}"; do
  until [[ "$(inside "$holder" ip -o link show eth0)" == *"state UP"* ]]; do sleep 0.02; done
done
echo "$client $sim $server $traffic_client $traffic_server"
wait
