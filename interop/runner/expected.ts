/**
 * What each case is expected to bring between each two endpoints (interop/expected.json). A run is
 * compared with it, and any difference fails the run: a known failure that now succeeds, too.
 *
 * Cases stand by their abbreviations in one line, as the matrix shows them; a failure says why.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../src/config/user_error.ts";
import type { Case, Outcome } from "../cases/case.ts";
import type { Results } from "./results_file.ts";
import { type CaseTally, type Cell, meanRate, rateText } from "./tally.ts";

export const EXPECTED_PATH = join(import.meta.dir, "../expected.json");

export interface ExpectedCell {
  /** Abbreviations with spaces between. */
  succeeded: string;
  unsupported: string;
  /** By abbreviation: why. */
  failed: Record<string, string>;
  /** The same, of what fails in some runs and not in others by a peer's nature. Never ours. */
  varies?: Record<string, string>;
  /** Of measurements, by abbreviation: what their mean may be, kbit/s: "9300 to 9700". */
  rates?: Record<string, string>;
}

/**
 * How far a mean may be from the one that was taken over, as a part of it. Beside a TCP flow chance
 * decides who loses a packet.
 */
const RATE_SLACK: Readonly<Record<string, number>> = { goodput: 0.02, crosstraffic: 0.3 };
const RATE_STEP = 10;

/** By suite, by server, by client. */
export type Expected = Record<string, Record<string, Record<string, ExpectedCell>>>;

export function readExpected(path = EXPECTED_PATH): Expected {
  return JSON.parse(readFileSync(path, "utf8")) as Expected;
}

/** A sentence for each case that came out other than expected; what was not run is not compared. */
export function differences(suite: string, cells: readonly Cell[], expected: Expected): string[] {
  return cells.flatMap((cell) => {
    const known = expected[suite]?.[cell.server]?.[cell.client];
    const pair = `${cell.server} <- ${cell.client}`;
    const unknown: string[] = [];
    const told = cell.cases.flatMap((one) => {
      if (one.outcome === null) return [];
      if (known?.varies?.[one.abbreviation] !== undefined && one.outcome !== "unsupported")
        return [];
      const { outcome: wanted, why } = outcomeIn(known, one.abbreviation);
      if (wanted === null) unknown.push(one.abbreviation);
      if (wanted !== null && wanted === one.outcome) return rateFault(pair, one, known);
      if (wanted === null) return [];
      const counts = one.runs > 1 ? ` (${one.succeeded} of ${one.runs} runs succeeded)` : "";
      const got = `${one.outcome}${counts}`;
      const reasons = one.reasons.length > 0 ? `: ${one.reasons.join("; ")}` : "";
      const before = `expected: ${wanted}${why === "" ? "" : ` (${why})`}`;
      return [`${pair} ${one.name}: ${got}${reasons}; ${before}`];
    });
    if (unknown.length === 0) return told;
    return [...told, `${pair}: nothing is expected yet of ${unknown.join(" ")}`];
  });
}

function rateFault(pair: string, one: CaseTally, known: ExpectedCell | undefined): string[] {
  const bounds = known?.rates?.[one.abbreviation];
  const mean = meanRate(one.kbitPerSecond);
  if (bounds === undefined || mean === null) return [];
  const [least, most] = bounds.split(" to ").map(Number) as [number, number];
  if (mean >= least && mean <= most) return [];
  const got = `${pair} ${one.name}: ${rateText(one.kbitPerSecond)}`;
  return [`${got}; expected: ${bounds} kbps`];
}

/** Those that stand there, and for a measurement without bounds some around what came out. */
function mergeRates(known: ExpectedCell | undefined, cell: Cell) {
  const rates = { ...known?.rates };
  for (const { name, abbreviation, kbitPerSecond } of cell.cases) {
    const slack = RATE_SLACK[name];
    const mean = meanRate(kbitPerSecond);
    if (slack === undefined || mean === null || rates[abbreviation] !== undefined) continue;
    const bound = (rate: number) => Math.round(rate / RATE_STEP) * RATE_STEP;
    rates[abbreviation] = `${bound(mean * (1 - slack))} to ${bound(mean * (1 + slack))}`;
  }
  return rates;
}

function outcomeIn(
  cell: ExpectedCell | undefined,
  abbreviation: string,
): { outcome: Outcome | null; why: string } {
  if (cell === undefined) return { outcome: null, why: "" };
  const why = cell.failed[abbreviation];
  if (why !== undefined) return { outcome: "failed", why };
  if (cell.succeeded.split(" ").includes(abbreviation)) return { outcome: "succeeded", why: "" };
  const unsupported = cell.unsupported.split(" ").includes(abbreviation);
  return { outcome: unsupported ? "unsupported" : null, why: "" };
}

/** Takes over what was run and leaves the rest; a failure that is known keeps its words. */
export function withResults(
  expected: Expected,
  results: Results,
  order: readonly Case[],
): Expected {
  const { suite, cells } = results.quicd;
  const merged = structuredClone(expected);
  for (const cell of cells) {
    merged[suite] ??= {};
    merged[suite][cell.server] ??= {};
    const known = merged[suite][cell.server]?.[cell.client];
    const cases = order.filter((one) => one.suite === suite).map((one) => one.abbreviation);
    merged[suite][cell.server]![cell.client] = mergeCell(known, cell, cases);
  }
  return sorted(merged);
}

function mergeCell(
  known: ExpectedCell | undefined,
  cell: Cell,
  order: readonly string[],
): ExpectedCell {
  const merged = { succeeded: [] as string[], unsupported: [] as string[] };
  const failed: Record<string, string> = {};
  const varies = known?.varies ?? {};
  for (const abbreviation of order) {
    if (varies[abbreviation] !== undefined) continue;
    const before = outcomeIn(known, abbreviation);
    const run = cell.cases.find((one) => one.abbreviation === abbreviation);
    const outcome = run?.outcome ?? before.outcome;
    if (outcome === null) continue;
    if (outcome !== "failed") merged[outcome].push(abbreviation);
    else failed[abbreviation] = before.why || run?.reasons[0] || "the reason is not known";
  }
  const rates = mergeRates(known, cell);
  return {
    succeeded: merged.succeeded.join(" "),
    unsupported: merged.unsupported.join(" "),
    failed,
    ...(Object.keys(varies).length > 0 ? { varies } : {}),
    ...(Object.keys(rates).length > 0 ? { rates } : {}),
  };
}

function sorted(expected: Expected): Expected {
  const byName = <T>(record: Record<string, T>, map: (value: T) => T): Record<string, T> =>
    Object.fromEntries(
      Object.keys(record)
        .sort()
        .map((name) => [name, map(record[name]!)]),
    );
  return byName(expected, (servers) =>
    byName(servers, (clients) => byName(clients, (cell) => cell)),
  );
}

/** `bun run interop expect FILE...` */
export function takeOver(
  paths: readonly string[],
  order: readonly Case[],
  to = EXPECTED_PATH,
): void {
  const expected = paths
    .map(readResults)
    .reduce((merged, results) => withResults(merged, results, order), readExpected(to));
  writeFileSync(to, `${JSON.stringify(expected, null, 2)}\n`);
}

/** @throws {UserError} when it is no file of results */
export function readResults(path: string): Results {
  const remedy =
    "name the result.json of a run: bun run interop expect build/interop/.../result.json";
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UserError(`${path}: ${why}\n  ${remedy}`, 2);
  }
  const isResults = typeof value === "object" && value !== null && "quicd" in value;
  if (!isResults) throw new UserError(`${path} has no counts by quicd's runner\n  ${remedy}`, 2);
  return value as Results;
}
