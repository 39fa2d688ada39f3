/** Which CPU a worker runs on: one each where there are enough that this process may use. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MeasuredServer } from "../support/measured_server.ts";
import { curl, peerMissing, skipReason } from "../support/peer.ts";
import { ServerProcess } from "../support/server_process.ts";

const [first = 0, second = -1] = cpusOf("/proc/self/status");
const tooFew =
  skipReason(second < 0 ? "one CPU: nothing to choose from" : null) ||
  skipReason(Bun.which("taskset") === null ? "no command `taskset` (util-linux)" : null);
const noCurl = peerMissing("curl");
const LIMITS = { idleTimeoutMs: 5000, handshakeTimeoutMs: 5000 };

/** That the kernel lets a process or thread run on, from its status file. */
function cpusOf(statusPath: string): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(statusPath, "latin1"))?.[1] ?? "";
  return list.split(",").flatMap((range) => {
    const [from = 0, to = from] = range.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}

interface Case {
  name: string;
  cpus: number[];
  workers: number;
  /** -1: not pinned. */
  pinned: number[];
}

describe.skipIf(tooFew)("pinning", () => {
  test.each<Case>([
    { name: "two workers on one CPU: neither", cpus: [first], workers: 2, pinned: [-1, -1] },
    { name: "four on one", cpus: [first], workers: 4, pinned: [-1, -1, -1, -1] },
    { name: "two on two: one each", cpus: [first, second], workers: 2, pinned: [first, second] },
    { name: "one, and only the second CPU", cpus: [second], workers: 1, pinned: [second] },
    { name: "four on two: none", cpus: [first, second], workers: 4, pinned: [-1, -1, -1, -1] },
  ])("$name", async ({ cpus, workers, pinned }) => {
    const options = { hostname: "127.0.0.1", workers, ...LIMITS };
    const server = await MeasuredServer.start(options, ["taskset", "-c", cpus.join(",")]);
    const { workers: started } = server.chosen;
    expect(started.map(({ cpu }) => cpu)).toEqual(pinned);
    // The kernel's word for it.
    const threads = started.map(({ threadId }) => `/proc/${server.pid}/task/${threadId}/status`);
    expect(threads.map(cpusOf)).toEqual(pinned.map((cpu) => (cpu >= 0 ? [cpu] : cpus)));
    expect(await server.stop()).toBe(0);
  });

  test.skipIf(noCurl).each([
    { cpus: [first], workers: 2, said: "2" },
    { cpus: [first], workers: 4, said: "4" },
    { cpus: [first, second], workers: 2, said: "2, each on its CPU" },
  ])("$workers workers on CPUs $cpus: served, and said", async ({ cpus, workers, said }) => {
    const server = await ServerProcess.start({
      target: join(import.meta.dir, "apps/test_app.ts"),
      ...{ workers, through: ["taskset", "-c", cpus.join(",")] },
    });
    const outcome = await curl(`${server.url}/`);
    expect(`${outcome.exitCode} ${outcome.stdout}`).toBe("0 test app");
    expect(/^\s*workers\s+(.+)$/m.exec(server.log)?.[1]).toBe(said);
    expect(await server.stop()).toBe(0);
  });
});
