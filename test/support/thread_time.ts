/** CPU time of a process by thread, in nanoseconds, from /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface ThreadTime {
  name: string;
  nanoseconds: number;
}

/** By thread id. Threads that end while it reads are left out. */
export function threadTimes(pid: number): Map<number, ThreadTime> {
  const times = new Map<number, ThreadTime>();
  for (const id of readdirSync(`/proc/${pid}/task`)) {
    try {
      const folder = `/proc/${pid}/task/${id}`;
      const ran = readFileSync(`${folder}/schedstat`, "latin1").split(" ")[0];
      const name = readFileSync(`${folder}/comm`, "latin1").trim();
      times.set(Number(id), { name, nanoseconds: Number(ran) });
    } catch {
      // It has ended.
    }
  }
  return times;
}

/** Milliseconds between two readings, of threads that `choose` takes. */
export function spentMs(
  before: ReadonlyMap<number, ThreadTime>,
  after: ReadonlyMap<number, ThreadTime>,
  choose: (name: string) => boolean = () => true,
): number {
  let nanoseconds = 0;
  for (const [id, thread] of after) {
    if (!choose(thread.name)) continue;
    nanoseconds += thread.nanoseconds - (before.get(id)?.nanoseconds ?? 0);
  }
  return nanoseconds / 1e6;
}
