/** The micro benches run: each says its question and budget, and nothing in it goes wrong. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "../../bench/micro");
const RUN_MS = 120_000;

interface Output {
  benchmarks: { alias: string; runs: { stats?: { min: number }; error?: unknown }[] }[];
}

test.concurrent.each(readdirSync(FOLDER).filter((name) => name.endsWith(".bench.ts")))(
  "%s",
  async (name) => {
    const path = join(FOLDER, name);
    const text = await Bun.file(path).text();
    expect(text).toContain(" * Question: ");
    expect(text).toContain(" * Budget: ");
    const child = Bun.spawn([process.execPath, path, "--json"], {
      env: { ...process.env, SMOKE: "1" },
      stdout: "pipe",
      stderr: "inherit",
    });
    const output = await child.stdout.text();
    expect(await child.exited).toBe(0);
    const { benchmarks } = JSON.parse(output) as Output;
    const runs = benchmarks.flatMap((each) => each.runs);
    expect(runs).not.toBeEmpty();
    for (const { stats, error } of runs) {
      expect(error).toBeUndefined();
      expect(stats!.min).toBeGreaterThan(0);
    }
  },
  RUN_MS,
);
