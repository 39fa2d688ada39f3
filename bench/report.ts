/** What every bench prints around its figures, and the JSON beside it. */

import type { ArmSummary } from "./arm_table.ts";
import { describeMachine, type Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import type { RowSummary } from "./table.ts";

/** Of a bench with two rivals, of one with several arms, or a bench's own. */
export type Summary = RowSummary | ArmSummary | Record<string, unknown>;

export interface BenchReport {
  bench: string;
  question: string;
  /** What was done, in one line. */
  method: string;
  command: string;
  machine: Machine;
  /** False: see `complaints`. */
  valid: boolean;
  complaints: string[];
  /** Wrong or missing answers of all runs. */
  errors: number;
  summary: readonly Summary[];
  /** Raw figures, in the order in which they were taken. */
  rounds: unknown[];
}

export interface Bench {
  question: string;
  run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome>;
}

export interface Outcome {
  method: string;
  /** Printed as it is. */
  text: string;
  complaints: string[];
  errors: number;
  summary: readonly Summary[];
  rounds: unknown[];
}

export function reportOf(name: string, bench: Bench, outcome: Outcome): BenchReport {
  const { method, complaints, errors, summary, rounds } = outcome;
  return {
    bench: name,
    question: bench.question,
    method,
    command: ["bun", "bench/bench.ts", ...process.argv.slice(2)].join(" "),
    machine: describeMachine(),
    valid: complaints.length === 0 && errors === 0,
    complaints,
    errors,
    summary,
    rounds,
  };
}

export function printReport(report: BenchReport, text: string): void {
  const { cpu, cpus, kernel, bun } = report.machine;
  console.log(`${report.bench}: ${report.question}`);
  console.log(`  machine  ${cpu}, ${cpus} CPUs, Linux ${kernel}, Bun ${bun}`);
  console.log(`  command  ${report.command}`);
  console.log(`  method   ${report.method}\n`);
  console.log(text);
  const errors = report.errors === 0 ? "0" : `${report.errors}: the bench FAILED`;
  console.log(`\n  errors   ${errors}`);
  if (report.complaints.length > 0) {
    console.log(`  INVALID  too noisy a machine: ${report.complaints.join(", ")}`);
  }
  console.log("");
}
