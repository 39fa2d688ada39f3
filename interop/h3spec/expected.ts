/**
 * What h3spec is known to find in a server, from expected.json. Anything else is a difference: also
 * a case that begins to pass, so that the file says what is true.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CASE_COUNT, caseText, isCaseNumber } from "./cases.ts";
import type { CaseOutcome, Report } from "./report.ts";

const FILE = join(import.meta.dir, "expected.json");

/** Case number to why it is so. */
const cases = z.record(z.string(), z.string().min(1));
const expectation = z.strictObject({
  /** In every run. */
  fails: cases,
  /** h3spec can't try them on this server. */
  skipped: cases,
  /** In some runs and not in others. */
  unsteady: cases,
});

export type Expectation = z.infer<typeof expectation>;

/** By server; of one that is not in the file everything is expected to pass. */
export function readExpectations(text = readFileSync(FILE, "utf8")): Map<string, Expectation> {
  const servers = z.record(z.string(), expectation).parse(JSON.parse(text));
  for (const [server, lists] of Object.entries(servers)) {
    const numbers = Object.values(lists).flatMap((list) => Object.keys(list));
    const bad = numbers.find(
      (number, at) => !isCaseNumber(Number(number)) || numbers.indexOf(number) !== at,
    );
    if (bad !== undefined) {
      throw new Error(`expected.json, ${server}: case ${bad} is unknown or there twice`);
    }
  }
  return new Map(Object.entries(servers));
}

const NOTHING: Expectation = { fails: {}, skipped: {}, unsteady: {} };

/** Each a sentence; empty when all runs were as expected. */
export function differences(
  reports: readonly Report[],
  expected: Expectation = NOTHING,
): readonly string[] {
  const found = reports.flatMap(({ faults }) => faults);
  for (const [at, { results }] of reports.entries()) {
    const run = reports.length > 1 ? `run ${at + 1}: ` : "";
    if (results.length !== CASE_COUNT) {
      found.push(`${run}${results.length} of ${CASE_COUNT} cases have a result`);
    }
    for (const { number, outcome, detail } of results) {
      if (`${number}` in expected.unsteady) continue;
      const wanted = wantedOutcome(expected, number);
      if (outcome === wanted) continue;
      const end = detail === "" ? "" : `: ${detail}`;
      found.push(`${run}${number} ${outcome}, not ${wanted}: ${caseText(number)}${end}`);
    }
  }
  return found;
}

/** Of a case that is not unsteady. */
export function wantedOutcome(expected: Expectation | undefined, number: number): CaseOutcome {
  const { fails, skipped } = expected ?? NOTHING;
  if (`${number}` in fails) return "failed";
  return `${number}` in skipped ? "skipped" : "passed";
}
