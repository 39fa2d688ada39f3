/** What the threads of this process used, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface CpuUse {
  userSeconds: number;
  systemSeconds: number;
  threads: ThreadCpu[];
}

export interface ThreadCpu {
  id: number;
  name: string;
  cpuSeconds: number;
  /** Of it in the kernel, to 10 ms: counted in ticks. */
  systemSeconds: number;
}

const TICKS_PER_SECOND = 100;
/** Of /proc/PID/stat, behind the name in parentheses, which may hold spaces. */
const STIME_FIELD = 12;
const NS_PER_SECOND = 1e9;
const US_PER_SECOND = 1e6;

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // a thread that ended between the listing and now
  }
}

function systemSecondsOf(id: string): number {
  const stat = read(`/proc/self/task/${id}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[STIME_FIELD] ?? 0) / TICKS_PER_SECOND;
}

export function cpuNow(): CpuUse {
  const { user, system } = process.cpuUsage();
  const threads = readdirSync("/proc/self/task").map((id) => ({
    id: Number(id),
    name: read(`/proc/self/task/${id}/comm`).trim(),
    cpuSeconds: Number(read(`/proc/self/task/${id}/schedstat`).split(" ")[0] ?? 0) / NS_PER_SECOND,
    systemSeconds: systemSecondsOf(id),
  }));
  return { userSeconds: user / US_PER_SECOND, systemSeconds: system / US_PER_SECOND, threads };
}

/** Threads that used nothing are left out; the busiest comes first. */
export function cpuBetween(before: CpuUse, after: CpuUse): CpuUse {
  const earlier = new Map(before.threads.map((thread) => [thread.id, thread]));
  const threads = after.threads
    .map((thread) => ({
      ...thread,
      cpuSeconds: thread.cpuSeconds - (earlier.get(thread.id)?.cpuSeconds ?? 0),
      systemSeconds: thread.systemSeconds - (earlier.get(thread.id)?.systemSeconds ?? 0),
    }))
    .filter(({ cpuSeconds }) => cpuSeconds > 0)
    .sort((a, b) => b.cpuSeconds - a.cpuSeconds);
  return {
    userSeconds: after.userSeconds - before.userSeconds,
    systemSeconds: after.systemSeconds - before.systemSeconds,
    threads,
  };
}
