/** A server that stands still, under both loops. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { LoadReport } from "../../src/load/report.ts";
import type { QuicServer } from "../../src/server.ts";
import { cliCommand, environment } from "../cli/run_cli.ts";
import { startLocalServer } from "../support/client_side.ts";

/** Seconds, on a machine of one's own. */
setDefaultTimeout(60_000);

const STALL_MS = 500;
const RATE = 400;
let server: QuicServer;
let seen = 0;
let stallAt = 0;

beforeAll(async () => {
  server = await startLocalServer({
    fetch: () => {
      if (++seen === stallAt) Bun.sleepSync(STALL_MS);
      return new Response("ok");
    },
  });
});
afterAll(() => server.stop(true));

/** In a process of its own: a handler that blocks must not block who measures it. */
async function loadedOutside(...flags: string[]): Promise<LoadReport> {
  const url = `https://127.0.0.1:${server.port}/`;
  const common = ["-c", "2", "-s", "2", "--warmup", "0", "--insecure", "--json"];
  const child = Bun.spawn(cliCommand(["load", url, ...common, ...flags]), {
    env: environment(),
    stdout: "pipe",
    stderr: "inherit",
  });
  return JSON.parse(await child.stdout.text()) as LoadReport;
}

test("an open loop keeps its rate and has the standstill in its latencies", async () => {
  const before = seen;
  stallAt = before + 100;
  const report = await loadedOutside("--rate", String(RATE), "-d", "1.5");
  expect(report).toMatchObject({ operations: 1.5 * RATE, errorCount: 0, loop: "open" });
  expect(seen - before).toBe(1.5 * RATE);
  // A third of all should have begun while it lasted, and waited for half of it on average.
  expect(report.latencyUs!.max).toBeGreaterThan(0.9 * STALL_MS * 1000);
  expect(report.latencyUs!.p90).toBeGreaterThan(0.5 * STALL_MS * 1000);
});

test("a closed loop asks less, and says that it was closed", async () => {
  stallAt = seen + 2000;
  const report = await loadedOutside("-n", "4000");
  expect(report).toMatchObject({ operations: 4000, errorCount: 0, loop: "closed", rate: null });
  // Four were under way: no more than those know of it.
  expect(report.latencyUs!.max).toBeGreaterThan(0.9 * STALL_MS * 1000);
  expect(report.latencyUs!.p99).toBeLessThan(0.9 * STALL_MS * 1000);
});
