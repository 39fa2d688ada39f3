/** The baseline: a file that is reviewed like code; and what is worse than it says. */
import { type Counted, type Counts, isCompilers } from "./figures.ts";

export type Verdict = "worse" | "better" | "new" | "gone";

export interface Difference {
  operation: string;
  figure: string;
  baseline: number;
  now: number;
  verdict: Verdict;
}

/** How far a figure may be above its baseline. */
export interface Slack {
  share: number;
  absolute: number;
}

export type SlackOf = (figure: string) => Slack;

/** In memory all repeats to the last digit; but an instruction or a byte more is no regression. */
export const MEMORY_SLACK: SlackOf = (figure) =>
  /(instructions|bytes|bytes out)$/.test(figure)
    ? { share: 0.01, absolute: 0 }
    : { share: 0, absolute: 0 };

/** Half of the last digit that is kept: 0.1 + 0.2 is no regression. */
const ROUNDING = 0.0005;

function judge(baseline: number, now: number, { share, absolute }: Slack): Verdict | null {
  const slack = baseline * share + absolute + ROUNDING;
  if (now > baseline + slack) return "worse";
  return now < baseline - slack ? "better" : null;
}

/** What differs by more than the slack; figures that stand in one of both only, too. */
export function differences(
  baseline: Counts,
  now: Counts,
  slackOf: SlackOf,
  skip: (figure: string) => boolean = () => false,
): Difference[] {
  const found: Difference[] = [];
  for (const operation of new Set([...Object.keys(baseline), ...Object.keys(now)])) {
    const before = baseline[operation]?.figures ?? {};
    const after = now[operation]?.figures ?? {};
    for (const figure of new Set([...Object.keys(before), ...Object.keys(after)])) {
      if (skip(figure)) continue;
      const [was, is] = [before[figure], after[figure]];
      const verdict =
        was === undefined ? "new" : is === undefined ? "gone" : judge(was, is, slackOf(figure));
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

/** The in-memory tier against the baseline. */
export function memoryDifferences(baseline: Counted, now: Counted): Difference[] {
  const skip = otherToolchain(baseline, now) === null ? undefined : isCompilers;
  return differences(baseline.memory, now.memory, MEMORY_SLACK, skip);
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
  return `${verdict.padEnd(6)}  ${operation.padEnd(18)} ${figure.padEnd(24)} ${values}`;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "" : `${(share * 100).toFixed(2)} %`;
}
