/** What the machine has and what the configuration asks of it: all that the verdicts rest on. */
import type { MachineProbe } from "../../native/addon.ts";

/** Null wherever the machine does not tell. */
export interface Facts {
  /** As `process.platform`. */
  platform: string;
  /** As `uname -r`. */
  kernel: string;
  root: boolean;
  /** How the server is started here: "quicd serve", or by bun in a checkout. */
  serve: string;
  library: LibraryFacts;
  /** Null without the library. */
  probe: MachineProbe | null;
  seccompFilters: number | null;
  capabilities: Capabilities | null;
  /** sysctl kernel.io_uring_disabled; kernels before 6.6 have none. */
  ioUringDisabled: number | null;
  /** sysctl kernel.unprivileged_bpf_disabled */
  unprivilegedBpfDisabled: number | null;
  /** sysctl net.core.rmem_max and wmem_max: bytes. */
  receiveBufferMax: number | null;
  sendBufferMax: number | null;
  udp: UdpCounters | null;
  /** Infinity: unlimited. */
  lockedMemoryBytes: number | null;
  openFiles: number | null;
  cpus: CpuLists | null;
  /** CPUs' worth of time that a cgroup allows; Infinity: no quota. */
  cpuQuota: number;
}

export interface LibraryFacts {
  path: string;
  /** QUICD_NATIVE names the path. */
  named: boolean;
  abi: number;
  /** Why it could not be loaded, or "". */
  failure: string;
  /** It is not there, or not for this system: `serve` then falls back on Bun.serve. */
  missing: boolean;
}

/** Bit masks; what is held in a user namespace of one's own does not count outside of it. */
export interface Capabilities {
  effective: bigint;
  bounding: bigint;
  initialNamespace: boolean;
}

/** Since boot, of all programs in this network namespace. */
export interface UdpCounters {
  received: number;
  /** Because a socket's buffer was full. */
  dropped: number;
}

/** As the kernel writes them: "0-3,8". */
export interface CpuLists {
  allowed: string;
  online: string;
}

/** What `quicd serve` would be started with. */
export interface Plan {
  host: string;
  port: number;
  workers: number;
  appThreads: number;
  routing: string;
  backend: string;
  gro: boolean;
  gso: boolean;
  socketBufferBytes: number;
}

/** Bits of capabilities(7). */
export const Capability = {
  NetAdmin: 12,
  IpcLock: 14,
  SysAdmin: 21,
  Bpf: 39,
} as const;

export function holds(capabilities: Capabilities | null, capability: number): boolean {
  if (capabilities === null || !capabilities.initialNamespace) return false;
  return hasBit(capabilities.effective, capability);
}

export function hasBit(mask: bigint, bit: number): boolean {
  return ((mask >> BigInt(bit)) & 1n) === 1n;
}
