/** One step run once: its log, its report, what they count. */
import { rmSync } from "node:fs";
import { join, relative } from "node:path";
import { type Command, excerpt, type Outcome, runCommand } from "./command.ts";
import type { Step, Tier } from "./groups.ts";
import * as tallies from "./tally.ts";

const { countByExit } = tallies;

export interface Place {
  root: string;
  /** Folder of the logs; each group has one of its own in it. */
  logs: string;
  tier: Tier;
}

/** How a step went. */
export interface StepRun {
  group: string;
  step: Step;
  outcome: Outcome;
  tally: tallies.Tally;
  /** Bun wrote its report: the tests ran to their end. */
  reported: boolean;
  skippedNames: string[];
  logPath: string;
}

/** @param again the second try: its log has another name, so that the first one's stays */
export async function runStep(
  { root, logs, tier }: Place,
  group: string,
  step: Step,
  again = false,
): Promise<StepRun> {
  const path = join(logs, group, step.name.replaceAll(/[^\w.]+/g, "_")) + (again ? ".again" : "");
  const logPath = `${path}.log`;
  const junitPath = `${path}.xml`;
  rmSync(junitPath, { force: true });
  const command: Command = {
    argv: [...step.argv],
    cwd: root,
    env: { ...step.env, QUICD_TIER: tier },
    limitSeconds: step.limitSeconds,
    logPath,
  };
  if (step.count === "junit") {
    command.argv.push("--reporter=junit", `--reporter-outfile=${junitPath}`);
  }
  const outcome = await runCommand(command);
  const counted = await count(step, outcome, junitPath);
  return { group, step, outcome, ...counted, logPath: relative(root, logPath) };
}

async function count(
  step: Step,
  outcome: Outcome,
  junitPath: string,
): Promise<Pick<StepRun, "tally" | "reported" | "skippedNames">> {
  const byExit = countByExit(outcome.exitCode);
  if (step.count === "none") {
    const tally = outcome.exitCode === 0 ? tallies.EMPTY : byExit;
    return { tally, reported: false, skippedNames: [] };
  }
  let tally: tallies.Tally = byExit;
  let junit: tallies.JunitReport | null = null;
  if (step.count === "line") tally = tallies.readClosingLine(outcome.output) ?? byExit;
  if (step.count === "junit") {
    const file = Bun.file(junitPath);
    junit = (await file.exists()) ? tallies.readJunit(await file.text()) : null;
    tally = junit?.tally ?? countByExit(1);
  }
  // A crash after the last test, or an error between two of them, is a failure as well.
  if (outcome.exitCode !== 0 && tally.failed === 0) tally = tallies.add(tally, countByExit(1));
  return { tally, reported: junit !== null, skippedNames: junit?.skippedNames ?? [] };
}

/** What a reader needs of a failed step. */
export function describeFailure({ step, outcome, logPath }: StepRun): string {
  const limit = outcome.timedOut ? `\nended at its limit of ${step.limitSeconds} s` : "";
  return `${excerpt(outcome.output)}${limit}\nlog: ${logPath}`;
}
