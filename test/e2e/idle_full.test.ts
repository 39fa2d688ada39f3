/**
 * A server that nobody talks to: little memory, and no CPU beyond what Bun itself uses, measured
 * beside a bare Bun over the same time.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeFixture } from "../support/fixture.ts";
import { ServerProcess } from "../support/server_process.ts";
import { spentMs, threadTimes } from "../support/thread_time.ts";

const WORKERS = 2;
const SETTLE_MS = 20_000;
const MEASURE_MS = 40_000;
const RSS_MAX_MIB = 120;
const NATIVE_MAX_MS = 1;
/** The watches for losses and full rings wake JavaScript every 10 s, for up to a millisecond. */
const PROCESS_SLACK_MS = 8;
const NATIVE_THREAD = /^quicd-\d+$/;

/** VmRSS: with code and page cache of mapped files, as `ps` shows it. */
function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

let server: ServerProcess;
let bare: Bun.Subprocess;
beforeAll(async () => {
  server = await ServerProcess.start({
    target: makeFixture("idle", [1000]).folder,
    workers: WORKERS,
  });
  bare = Bun.spawn([process.execPath, join(import.meta.dir, "apps/idle_bun.ts")], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
});
afterAll(async () => {
  bare?.kill();
  await bare?.exited;
  expect(await server?.stop()).toBe(0);
});

test("an idle server is idle", async () => {
  await Bun.sleep(SETTLE_MS);
  const before = { server: threadTimes(server.pid), bare: threadTimes(bare.pid) };
  await Bun.sleep(MEASURE_MS);
  const after = { server: threadTimes(server.pid), bare: threadTimes(bare.pid) };

  const workers = [...after.server.values()].filter(({ name }) => NATIVE_THREAD.test(name));
  const nativeMs = spentMs(before.server, after.server, (name) => NATIVE_THREAD.test(name));
  const processMs = spentMs(before.server, after.server);
  const bareMs = spentMs(before.bare, after.bare);
  const rssMib = residentMib(server.pid);
  console.log(
    `idle, ${MEASURE_MS / 1000} s: RSS ${rssMib.toFixed(1)} MiB; native threads ` +
      `${nativeMs.toFixed(3)} ms CPU, process ${processMs.toFixed(2)} ms, ` +
      `bare Bun ${bareMs.toFixed(2)} ms`,
  );
  expect(workers).toHaveLength(WORKERS);
  expect(rssMib).toBeLessThan(RSS_MAX_MIB);
  expect(nativeMs).toBeLessThanOrEqual(NATIVE_MAX_MS);
  expect(processMs).toBeLessThanOrEqual(bareMs + PROCESS_SLACK_MS);
}, 150_000);
