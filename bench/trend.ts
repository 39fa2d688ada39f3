/**
 * `bun run bench trend`: what `bench counts --json` wrote, as a line of a file that is only ever
 * added to, and in the forms that two trackers read.
 */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Counted, Counts } from "./counts/figures.ts";
import { describeMachine, type Machine } from "./machine.ts";

export const TREND_HELP = `bun run bench trend COUNTED.json [options]

COUNTED.json is what 'bun run bench counts --json' wrote.

  --append FILE    adds one JSON line: time, commit, machine, toolchain, all figures
  --action FILE    writes what github-action-benchmark reads as customSmallerIsBetter
  --bencher FILE   writes Bencher Metric Format`;

export interface TrendLine {
  /** RFC 3339. */
  time: string;
  commit: string;
  machine: Machine;
  toolchain: string[];
  /** By "tier / operation / figure", for one unit of the operation. */
  figures: Record<string, number>;
}

function tiersOf(counted: Counted): [tier: string, counts: Counts][] {
  return [["memory", counted.memory], ...Object.entries(counted.wire)];
}

interface Named {
  tier: string;
  operation: string;
  unit: string;
  figure: string;
  value: number;
}

function everyFigure(counted: Counted): Named[] {
  return tiersOf(counted).flatMap(([tier, counts]) =>
    Object.entries(counts).flatMap(([operation, { unit, figures }]) =>
      Object.entries(figures).map(([figure, value]) => ({ tier, operation, unit, figure, value })),
    ),
  );
}

export function trendLine(
  counted: Counted,
  { time, commit, machine }: Pick<TrendLine, "time" | "commit" | "machine">,
): TrendLine {
  const figures = everyFigure(counted).map(({ tier, operation, figure, value }) => {
    return [`${tier} / ${operation} / ${figure}`, value] as const;
  });
  const { toolchain } = counted;
  return { time, commit, machine, toolchain, figures: Object.fromEntries(figures) };
}

export interface ActionEntry {
  name: string;
  unit: string;
  value: number;
}

/** customSmallerIsBetter: an array of name, unit, value; smaller is better for all figures. */
export function actionEntries(counted: Counted): ActionEntry[] {
  return everyFigure(counted).map(({ tier, operation, unit, figure, value }) => ({
    name: `${tier}: ${operation}: ${figure}`,
    unit: `per ${unit}`,
    value,
  }));
}

/** Bencher Metric Format: by benchmark, by measure, `{ value }`. Measures are slugs. */
export type BencherReport = Record<string, Record<string, { value: number }>>;

export function bencherReport(counted: Counted): BencherReport {
  const report: BencherReport = {};
  for (const { tier, operation, figure, value } of everyFigure(counted)) {
    const benchmark = `${tier}: ${operation}`;
    report[benchmark] ??= {};
    report[benchmark][figure.replaceAll(/[^a-z0-9]+/g, "-")] = { value };
  }
  return report;
}

function commitHere(): string {
  const child = Bun.spawnSync(["git", "rev-parse", "HEAD"], { cwd: import.meta.dir });
  return child.exitCode === 0 ? child.stdout.toString().trim() : "unknown";
}

/** @returns the exit code */
export async function trendCommand(words: string[]): Promise<number> {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h", default: false },
      ...{ append: text, action: text, bencher: text },
    },
  });
  const [file] = positionals;
  if (values.help || file === undefined) {
    console.log(TREND_HELP);
    return values.help ? 0 : 2;
  }
  const counted = JSON.parse(readFileSync(file, "utf8")) as Counted;
  const write = (path: string, value: unknown) =>
    writeFileSync(path, `${JSON.stringify(value, null, 1)}\n`);
  if (values.append !== undefined) {
    const about = {
      time: new Date().toISOString(),
      commit: commitHere(),
      machine: describeMachine(),
    };
    appendFileSync(values.append, `${JSON.stringify(trendLine(counted, about))}\n`);
  }
  if (values.action !== undefined) write(values.action, actionEntries(counted));
  if (values.bencher !== undefined) write(values.bencher, bencherReport(counted));
  return 0;
}
