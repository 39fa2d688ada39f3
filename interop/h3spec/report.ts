/** What h3spec prints, as results: see run.ts for how it is run. */

/**
 * "skipped": h3spec says itself that it could not try the case, although it then counts it as
 * passed.
 */
export type CaseOutcome = "passed" | "failed" | "skipped";

export interface CaseResult {
  /** Number of the case in h3spec's newest list; see cases.ts. */
  number: number;
  outcome: CaseOutcome;
  /** Of a failure: what came in place of the wanted error. */
  detail: string;
}

export interface Report {
  results: readonly CaseResult[];
  /** Why nothing of it may be believed; empty when it may. */
  faults: readonly string[];
}

const CASE_LINE = /^ {2}(MUST .*?)(?: FAILED \[(\d+)\])?$/;
const SUMMARY_LINE = /^(\d+) examples?, (\d+) failures?$/m;
const SKIP_WARNING = /^Warning: 0-RTT is not possible\./;
/**
 * h3spec offers hq-interop beside h3. With that one every case of HTTP/3 passes: it raises the very
 * error that it waits for.
 */
const VACUOUS_WARNING = /^Warning: (.*) is negotiated\./;

/** `numberOf`: the table of cases; undefined for a text that it doesn't have. */
export function parseReport(
  output: string,
  numberOf: (text: string) => number | undefined,
): Report {
  const results: CaseResult[] = [];
  const faults: string[] = [];
  let skipped = false;
  for (const line of output.split("\n")) {
    if (SKIP_WARNING.test(line)) skipped = true;
    const vacuous = VACUOUS_WARNING.exec(line);
    if (vacuous) faults.push(`${vacuous[1]} was negotiated, not h3: the server must offer h3 only`);
    const found = CASE_LINE.exec(line);
    if (!found) continue;
    const [, text = "", failure] = found;
    const number = numberOf(text);
    if (number === undefined) {
      faults.push(`a case that cases.ts doesn't have: ${text}`);
      continue;
    }
    const outcome = failure ? "failed" : skipped ? "skipped" : "passed";
    results.push({ number, outcome, detail: failure ? detailOf(output, failure) : "" });
    skipped = false;
  }
  const summary = SUMMARY_LINE.exec(output);
  const failures = results.filter(({ outcome }) => outcome === "failed").length;
  if (!summary) faults.push("no closing line: h3spec did not come to its end");
  else if (Number(summary[1]) !== results.length || Number(summary[2]) !== failures) {
    faults.push(`${results.length} cases and ${failures} failures read of "${summary[0]}"`);
  }
  return { results, faults: [...new Set(faults)] };
}

/** The lines below the head of failure `[failure]`, up to how to run it again. */
function detailOf(output: string, failure: string): string {
  const from = output.indexOf(`\n  ${failure}) `);
  if (from < 0) return "";
  const lines = output.slice(from + 1).split("\n");
  const end = lines.findIndex((line) => line.includes("To rerun use:"));
  const text = lines.slice(1, end < 0 ? 1 : end).map((line) => line.trim());
  return text.filter((line) => line !== "").join(" ");
}
