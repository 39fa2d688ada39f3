/** System calls of a process, all threads, counted by the kernel: `perf stat`, where it works. */

const EVENT = "raw_syscalls:sys_enter";

export function canCount(): boolean {
  if (Bun.which("perf") === null) return false;
  return Bun.spawnSync(["perf", "stat", "-e", EVENT, "--", "true"]).exitCode === 0;
}

export interface Counting {
  /** Ends the count. */
  stop(): Promise<number>;
}

/** How long perf may take to attach itself to every thread. */
const ATTACH_MS = 300;

export async function countSystemCalls(pid: number): Promise<Counting> {
  const command = ["perf", "stat", "-x", ",", "-e", EVENT, "-p", `${pid}`];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  await Bun.sleep(ATTACH_MS);
  return {
    stop: async () => {
      child.kill("SIGINT");
      const text = await new Response(child.stderr).text();
      const line = text.split("\n").find((candidate) => candidate.includes(EVENT)) ?? "";
      return Number(line.split(",")[0]);
    },
  };
}
