/** A machine that has everything, for tests that take something away from it. */

import type { Facts, Plan } from "../../src/cli/doctor/facts.ts";
import type { MachineProbe } from "../../src/native/addon.ts";

const MIB = 1024 * 1024;

export const PLAN: Plan = {
  host: "::",
  port: 4433,
  workers: 2,
  appThreads: 0,
  routing: "auto",
  backend: "auto",
  gro: true,
  gso: true,
  socketBufferBytes: 4 * MIB,
};

export const PROBE: MachineProbe = {
  uringRefusal: "",
  steeringRefusal: "",
  socket: {
    error: "",
    gro: true,
    gso: true,
    receiveBufferBytes: 4 * MIB,
    sendBufferBytes: 4 * MIB,
  },
  portError: 0,
  devices: [
    { name: "lo", driver: "", loopback: true, segmentation: "on", gro: "on", checksum: "on" },
    {
      name: "eth0",
      driver: "virtio_net",
      loopback: false,
      segmentation: "on",
      gro: "on",
      checksum: "on",
    },
  ],
  devicesLeftOut: 0,
};

export const ALL_CAPABILITIES = 0x1ff_ffff_ffffn;

export const FACTS: Facts = {
  platform: "linux",
  kernel: "6.18.44",
  root: true,
  serve: "quicd serve",
  library: { path: "quicd.node", named: false, abi: 7, failure: "", missing: false },
  probe: PROBE,
  seccompFilters: 0,
  capabilities: { effective: ALL_CAPABILITIES, bounding: ALL_CAPABILITIES, initialNamespace: true },
  ioUringDisabled: 0,
  unprivilegedBpfDisabled: 2,
  receiveBufferMax: 4 * MIB,
  sendBufferMax: 4 * MIB,
  udp: { received: 1000, dropped: 0 },
  lockedMemoryBytes: 8 * MIB,
  openFiles: 20_000,
  cpus: { allowed: "0-3", online: "0-3" },
  cpuQuota: Number.POSITIVE_INFINITY,
};

/** Of a user, without any capability. */
export const NOBODY: Partial<Facts> = {
  root: false,
  capabilities: { effective: 0n, bounding: ALL_CAPABILITIES, initialNamespace: true },
};
