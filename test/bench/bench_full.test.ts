/**
 * The benches themselves: each runs one short round against its peer and must find no wrong answer.
 * No figure of it means anything: it is here so that they can't rot.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
/** The load client is compiled, with its own BoringSSL, the first time. */
const BUILD_MS = 900_000;
const RUN_MS = 180_000;

async function run(argv: string[]): Promise<{ status: number; text: string }> {
  const child = Bun.spawn(argv, { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { status: await child.exited, text: out + err };
}

test(
  "the load client builds",
  async () => {
    const built = await run(["bash", "bench/load/build.sh"]);
    expect(built.status, built.text).toBe(0);
  },
  BUILD_MS,
);

test.each(["request", "bulk", "stall"])(
  "%s finds no wrong answer",
  async (name) => {
    const folder = mkdtempSync(join(tmpdir(), "quicd-bench-"));
    const file = join(folder, "report.json");
    const argv = [process.execPath, "bench/bench.ts", name, "--quick", "--json", file];
    const { status, text } = await run([...argv, "--rounds", "1", "--seconds", "0.5"]);
    expect(status, text).toBe(0);
    const [report] = JSON.parse(readFileSync(file, "utf8")) as { bench: string; errors: number }[];
    rmSync(folder, { recursive: true });
    expect(report).toMatchObject({ bench: name, errors: 0 });
  },
  RUN_MS,
);
