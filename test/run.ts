/**
 * Runs the tests of one tier, group by group; the last line is `N passed, N failed, N skipped`.
 *
 *   bun test/run.ts                 what a developer's machine does in 10 minutes
 *   bun test/run.ts native h3       only these groups (folders of test/, and: house, quiche)
 *   bun test/run.ts --full          also other implementations, browsers and networks
 *   bun test/run.ts --long          soaks and wide seeds, for the night
 *   bun test/run.ts --long --resume without the groups that passed last time
 *   bun test/run.ts --list          the groups and their steps
 *
 * Exit code 1 when anything failed, or when nothing ran. Logs: build/test/GROUP/STEP.log
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { type Command, excerpt, type Outcome, runCommand } from "./runner/command.ts";
import { type Group, listGroups, type Step, type Tier } from "./runner/groups.ts";
import * as tallies from "./runner/tally.ts";

const { countByExit } = tallies;

const ROOT = join(import.meta.dir, "..");
const LOGS = join(ROOT, "build/test");
const STATE = join(LOGS, "passed.json");
const BUILD_LIMIT_SECONDS = 1800;
/** Groups that by design load no native code: they run on a machine that has no build. */
const WITHOUT_NATIVE = ["house", "runner", "wire", "h3", "http"];

interface Summary {
  tally: tallies.Tally;
  reasons: Set<string>;
  skippedNames: string[];
}

const flags = Bun.argv.slice(2).filter((argument) => argument.startsWith("--"));
const names = Bun.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const known = ["--full", "--long", "--resume", "--list"];
const unknown = flags.find((flag) => !known.includes(flag));
if (unknown) fail(`unknown flag ${unknown}; there are ${known.join(" ")}`);
const tier: Tier = flags.includes("--long")
  ? "long"
  : flags.includes("--full")
    ? "full"
    : "default";

const groups = chooseGroups(listGroups(ROOT, tier));
if (flags.includes("--list")) {
  for (const group of groups) {
    console.log(`${group.name}: ${group.steps.map((step) => step.name).join(", ")}`);
  }
  process.exit(0);
}

mkdirSync(LOGS, { recursive: true });
const summary: Summary = { tally: tallies.EMPTY, reasons: new Set(), skippedNames: [] };
const pure = groups.every((group) => WITHOUT_NATIVE.includes(group.name));
if (pure || (await build())) {
  for (const group of groups) await runGroup(group);
}
report();

function fail(message: string): never {
  console.error(`test/run.ts: ${message}`);
  process.exit(1);
}

function chooseGroups(all: Group[]): Group[] {
  const stranger = names.find((name) => !all.some((group) => group.name === name));
  if (stranger) {
    fail(`no group ${stranger}; there are ${all.map((group) => group.name).join(" ")}`);
  }
  const passed = flags.includes("--resume") ? passedGroups() : [];
  return all.filter(
    (group) =>
      (names.length === 0 || names.includes(group.name)) &&
      !passed.includes(`${tier}/${group.name}`),
  );
}

function passedGroups(): string[] {
  return existsSync(STATE) ? (require(STATE) as string[]) : [];
}

/** What follows loads or links the native build, so a broken one is reported once, here. */
async function build(): Promise<boolean> {
  const outcome = await runCommand({
    argv: ["sh", "-c", "native/quiche/build.sh && make -C native --no-print-directory -j2"],
    cwd: ROOT,
    limitSeconds: BUILD_LIMIT_SECONDS,
    logPath: join(LOGS, "build.log"),
  });
  console.log(`build: ${outcome.exitCode === 0 ? "ok" : "failed"} (${format(outcome.seconds)})`);
  if (outcome.exitCode === 0) return true;
  console.log(excerpt(outcome.output));
  summary.tally = tallies.add(summary.tally, countByExit(1));
  return false;
}

async function runGroup(group: Group): Promise<void> {
  const started = performance.now();
  let sum: tallies.Tally = tallies.EMPTY;
  for (const step of group.steps) {
    const tally = await runStep(group, step);
    sum = tallies.add(sum, tally);
    // Without its build the steps that follow would fail once more, each with a worse message.
    if (step.count === "none" && tally.failed > 0) break;
  }
  summary.tally = tallies.add(summary.tally, sum);
  const seconds = (performance.now() - started) / 1000;
  console.log(`${group.name}: ${tallies.closingLine(sum)} (${format(seconds)})`);
  const state = passedGroups().filter((name) => name !== `${tier}/${group.name}`);
  if (sum.failed === 0) state.push(`${tier}/${group.name}`);
  await Bun.write(STATE, JSON.stringify(state));
}

async function runStep(group: Group, step: Step): Promise<tallies.Tally> {
  const path = join(LOGS, group.name, step.name.replaceAll(/[^\w.]+/g, "_"));
  const junitPath = `${path}.xml`;
  rmSync(junitPath, { force: true });
  const command: Command = {
    argv: [...step.argv],
    cwd: ROOT,
    env: { ...step.env, QUICD_TIER: tier },
    limitSeconds: step.limitSeconds,
    logPath: `${path}.log`,
  };
  if (step.count === "junit") {
    command.argv.push("--reporter=junit", `--reporter-outfile=${junitPath}`);
  }
  const outcome = await runCommand(command);
  const tally = await count(step, outcome, junitPath);
  for (const reason of tallies.readSkipReasons(outcome.output)) summary.reasons.add(reason);
  const verdict = tally.failed > 0 ? "FAILED" : "ok";
  console.log(`  ${group.name} / ${step.name}: ${verdict} (${format(outcome.seconds)})`);
  if (tally.failed > 0) {
    const limit = outcome.timedOut ? `\nended at its limit of ${step.limitSeconds} s` : "";
    console.log(`${excerpt(outcome.output)}${limit}\nlog: ${relative(ROOT, path)}.log`);
  }
  return tally;
}

async function count(step: Step, outcome: Outcome, junitPath: string): Promise<tallies.Tally> {
  if (step.count === "none") return outcome.exitCode === 0 ? tallies.EMPTY : countByExit(1);
  if (step.count === "exit") return countByExit(outcome.exitCode);
  let counted: tallies.Tally | null;
  if (step.count === "line") {
    counted = tallies.readClosingLine(outcome.output) ?? countByExit(outcome.exitCode);
  } else {
    const file = Bun.file(junitPath);
    const junit = (await file.exists()) ? tallies.readJunit(await file.text()) : null;
    summary.skippedNames.push(...(junit?.skippedNames ?? []));
    counted = junit?.tally ?? countByExit(1);
  }
  // A crash after the last test, or an error between two of them, is a failure as well.
  if (outcome.exitCode !== 0 && counted.failed === 0) return tallies.add(counted, countByExit(1));
  return counted;
}

function report(): void {
  if (summary.skippedNames.length > 0) {
    console.log(`\nskipped: ${summary.skippedNames.join("; ")}`);
  }
  for (const reason of summary.reasons) console.log(`SKIP reason: ${reason}`);
  console.log(tallies.closingLine(summary.tally));
  const ran = summary.tally.passed + summary.tally.failed;
  process.exit(summary.tally.failed > 0 || ran === 0 ? 1 : 0);
}

function format(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}
