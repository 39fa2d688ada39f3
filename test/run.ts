/**
 * Runs the tests of one tier, group by group; the last line is `N passed, N failed, N skipped`.
 *
 *   bun test/run.ts                 what a developer's machine does in 10 minutes
 *   bun test/run.ts native h3       only these groups (folders of test/, and: house, quiche)
 *   bun test/run.ts --full          also other implementations, browsers and networks
 *   bun test/run.ts --long          soaks and wide seeds, for the night
 *   bun test/run.ts --long --resume without the groups that passed last time
 *   bun test/run.ts --alone         never two steps at a time
 *   bun test/run.ts --list          the groups and their steps; `&`: may run beside another one
 *
 * Exit code 1 when anything failed, or when nothing ran. Logs: build/test/GROUP/STEP.log
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { excerpt, type Outcome, runCommand } from "./runner/command.ts";
import { type Group, listGroups, type Step, type Tier } from "./runner/groups.ts";
import { runStages, stagesOf } from "./runner/schedule.ts";
import { chooseAgain, mayTryAgain, UNSTEADY_MAX, unsteadyLine } from "./runner/second_try.ts";
import { describeFailure, type Place, runStep, type StepRun } from "./runner/step_run.ts";
import * as tallies from "./runner/tally.ts";

const ROOT = join(import.meta.dir, "..");
const LOGS = join(ROOT, "build/test");
const STATE = join(LOGS, "passed.json");
const BUILD_LIMIT_SECONDS = 1800;
/** Groups that by design load no native code: they run on a machine that has no build. */
const WITHOUT_NATIVE = ["house", "runner", "wire", "h3", "http"];

const flags = Bun.argv.slice(2).filter((argument) => argument.startsWith("--"));
const names = Bun.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const known = ["--full", "--long", "--resume", "--alone", "--list"];
const unknown = flags.find((flag) => !known.includes(flag));
if (unknown) fail(`unknown flag ${unknown}; there are ${known.join(" ")}`);
const tier: Tier = flags.includes("--long")
  ? "long"
  : flags.includes("--full")
    ? "full"
    : "default";
const place: Place = { root: ROOT, logs: LOGS, tier };
/** Steps that run at a time, where they may. */
const jobs = flags.includes("--alone") ? 1 : Math.min(2, availableParallelism());

const groups = chooseGroups(listGroups(ROOT, tier));
if (flags.includes("--list")) {
  const nameOf = (step: Step) => (step.pairs === true ? `${step.name} &` : step.name);
  for (const group of groups) console.log(`${group.name}: ${group.steps.map(nameOf).join(", ")}`);
  process.exit(0);
}

mkdirSync(LOGS, { recursive: true });
/** The last run of each step: the second one takes the place of the first. */
const runs: StepRun[] = [];
const unsteady: string[] = [];
const pure = groups.every((group) => WITHOUT_NATIVE.includes(group.name));
const built = pure || (await build());
if (built) {
  for (const group of groups) await runGroup(group);
  await tryAgain();
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
  return existsSync(STATE) ? (JSON.parse(readFileSync(STATE, "utf8")) as string[]) : [];
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
  if (outcome.exitCode !== 0) console.log(excerpt(outcome.output));
  return outcome.exitCode === 0;
}

async function runGroup(group: Group): Promise<void> {
  const started = performance.now();
  await runStages(stagesOf(group.steps), jobs, async (step) => {
    const run = await runStep(place, group.name, step);
    runs.push(run);
    tell(run);
    // Without its build the steps that follow would fail once more, each with a worse message.
    return step.count !== "none" || run.tally.failed === 0;
  });
  const seconds = (performance.now() - started) / 1000;
  console.log(`${group.name}: ${tallies.closingLine(sumOf(group.name))} (${format(seconds)})`);
  await remember(group.name);
}

/** Alone, after all others: see test/runner/second_try.ts. */
async function tryAgain(): Promise<void> {
  const failures = runs.filter((run) => run.tally.failed > 0);
  const chosen = chooseAgain(failures);
  const steady = failures.filter(mayTryAgain).length;
  if (steady > UNSTEADY_MAX) {
    console.log(`${steady} steps may be unsteady, at most ${UNSTEADY_MAX}: none is tried again`);
  }
  for (const first of chosen) {
    const run = await runStep(place, first.group, first.step, true);
    tell(run, " again");
    if (run.tally.failed > 0) continue;
    runs[runs.indexOf(first)] = run;
    const line = unsteadyLine(first.group, first.step.name);
    unsteady.push(line);
    await remember(first.group);
    console.log(`${line}\nThe first failure:\n${describeFailure(first)}`);
  }
}

function tell(run: StepRun, again = ""): void {
  const verdict = run.tally.failed > 0 ? "FAILED" : "ok";
  console.log(`  ${run.group} / ${run.step.name}${again}: ${verdict} (${timeOf(run.outcome)})`);
  if (run.tally.failed > 0) console.log(describeFailure(run));
}

function sumOf(group?: string): tallies.Tally {
  return runs
    .filter((run) => group === undefined || run.group === group)
    .reduce((sum, run) => tallies.add(sum, run.tally), tallies.EMPTY);
}

/** For --resume: at once after each group, because a long run may be broken off. */
async function remember(group: string): Promise<void> {
  const mine = `${tier}/${group}`;
  const state = passedGroups().filter((name) => name !== mine);
  if (sumOf(group).failed === 0) state.push(mine);
  await Bun.write(STATE, JSON.stringify(state));
}

function report(): void {
  const skippedNames = runs.flatMap((run) => run.skippedNames);
  if (skippedNames.length > 0) console.log(`\nskipped: ${skippedNames.join("; ")}`);
  const reasons = new Set(runs.flatMap((run) => tallies.readSkipReasons(run.outcome.output)));
  for (const reason of reasons) console.log(`SKIP reason: ${reason}`);
  for (const line of unsteady) console.log(line);
  const tally = built ? sumOf() : tallies.countByExit(1);
  console.log(tallies.closingLine(tally));
  process.exit(tally.failed > 0 || tally.passed === 0 ? 1 : 0);
}

/** How long it took, and how much of that was work: what only waits can run beside another step. */
function timeOf({ seconds, cpuSeconds }: Outcome): string {
  return `${format(seconds)}, CPU ${format(cpuSeconds)}`;
}

function format(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}
