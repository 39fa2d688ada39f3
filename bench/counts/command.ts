/** `bun run bench counts`: the deterministic tier, against its baseline. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describe, isFailure, memoryDifferences, otherToolchain } from "./baseline.ts";
import type { Counted } from "./figures.ts";
import { countInMemory, hasCallgrind, reportPath } from "./memory.ts";
import { toolchainOf } from "./toolchain.ts";

const ROOT = join(import.meta.dir, "../..");
const BASELINE = join(import.meta.dir, "baseline.json");

export const COUNTS_HELP = `bun run bench counts [options]

Instructions, allocations, copies and calls to the network of each operation, counted in memory;
system calls, datagrams and wake-ups over real sockets. Fails when a figure is above
bench/counts/baseline.json: instructions by more than 1 %, what is exact by anything.

  --update      writes what was counted as the new baseline, and prints the differences
  --json FILE   what was counted
  --only TEXT   operations whose name contains it; not with --update`;

async function build(root: string): Promise<void> {
  const argv = ["make", "-C", join(root, "native"), "--no-print-directory", "counts"];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error("make -C native counts failed");
}

export async function countAll(root: string, only = ""): Promise<Counted> {
  await build(root);
  const pattern = new RegExp(RegExp.escape(only));
  return { toolchain: toolchainOf(root), memory: await countInMemory(root, pattern), wire: {} };
}

function readBaseline(): Counted | null {
  return existsSync(BASELINE) ? (JSON.parse(readFileSync(BASELINE, "utf8")) as Counted) : null;
}

/** As `bun run check` wants it. */
function writeBaseline(counted: Counted): void {
  writeFileSync(BASELINE, `${JSON.stringify(counted, null, 2)}\n`);
  const formatter = join(ROOT, "node_modules/.bin/biome");
  const argv = [process.execPath, formatter, "format", "--write", BASELINE];
  if (Bun.spawnSync(argv, { cwd: ROOT }).exitCode !== 0) throw new Error(argv.join(" "));
}

function narrowed(baseline: Counted, only: string): Counted {
  const kept = Object.entries(baseline.memory).filter(([name]) => name.includes(only));
  return { ...baseline, memory: Object.fromEntries(kept) };
}

function printSummary(counted: Counted): void {
  console.log(`  ${"".padEnd(36)} instructions: server    client  allocations  copies`);
  for (const [operation, { unit, figures }] of Object.entries(counted.memory)) {
    const figure = (name: string) => figures[name] ?? Number.NaN;
    const both = (name: string) => figure(`server ${name}`) + figure(`client ${name}`);
    console.log(
      `  ${`${operation}, for one ${unit}`.padEnd(40)}` +
        figure("server instructions").toFixed(0).padStart(18) +
        figure("client instructions").toFixed(0).padStart(10) +
        both("allocations").toFixed(2).padStart(13) +
        both("copies").toFixed(2).padStart(8),
    );
  }
}

/** The exit code. */
function report(baseline: Counted, counted: Counted): number {
  const other = otherToolchain(baseline, counted);
  if (other !== null) console.log(`NOT COMPARED: instructions and copies: ${other}`);
  const found = memoryDifferences(baseline, counted);
  for (const difference of found) console.log(describe(difference));
  const failures = found.filter(isFailure);
  if (failures.length > 0) {
    const [first] = failures;
    console.log(
      `\n${failures.length} figures are worse than bench/counts/baseline.json says. Where: ` +
        `callgrind_annotate ${reportPath(first!.operation)}\nMeant so? bun run bench counts ` +
        "--update, and say why in the commit. See CONTRIBUTING.md, Regressions.",
    );
  } else {
    const better = found.length > 0 ? `; ${found.length} are better: --update keeps that` : "";
    console.log(`no figure is worse than the baseline${better}`);
  }
  return failures.length > 0 ? 1 : 0;
}

/** @returns the exit code */
export async function countsCommand(words: string[]): Promise<number> {
  const { values } = parseArgs({
    args: words,
    options: {
      help: { type: "boolean", short: "h", default: false },
      update: { type: "boolean", default: false },
      json: { type: "string" },
      only: { type: "string", default: "" },
    },
  });
  if (values.help) {
    console.log(COUNTS_HELP);
    return 0;
  }
  if (!hasCallgrind()) {
    console.error("valgrind is missing. Remedy: ./setup, or apt-get install valgrind");
    return 2;
  }
  const counted = await countAll(ROOT, values.only);
  printSummary(counted);
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(counted, null, 1)}\n`);
  const baseline = readBaseline();
  if (values.update) {
    for (const found of baseline ? memoryDifferences(baseline, counted) : []) {
      console.log(describe(found));
    }
    writeBaseline(counted);
    console.log(`written: bench/counts/baseline.json`);
    return 0;
  }
  if (baseline === null) {
    console.error("there is no bench/counts/baseline.json. Remedy: bun run bench counts --update");
    return 2;
  }
  return report(narrowed(baseline, values.only), counted);
}
