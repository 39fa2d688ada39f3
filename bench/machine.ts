/** The machine that a bench ran on, and whether it had the machine for itself. */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, release } from "node:os";

export interface Machine {
  kernel: string;
  cpu: string;
  cpus: number;
  bun: string;
}

export function describeMachine(): Machine {
  return {
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? "unknown CPU",
    cpus: availableParallelism(),
    bun: Bun.version,
  };
}

/** Shares are of all CPU time of the machine. */
export interface Noise {
  seconds: number;
  /** Taken by the hypervisor. */
  stealShare: number;
  /** Used by processes that are no part of the bench. */
  othersShare: number;
  /** Datagrams that found a socket of the load client full: it did not get its share of CPU. */
  drops: number;
}

const STEAL_SHARE_MAX = 0.02;
const OTHERS_SHARE_MAX = 0.1;

/** Why figures taken in this noise should not be trusted; empty when they can be. */
export function complaints(noise: Noise): string[] {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return [
    ...(noise.stealShare > STEAL_SHARE_MAX ? [`${percent(noise.stealShare)} steal`] : []),
    ...(noise.othersShare > OTHERS_SHARE_MAX
      ? [`other processes used ${percent(noise.othersShare)} of the machine`]
      : []),
    ...(noise.drops > 0 ? [`${noise.drops} datagrams dropped at the client`] : []),
  ];
}

interface Snapshot {
  atMs: number;
  total: number;
  busy: number;
  steal: number;
}

const TICKS_PER_SECOND = 100;

/** Columns of the first line: user nice system idle iowait irq softirq steal. */
function snapshot(): Snapshot {
  const line = readFileSync("/proc/stat", "latin1").split("\n")[0] ?? "";
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, soft = 0, steal = 0] =
    ticks;
  const busy = user + nice + system + irq + soft;
  const total = busy + idle + waiting + steal;
  return { atMs: performance.now(), total, busy, steal };
}

/** Starts watching; what it returns ends it, given the CPU that the bench itself used. */
export function watchNoise(): (benchCpuSeconds: number) => Omit<Noise, "drops"> {
  const before = snapshot();
  const ownBefore = process.cpuUsage();
  return (benchCpuSeconds) => {
    const after = snapshot();
    const own = process.cpuUsage(ownBefore);
    const total = Math.max(1, after.total - before.total);
    const ours = (benchCpuSeconds + (own.user + own.system) / 1e6) * TICKS_PER_SECOND;
    return {
      seconds: (after.atMs - before.atMs) / 1000,
      stealShare: (after.steal - before.steal) / total,
      othersShare: Math.max(0, after.busy - before.busy - ours) / total,
    };
  };
}

const QUIET_SAMPLE_MS = 300;

/** Until nobody else uses the machine; gives up, without a word, at the limit. */
export async function waitForQuiet(limitMs: number): Promise<void> {
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const watched = watchNoise();
    await Bun.sleep(QUIET_SAMPLE_MS);
    if (watched(0).othersShare < OTHERS_SHARE_MAX) return;
  }
}
