/** `bun run bench counts`: the deterministic tier, against its baseline. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildRevision } from "../revision.ts";
import { allDifferences, describe, isFailure, otherToolchain } from "./baseline.ts";
import { countAll } from "./count.ts";
import { type Counted, type Only, select } from "./figures.ts";
import { hasCallgrind, reportPath } from "./memory.ts";
import { prove } from "./proof.ts";
import { BACKENDS, backendRefused, tracingRefused } from "./wire.ts";

const ROOT = join(import.meta.dir, "../..");
const BASELINE = join(import.meta.dir, "baseline.json");

export const COUNTS_HELP = `bun run bench counts [options]

Instructions, allocations, copies and calls to the network of each operation, counted in memory;
system calls, datagrams and wake-ups over real sockets. Fails when a figure is above
bench/counts/baseline.json: instructions by more than 1 %, what is exact by anything.

  --against REV    instead of with the baseline: with that revision, built and counted here
  --update         writes what was counted as the new baseline, and prints the differences
  --json FILE      what was counted
  --only TEXT      one operation, by its name
  --tier T         memory, syscalls or io_uring
  --prove          that it works: the same tree --times N (20) without an alarm, then changes for
                   the worse in a copy of the tree, each to be caught`;

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

function printMissing(): void {
  const refused = BACKENDS.map((backend) => [backend, backendRefused(ROOT, backend)] as const);
  for (const [backend, reason] of refused)
    if (reason !== null) console.log(`SKIP ${backend}: ${reason}`);
  const untraced = tracingRefused();
  if (untraced !== null) console.log(`SKIP system calls as the kernel sees them: ${untraced}`);
}

/** The exit code. */
function report(baseline: Counted, counted: Counted, what: string): number {
  const other = otherToolchain(baseline, counted);
  if (other !== null) console.log(`NOT COMPARED: instructions and copies: ${other}`);
  const found = allDifferences(baseline, counted);
  for (const difference of found) console.log(describe(difference));
  const failures = found.filter(isFailure);
  if (failures.length === 0) {
    const better = found.length > 0 ? `; ${found.length} are better: --update keeps that` : "";
    console.log(`no figure is worse than ${what}${better}`);
    return 0;
  }
  const first = failures.find(({ operation }) => operation in counted.memory);
  const where = first ? ` Where: callgrind_annotate ${reportPath(first.operation)}` : "";
  console.log(
    `\n${failures.length} figures are worse than ${what}.${where}\n` +
      "Meant so? bun run bench counts --update, and say why in the commit. See CONTRIBUTING.md.",
  );
  return 1;
}

async function proveCommand(times: number): Promise<number> {
  const say = (line: string) => console.log(line);
  const { falseAlarms, injected } = await prove({ root: ROOT, times, say });
  const caught = injected.filter((one) => one.caught).length;
  console.log(`${falseAlarms.length} false alarms in ${times} runs`);
  console.log(`${caught} of ${injected.length} changes for the worse caught`);
  return falseAlarms.length === 0 && caught === injected.length ? 0 : 1;
}

function update(baseline: Counted | null, counted: Counted): number {
  for (const found of baseline ? allDifferences(baseline, counted) : []) {
    console.log(describe(found));
  }
  writeBaseline(counted);
  console.log("written: bench/counts/baseline.json");
  return 0;
}

/** @returns the exit code */
export async function countsCommand(words: string[]): Promise<number> {
  const { values } = parseArgs({
    args: words,
    options: {
      help: { type: "boolean", short: "h", default: false },
      update: { type: "boolean", default: false },
      against: { type: "string" },
      json: { type: "string" },
      only: { type: "string" },
      tier: { type: "string" },
      prove: { type: "boolean", default: false },
      times: { type: "string", default: "20" },
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
  if (values.prove) return proveCommand(Number(values.times));
  const only: Only = { tier: values.tier ?? null, operation: values.only ?? null };
  if (values.update && (only.tier ?? only.operation) !== null) {
    console.error("--update counts everything: without --only and --tier");
    return 2;
  }
  const counted = await countAll(ROOT, only);
  printSummary(counted);
  printMissing();
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(counted, null, 1)}\n`);
  if (values.against !== undefined) {
    const { root, hash } = await buildRevision(values.against, ["counts"]);
    return report(await countAll(root, only), counted, `${values.against} (${hash.slice(0, 10)})`);
  }
  const baseline = readBaseline();
  if (values.update) return update(baseline, counted);
  if (baseline === null) {
    console.error("there is no bench/counts/baseline.json. Remedy: bun run bench counts --update");
    return 2;
  }
  return report(select(baseline, only), counted, "bench/counts/baseline.json");
}
