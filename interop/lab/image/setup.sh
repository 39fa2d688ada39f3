#!/usr/bin/env bash
# /setup.sh of a lab's containers: what the base image of the runner's endpoints does there. Routes
# lead to the other network through the simulator, and packets leave with real checksums.
set -e

echo "Setting up routes..."
ethtool -K eth0 tx off >/dev/null 2>&1 || true
own="$(ip -4 -o addr show dev eth0 | awk '{ split($4, part, "/"); print part[1]; exit }')"
ip route replace default via "${own%.*}.2" dev eth0
own="$(ip -6 -o addr show dev eth0 scope global | awk '{ split($4, part, "/"); print part[1]; exit }')"
ip -6 route replace default via "${own%::*}::2" dev eth0
mkdir -p /logs/qlog
