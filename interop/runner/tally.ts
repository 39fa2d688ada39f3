/** Runs counted by cell of the matrix and by case. */
import type { Case, Outcome } from "../cases/case.ts";
import type { RunRecord } from "./run_record.ts";

export interface CaseTally {
  /** Name and abbreviation of the case. */
  name: string;
  abbreviation: string;
  kind: Case["kind"];
  runs: number;
  succeeded: number;
  failed: number;
  unsupported: number;
  /** Succeeded or unsupported if every run was; null without a run. */
  outcome: Outcome | null;
  /** Of the runs that did not succeed, each once. */
  reasons: string[];
  /** Of kept runs. */
  folders: string[];
  /** Of all runs, the slowest first. */
  seconds: number[];
  /** Of measurements, in the order of their seeds. */
  kbitPerSecond: number[];
}

export interface Cell {
  server: string;
  client: string;
  /** In the order of the table of cases; those that were asked for. */
  cases: CaseTally[];
}

export interface Pair {
  server: string;
  client: string;
}

export function tally(
  pairs: readonly Pair[],
  cases: readonly Case[],
  records: readonly RunRecord[],
): Cell[] {
  return pairs.map(({ server, client }) => ({
    server,
    client,
    cases: cases.map((case_) =>
      countCase(
        case_,
        records.filter(
          (run) => run.server === server && run.client === client && run.case === case_.name,
        ),
      ),
    ),
  }));
}

function countCase(case_: Case, records: readonly RunRecord[]): CaseTally {
  const runs = records.toSorted((a, b) => a.seed - b.seed);
  const count = (outcome: Outcome) => runs.filter((run) => run.outcome === outcome).length;
  const counts = {
    succeeded: count("succeeded"),
    failed: count("failed"),
    unsupported: count("unsupported"),
  };
  return {
    name: case_.name,
    abbreviation: case_.abbreviation,
    kind: case_.kind,
    runs: runs.length,
    ...counts,
    outcome: outcomeOf(runs.length, counts),
    reasons: [...new Set(runs.flatMap((run) => run.reasons))],
    folders: runs.flatMap((run) => run.folder ?? []),
    seconds: runs.map((run) => run.seconds).toSorted((a, b) => b - a),
    kbitPerSecond: runs.flatMap((run) => run.kbitPerSecond ?? []),
  };
}

/** A mixture is a failure: a cell that does not always succeed does not succeed. */
function outcomeOf(runs: number, counts: { succeeded: number; unsupported: number }) {
  if (runs === 0) return null;
  if (counts.succeeded === runs) return "succeeded";
  return counts.unsupported === runs ? "unsupported" : "failed";
}

/** Null without figures. */
export function meanRate(rates: readonly number[]): number | null {
  return rates.length === 0 ? null : rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}

/** As the runner words it: "9559 (± 12) kbps"; "" without figures. */
export function rateText(rates: readonly number[]): string {
  const mean = meanRate(rates);
  if (mean === null) return "";
  const squares = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0);
  const deviation = rates.length < 2 ? 0 : Math.sqrt(squares / (rates.length - 1));
  return `${mean.toFixed(0)} (± ${deviation.toFixed(0)}) kbps`;
}

/** "L1", or "L1 4/5" where some of several runs did not succeed. */
export function countText(one: CaseTally): string {
  const mixed = one.outcome === "failed" && one.succeeded + one.unsupported > 0;
  return mixed ? `${one.abbreviation} ${one.succeeded}/${one.runs}` : one.abbreviation;
}
