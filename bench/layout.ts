/**
 * Who runs on which of two CPUs. What a second CPU changes can only be seen in the second layout;
 * what routing costs is clearer in the first, where nothing runs beside the server.
 */
import { readFileSync } from "node:fs";

export type LayoutName = "L1" | "L2";

export interface Layout {
  name: LayoutName;
  text: string;
  /** Where process `index` of `processes` on one port may run, as taskset takes it. */
  serverCpus(index: number, processes: number): string;
  /** One load client on each. */
  clientCpus: number[];
}

/** CPUs that this process may use: "0-3,8" in the kernel's words. */
function allowedCpus(): number[] {
  const status = readFileSync("/proc/self/status", "latin1");
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** @throws Error on a machine with one CPU: clients and server would be measured as one. */
export function layouts(wanted: LayoutName | null): Layout[] {
  const [a, b] = allowedCpus();
  if (a === undefined || b === undefined) {
    throw new Error("this bench needs two CPUs: one of them for the load client");
  }
  const both: Layout[] = [
    {
      name: "L1",
      text: `every worker and process of the server on CPU ${a}, the client on CPU ${b}`,
      serverCpus: () => `${a}`,
      clientCpus: [b],
    },
    {
      name: "L2",
      text:
        `worker (or process) 0 on CPU ${a} and 1 on CPU ${b}, JavaScript of QuicD where the ` +
        `kernel puts it, a client on each`,
      serverCpus: (index, processes) => (processes === 1 ? `${a},${b}` : `${index === 0 ? a : b}`),
      clientCpus: [a, b],
    },
  ];
  return both.filter(({ name }) => wanted === null || name === wanted);
}
