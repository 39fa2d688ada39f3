/** What a process and its threads used, and what the kernel dropped, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface ThreadUsage {
  name: string;
  cpuSeconds: number;
  voluntarySwitches: number;
  involuntarySwitches: number;
}

export interface Usage {
  /** All threads, those that ended included. */
  cpuSeconds: number;
  /** Of it in the kernel; to 10 ms. */
  systemSeconds: number;
  threads: Map<number, ThreadUsage>;
}

const TICKS_PER_SECOND = 100;

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // a thread that ended between the listing and now
  }
}

function numberIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

function readThread(path: string): ThreadUsage {
  const status = read(`${path}/status`);
  return {
    name: /^Name:\t(.*)$/m.exec(status)?.[1] ?? "",
    cpuSeconds: Number(read(`${path}/schedstat`).split(" ")[0] ?? 0) / 1e9,
    voluntarySwitches: numberIn(status, "voluntary_ctxt_switches"),
    involuntarySwitches: numberIn(status, "nonvoluntary_ctxt_switches"),
  };
}

export function readUsage(pid: number): Usage {
  const stat = read(`/proc/${pid}/stat`);
  // The second field, the name, may hold spaces; what follows its last parenthesis does not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const systemSeconds = Number(fields[12]) / TICKS_PER_SECOND;
  const threads = new Map<number, ThreadUsage>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    threads.set(Number(id), readThread(`/proc/${pid}/task/${id}`));
  }
  return {
    cpuSeconds: Number(fields[11]) / TICKS_PER_SECOND + systemSeconds,
    systemSeconds,
    threads,
  };
}

/** Two ticks, for user and system time, that may be cut off at either end. */
const STAT_ERROR_SECONDS = 4 / TICKS_PER_SECOND;

export function usageBetween(before: Usage, after: Usage): Usage {
  const threads = new Map<number, ThreadUsage>();
  let cpuSeconds = 0;
  for (const [id, now] of after.threads) {
    const then = before.threads.get(id);
    const since = (key: Exclude<keyof ThreadUsage, "name">) => now[key] - (then?.[key] ?? 0);
    const used = {
      name: now.name,
      cpuSeconds: since("cpuSeconds"),
      voluntarySwitches: since("voluntarySwitches"),
      involuntarySwitches: since("involuntarySwitches"),
    };
    threads.set(id, used);
    cpuSeconds += used.cpuSeconds;
  }
  // Nanoseconds, but without threads that ended; the process's own sum has them, in ticks.
  const byProcess = after.cpuSeconds - before.cpuSeconds;
  if (byProcess > cpuSeconds + STAT_ERROR_SECONDS) cpuSeconds = byProcess;
  return { cpuSeconds, systemSeconds: after.systemSeconds - before.systemSeconds, threads };
}

export function switchesOf(usage: Usage): { voluntary: number; involuntary: number } {
  let voluntary = 0;
  let involuntary = 0;
  for (const thread of usage.threads.values()) {
    voluntary += thread.voluntarySwitches;
    involuntary += thread.involuntarySwitches;
  }
  return { voluntary, involuntary };
}

/** Datagrams that found a full buffer of a socket bound to this port, since it was opened. */
export function droppedDatagrams(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let dropped = 0;
  for (const table of ["/proc/net/udp", "/proc/net/udp6"]) {
    for (const line of read(table).split("\n")) {
      const fields = line.trim().split(/\s+/);
      // Columns: the local address is the second, drops the last.
      if (fields[1]?.endsWith(local) === true) dropped += Number(fields.at(-1));
    }
  }
  return dropped;
}
