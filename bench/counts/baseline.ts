/** The baseline: a file that is reviewed like code; and what is worse than it says. */
import { type Counted, type Counts, isCompilers } from "./figures.ts";
import {
  isTraced,
  MEMORY_SLACK,
  NEW_CALL_SLACK,
  type Slack,
  type SlackOf,
  WIRE_SLACK,
} from "./slack.ts";

export type Verdict = "worse" | "better" | "new" | "gone";

export interface Difference {
  operation: string;
  figure: string;
  baseline: number;
  now: number;
  verdict: Verdict;
}

/** Half of the last digit that is kept: 0.1 + 0.2 is no regression. */
const ROUNDING = 0.0005;

function judge(baseline: number, now: number, { share, absolute }: Slack): Verdict | null {
  const slack = baseline * share + absolute + ROUNDING;
  if (now > baseline + slack) return "worse";
  return now < baseline - slack ? "better" : null;
}

/** What a pair of values means; |was| or |is| undefined: the figure stands in one of both only. */
function verdictOf(was?: number, is?: number, slack: Slack | null = null): Verdict | null {
  if (slack === null) return null;
  if (was === undefined) return "new";
  return is === undefined ? "gone" : judge(was, is, slack);
}

/** What differs by more than the slack; figures that stand in one of both only, too. */
export function differences(baseline: Counts, now: Counts, slackOf: SlackOf): Difference[] {
  const found: Difference[] = [];
  for (const operation of new Set([...Object.keys(baseline), ...Object.keys(now)])) {
    const before = baseline[operation]?.figures ?? {};
    const after = now[operation]?.figures ?? {};
    for (const figure of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const [was, is] = [before[figure], after[figure]];
      const verdict = verdictOf(was, is, slackOf(operation, figure));
      if (verdict === null) continue;
      const [from, to] = [was ?? Number.NaN, is ?? Number.NaN];
      found.push({ operation, figure, baseline: from, now: to, verdict });
    }
  }
  return found;
}

/** Why figures of compilers can't be compared with the baseline; null when they can. */
export function otherToolchain(baseline: Counted, now: Counted): string | null {
  const missing = baseline.toolchain.filter((part) => !now.toolchain.includes(part));
  if (missing.length === 0) return null;
  return `the baseline was taken with ${missing.join(", ")}; here are ${now.toolchain.join(", ")}`;
}

/** Kinds of system calls that the baseline does not know, beside those that a counter counts. */
function newCalls(baseline: Counts, now: Counts): Difference[] {
  return Object.entries(now).flatMap(([operation, { figures }]) => {
    const before = baseline[operation]?.figures ?? {};
    return Object.entries(figures)
      .filter(
        ([figure, count]) => isTraced(figure) && !(figure in before) && count > NEW_CALL_SLACK,
      )
      .map(([figure, count]) => {
        return { operation, figure, baseline: 0, now: count, verdict: "new" as const };
      });
  });
}

function wireDifferences(baseline: Counts, now: Counts): Difference[] {
  // A machine may forbid to trace.
  const traced = (counts: Counts) =>
    Object.values(counts).some(({ figures }) => Object.keys(figures).some(isTraced));
  const both = traced(baseline) && traced(now);
  const found = differences(baseline, now, (operation, figure) =>
    isTraced(figure) && !both ? null : WIRE_SLACK(operation, figure),
  );
  return both ? [...found, ...newCalls(baseline, now)] : found;
}

/** All tiers against the baseline; a backend that cannot be had here is left out. */
export function allDifferences(baseline: Counted, now: Counted): Difference[] {
  const sameCompilers = otherToolchain(baseline, now) === null;
  const found = differences(baseline.memory, now.memory, (operation, figure) =>
    isCompilers(figure) && !sameCompilers ? null : MEMORY_SLACK(operation, figure),
  );
  for (const [backend, counts] of Object.entries(now.wire)) {
    for (const one of wireDifferences(baseline.wire[backend] ?? {}, counts)) {
      found.push({ ...one, operation: `${backend}: ${one.operation}` });
    }
  }
  return found;
}

/** A gate closes for these; an improvement only asks for a new baseline. */
export function isFailure({ verdict }: Difference): boolean {
  return verdict !== "better";
}

const number = (value: number) =>
  Number.isNaN(value)
    ? "-"
    : value >= 1000
      ? value.toFixed(0)
      : `${Math.round(value * 1000) / 1000}`;

export function describe(difference: Difference): string {
  const { operation, figure, baseline, now, verdict } = difference;
  const change =
    baseline > 0 ? ` (${now >= baseline ? "+" : ""}${percent(now / baseline - 1)})` : "";
  const values = `${number(baseline)} -> ${number(now)}${change}`;
  return `${verdict.padEnd(6)}  ${operation.padEnd(24)} ${figure.padEnd(28)} ${values}`;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "" : `${(share * 100).toFixed(2)} %`;
}
