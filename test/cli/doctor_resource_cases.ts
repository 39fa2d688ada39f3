/** Sockets, devices and limits, and what `quicd doctor` says: by the name of the line. */
import { constants } from "node:os";
import { type Case, device, KIB, NO_LIBRARY, socket } from "./doctor_case.ts";
import { ALL_CAPABILITIES, NOBODY } from "./doctor_facts.ts";

export const RESOURCE_CASES: Record<string, Case[]> = {
  "UDP GRO": [
    { verdict: "ok" },
    { facts: NO_LIBRARY, verdict: "not checked" },
    { probe: socket({ gro: false }), verdict: "warning", found: "cannot", remedy: "gVisor" },
    { probe: socket({ gro: false }), plan: { gro: false }, verdict: "ok", found: "netio.gro" },
    { probe: socket({ error: "no socket" }), verdict: "not checked", found: "no socket" },
  ],
  "UDP GSO": [
    { verdict: "ok" },
    { probe: socket({ gso: false }), verdict: "warning", found: "cannot", remedy: "gVisor" },
    { probe: socket({ gso: false }), plan: { gso: false }, verdict: "ok", found: "netio.gso" },
  ],
  "receive buffer": [
    { verdict: "ok", found: "4 MiB asked for, 4 MiB granted; net.core.rmem_max is 4 MiB" },
    {
      facts: { receiveBufferMax: 212_992 },
      probe: socket({ receiveBufferBytes: 212_992 }),
      verdict: "warning",
      found: "4 MiB asked for, 208 KiB granted; net.core.rmem_max is 208 KiB",
      remedy: "sysctl -w net.core.rmem_max=4194304",
    },
    /* CAP_NET_ADMIN goes beyond the maximum. */
    { facts: { receiveBufferMax: 212_992 }, verdict: "ok" },
    {
      facts: { ...NO_LIBRARY, receiveBufferMax: 212_992 },
      verdict: "not checked",
      found: "208 KiB",
    },
    { facts: { receiveBufferMax: null }, verdict: "ok", found: "4 MiB granted" },
    { probe: socket({ error: "no socket" }), verdict: "not checked", found: "no socket" },
  ],
  "send buffer": [
    { verdict: "ok", found: "net.core.wmem_max" },
    {
      facts: { root: false },
      probe: socket({ sendBufferBytes: 212_992 }),
      verdict: "warning",
      remedy: "sudo sysctl -w net.core.wmem_max=4194304",
    },
  ],
  "UDP drops": [
    { verdict: "ok" },
    { facts: { udp: null }, verdict: "not checked" },
    {
      facts: { udp: { received: 99_000, dropped: 1000 } },
      verdict: "warning",
      found: "1,000 datagrams since boot (1 %)",
      remedy: "nstat -az",
    },
    {
      facts: { udp: { received: 1e9, dropped: 1 } },
      verdict: "warning",
      found: "1 datagram since boot (less than 0.01 %)",
      remedy: "net.core.rmem_max=8388608",
    },
  ],
  port: [
    { verdict: "ok", found: "UDP port 4433 of :: is free" },
    { plan: { port: 0 }, verdict: "ok", found: "any free" },
    { facts: NO_LIBRARY, verdict: "not checked" },
    {
      probe: { portError: constants.errno.EADDRINUSE },
      verdict: "problem",
      found: "taken",
      remedy: "ss -ulpn 'sport = :4433'",
    },
    {
      facts: NOBODY,
      probe: { portError: constants.errno.EACCES },
      plan: { port: 443 },
      verdict: "problem",
      found: "CAP_NET_BIND_SERVICE",
      remedy: "sudo sysctl -w net.ipv4.ip_unprivileged_port_start=443",
    },
    {
      probe: { portError: constants.errno.EADDRNOTAVAIL },
      plan: { host: "192.0.2.1" },
      verdict: "problem",
      found: "192.0.2.1 is no address of this machine",
      remedy: "ip -br address",
    },
    {
      probe: { portError: constants.errno.EAFNOSUPPORT },
      verdict: "problem",
      found: "no IPv6",
      remedy: "--host 0.0.0.0",
    },
    { probe: { portError: constants.errno.EINVAL }, verdict: "problem", found: "EINVAL" },
    { probe: { portError: 4000 }, verdict: "problem", found: "error 4000" },
  ],
  "device eth0": [
    { verdict: "ok", found: "segmentation on, GRO on, checksums on" },
    { probe: device({ segmentation: "fixed" }), verdict: "ok", found: "by the kernel" },
    {
      probe: device({ segmentation: "off" }),
      verdict: "warning",
      found: "turned off: UDP segmentation",
      remedy: "ethtool -K eth0 tx-udp-segmentation on",
    },
    {
      facts: { root: false },
      probe: device({ segmentation: "off", gro: "off", checksum: "off" }),
      verdict: "warning",
      found: "checksums, UDP segmentation, GRO",
      remedy: "sudo ethtool -K eth0 tx on tx-udp-segmentation on gro on",
    },
    { probe: device({ gro: "off", driver: "veth" }), verdict: "ok" },
    { probe: device({ checksum: "fixed" }), verdict: "ok", found: "checksums by the kernel" },
    {
      facts: { kernel: "6.10.2" },
      probe: device({ checksum: "fixed" }),
      verdict: "warning",
      remedy: "6.11",
    },
    { probe: device({ segmentation: "unknown" }), verdict: "ok", found: "unknown" },
  ],
  "device lo": [
    { verdict: "ok", found: "segmentation on, checksums on" },
    { probe: device({ name: "lo", loopback: true, gro: "off" }), verdict: "ok" },
    {
      probe: device({ name: "lo", loopback: true, segmentation: "off" }),
      verdict: "warning",
      remedy: "ethtool -K lo",
    },
  ],
  devices: [{ facts: NO_LIBRARY, verdict: "not checked" }],
  "more devices": [{ probe: { devicesLeftOut: 3 }, verdict: "not checked", found: "3 more" }],
  "locked memory": [
    { verdict: "ok", found: "8 MiB allowed" },
    { facts: { lockedMemoryBytes: null }, verdict: "not checked" },
    { facts: { lockedMemoryBytes: 0 }, verdict: "ok", found: "CAP_IPC_LOCK" },
    { facts: { ...NOBODY, lockedMemoryBytes: Number.POSITIVE_INFINITY }, verdict: "ok" },
    {
      facts: { ...NOBODY, lockedMemoryBytes: 64 * KIB },
      verdict: "problem",
      found: "64 KiB allowed, and the rings of 2 workers take 160 KiB",
      remedy: "LimitMEMLOCK=8388608",
    },
    {
      facts: { ...NOBODY, lockedMemoryBytes: 0 },
      probe: { uringRefusal: "io_uring: Cannot allocate memory; raise it" },
      verdict: "warning",
      remedy: "sudo prlimit --pid $$ --memlock=8388608",
    },
    {
      facts: { ...NOBODY, lockedMemoryBytes: 0 },
      probe: { uringRefusal: "io_uring: Cannot allocate memory; raise it" },
      plan: { backend: "io_uring" },
      verdict: "problem",
      remedy: "--memlock",
    },
    { facts: { ...NOBODY, lockedMemoryBytes: 0, kernel: "6.12.1" }, verdict: "ok" },
    { facts: { ...NOBODY, lockedMemoryBytes: 0 }, plan: { backend: "syscalls" }, verdict: "ok" },
    {
      /* Root of a user namespace is not exempt. */
      facts: {
        lockedMemoryBytes: 0,
        capabilities: {
          effective: ALL_CAPABILITIES,
          bounding: ALL_CAPABILITIES,
          initialNamespace: false,
        },
      },
      verdict: "problem",
      remedy: "prlimit",
    },
  ],
  "open files": [
    { verdict: "ok", found: "20000 allowed" },
    { facts: { openFiles: null }, verdict: "not checked" },
    { facts: { openFiles: Number.POSITIVE_INFINITY }, verdict: "ok", found: "unlimited" },
    {
      facts: { openFiles: 64 },
      verdict: "warning",
      found: "64 allowed: 32 are left",
      remedy: "prlimit --pid $$ --nofile=4096",
    },
    {
      facts: { openFiles: 64 },
      plan: { workers: 16, appThreads: 4 },
      verdict: "problem",
      found: "takes up to 104",
      remedy: "LimitNOFILE=4096",
    },
  ],
  CPUs: [
    { verdict: "ok", found: "4 of 4 usable, 2 workers" },
    { facts: { cpus: null }, verdict: "not checked" },
    {
      facts: { cpus: { allowed: "1-2", online: "0-3" } },
      verdict: "ok",
      found: "2 of 4 usable (1-2 of 0-3)",
    },
    {
      facts: { cpus: { allowed: "2", online: "0-3" } },
      verdict: "warning",
      found: "take turns",
      remedy: "taskset -c 0-3 quicd serve",
    },
    {
      facts: { cpus: { allowed: "0", online: "0" } },
      plan: { workers: 1 },
      verdict: "warning",
      found: "1 of 1 usable, 1 worker:",
      remedy: "second CPU",
    },
    { plan: { workers: 8 }, verdict: "warning", found: "8 workers", remedy: "--workers 4" },
  ],
  "CPU quota": [
    { verdict: "ok", found: "none" },
    { facts: { cpuQuota: 2 }, verdict: "ok", found: "2 CPUs" },
    {
      facts: { cpuQuota: 1.5 },
      verdict: "warning",
      found: "the time of 1.5 CPUs",
      remedy: "--workers 1\nor more time: docker run --cpus=2",
    },
    {
      facts: { cpuQuota: 0.5 },
      plan: { workers: 1 },
      verdict: "warning",
      found: "0.5 CPUs, 1 worker:",
      remedy: "docker run --cpus=2",
    },
  ],
};
