/** A run's end: Ctrl-C, a server that goes, one that is not there or not trusted. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { LoadReport } from "../../src/load/report.ts";
import { LoadRun } from "../../src/load/run.ts";
import { cliCommand, environment, runCli } from "../cli/run_cli.ts";
import { testCertificate } from "../support/certificate.ts";
import { startLocalServer } from "../support/client_side.ts";
import { planTo } from "./case.ts";

/** Seconds, on a machine of one's own. */
setDefaultTimeout(60_000);

describe("Ctrl-C", () => {
  test.each(["SIGINT", "SIGTERM"] as const)(
    "%s prints what was done until then",
    async (signal) => {
      let seen = 0;
      await using server = await startLocalServer({ fetch: () => new Response(`${++seen}`) });
      const url = `https://127.0.0.1:${server.port}/`;
      const flags = ["--insecure", "--warmup", "0", "-d", "600", "--json", "--gate"];
      const child = Bun.spawn(cliCommand(["load", url, ...flags]), {
        env: environment(),
        stdin: "pipe",
        stdout: "pipe",
      });
      const reader = child.stdout.getReader();
      const text = async () => new TextDecoder().decode((await reader.read()).value);
      expect(JSON.parse(await text())).toEqual({ ready: true });
      child.stdin.write("go\n");
      child.stdin.flush();
      while (seen < 1000) await Bun.sleep(5);
      child.kill(signal);
      // Under `bun run` it comes twice.
      child.kill(signal);
      const report = JSON.parse(await text()) as LoadReport;
      expect(report).toMatchObject({ interrupted: true, errors: {} });
      expect(await child.exited).toBe(0);
      expect(report.operations).toBeGreaterThan(0);
      expect(report.seconds).toBeLessThan(60);
    },
  );
});

test.each([
  ["at once", true],
  ["with GOAWAY", false],
])(
  "a server that goes %s and comes back: failures by kind, then it goes on",
  async (_how, force) => {
    const first = await startLocalServer({ fetch: () => new Response("ok") });
    const { port } = first;
    const run = await LoadRun.start(planTo(first, { operations: null, seconds: 600 }));
    const measuring = run.measure();
    while (run.progress.operations < 50) await Bun.sleep(5);
    await first.stop(force);
    let seen = 0;
    const again = await startLocalServer({
      engine: { port },
      fetch: () => new Response(`${++seen}`),
    });
    while (seen < 50) await Bun.sleep(5);
    run.stop();
    const report = await measuring;
    await run.close();
    await again.stop(true);
    expect(report.operations).toBeGreaterThan(100);
    for (const kind of Object.keys(report.errors)) {
      expect(kind).toMatch(/connection|going away|broke off/);
    }
  },
);

test("nobody there, and nobody to be trusted, are one line each", async () => {
  await using server = await startLocalServer();
  const address = `https://localhost:${server.port}/`;
  const untrusted = await runCli(["load", address, "-n", "1"]);
  expect([untrusted.exitCode, untrusted.stdout]).toEqual([3, ""]);
  expect(untrusted.stderr).toContain("--ca F");
  const { certPath } = testCertificate();
  const trusted = await runCli(["load", address, "-n", "10", "--warmup", "0", "--ca", certPath]);
  expect([trusted.exitCode, trusted.stderr]).toEqual([0, ""]);
  expect(trusted.stdout).toContain("done      10 requests");
  const flags = ["--timeout", "0.3", "--insecure"];
  const nobody = await runCli(["load", "https://127.0.0.1:9/", ...flags]);
  expect([nobody.exitCode, nobody.stdout]).toEqual([1, ""]);
  expect(nobody.stderr).toContain("cannot connect to");
});
