/** What "auto" means for workers, on the machine that this runs on. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Config } from "./schema.ts";

/** native/limits.h: QUICD_WORKERS_MAX. */
const WORKERS_MAX = 64;
/** One worker alone would wait for the kernel and for TLS handshakes in turn. */
const WORKERS_MIN = 2;

/** CPUs that this process may run on: the cpuset's, not the machine's. */
export function usableCpus(): number {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
    if (list !== undefined) return countCpus(list);
  } catch {
    /* No /proc: the runtime's own count is the next best. */
  }
  return availableParallelism();
}

/** Of a list as the kernel writes it: "0-3,8,10-11". */
export function countCpus(list: string): number {
  let count = 0;
  for (const range of list.split(",")) {
    const [first = 0, last = first] = range.split("-").map(Number);
    count += last - first + 1;
  }
  return count;
}

export function chooseWorkers(
  netio: Pick<Config["netio"], "workers" | "pin">,
  cpus: number,
): { workers: number; pin: boolean } {
  const automatic = Math.min(WORKERS_MAX, Math.max(WORKERS_MIN, cpus));
  const workers = netio.workers === "auto" ? automatic : netio.workers;
  return { workers, pin: netio.pin === "auto" ? workers <= cpus : netio.pin };
}
