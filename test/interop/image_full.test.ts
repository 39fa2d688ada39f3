/**
 * What interop/Dockerfile puts into our image is enough: the files that image/assemble.sh gathers,
 * without the rest of the repository, and its entry point under a container's limits.
 *
 * No container engine is needed: the lab has the image's mounts, names, capabilities and seccomp.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, skipReason } from "../support/peer.ts";
import { resultFolder, runnerUnavailable, startRunner } from "./runner_call.ts";

const SECONDS = 1000;
// Below the repository, which is what a container of the lab can see of this machine.
mkdirSync(join(ROOT, "build/e2e"), { recursive: true });
const inside = mkdtempSync(join(ROOT, "build/e2e/image-"));
const outside = mkdtempSync(join(tmpdir(), "image-"));
const results = resultFolder();
afterAll(() => {
  rmSync(inside, { recursive: true, force: true });
  rmSync(outside, { recursive: true, force: true });
  results.remove();
});

function inImage(folder: string, ...args: string[]): { code: number; output: string } {
  const environment = { PATH: `${folder}/bin:/usr/bin:/bin`, HOME: folder };
  const run = Bun.spawnSync([join(folder, "bin/bun"), ...args], { env: environment, cwd: "/" });
  return { code: run.exitCode, output: run.stdout.toString() + run.stderr.toString() };
}

describe("the interop image", () => {
  test("is assembled from what is built, and once", () => {
    const script = join(ROOT, "interop/image/assemble.sh");
    const made = Bun.spawnSync(["bash", script, inside]);
    expect([made.exitCode, made.stderr.toString()]).toEqual([0, ""]);
    const again = Bun.spawnSync(["bash", script, inside]);
    expect([again.exitCode, again.stderr.toString()]).toEqual([
      1,
      `assemble.sh: ${inside} is not empty\n`,
    ]);
  });

  test("lacks nothing: it loads where no repository is around it", () => {
    cpSync(inside, outside, { recursive: true });
    const index = `${outside}/src/index.ts`;
    const loading = `console.log(typeof (await import("${index}")).serve)`;
    expect(inImage(outside, "-e", loading)).toEqual({ code: 0, output: "function\n" });
    const supports = join(outside, "interop/endpoint/supports.ts");
    for (const role of ["server", "client"]) {
      expect(inImage(outside, supports, role, "transfer").code).toBe(0);
      expect(inImage(outside, supports, role, "no-such-case").code).not.toBe(0);
    }
  });

  test.skipIf(skipReason(runnerUnavailable()))(
    "passes a case in both roles under a container's limits",
    async () => {
      const endpoint = `env PATH=${inside}/bin:/usr/bin:/bin ${inside}/interop/run_endpoint.sh`;
      const out = join(results.path, "image");
      const cases = ["--case", "handshake,http3", "--out", out];
      const call = startRunner(["--server", endpoint, "--client", endpoint, ...cases]);
      expect([await call.exited, call.output]).toEqual([0, expect.any(String)]);
      const found = JSON.parse(readFileSync(join(out, "result.json"), "utf8"));
      expect(found.results.flat().map((cell: { result: string }) => cell.result)).toEqual([
        "succeeded",
        "succeeded",
      ]);
    },
    120 * SECONDS,
  );

  test("the Dockerfile copies only what is there", () => {
    const dockerfile = readFileSync(join(ROOT, "interop/Dockerfile"), "utf8");
    const scripts = dockerfile.match(/(?:\.\/|interop\/)[\w/]+(?:\.sh)?/g) ?? [];
    expect(scripts.length).toBeGreaterThan(1);
    for (const script of scripts)
      expect([script, existsSync(join(ROOT, script))]).toEqual([script, true]);
  });
});
