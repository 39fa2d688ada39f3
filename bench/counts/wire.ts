/** Runs bench/counts/wire.c, and traces its system calls: what the kernel saw. */
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Counts, type Figures, perUnit } from "./figures.ts";

export const BACKENDS = ["syscalls", "io_uring"] as const;
type Backend = (typeof BACKENDS)[number];

interface Printed {
  operation: string;
  unit: string;
  units: number;
  client: Record<string, number>;
  server: Record<string, number>;
  /** By thread ID. */
  threads: Record<string, string>;
}

const PROGRAM = "build/lib/counts/wire";
/** What depends on timing comes out above what the code asks for: of several runs the least. */
const RUNS = 4;
/** Tracing slows each call down: only where one operation waits for the one before it. */
const TRACED = new Set(["request", "datagram echo"]);
const MARK = "getppid(";

async function run(root: string, argv: string[]): Promise<Printed> {
  const child = Bun.spawn(argv, { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${errors || text}`);
  return JSON.parse(text) as Printed;
}

/** Why system calls can't be traced here; null when they can. */
export function tracingRefused(): string | null {
  if (Bun.which("strace") === null) return "strace is missing: ./setup";
  const probe = Bun.spawnSync(["strace", "-f", "-o", "/dev/null", "true"]);
  return probe.exitCode === 0 ? null : `strace may not trace: ${probe.stderr.toString().trim()}`;
}

/** Why a backend can't be had here; null when it can. */
export function backendRefused(root: string, backend: Backend): string | null {
  const probe = Bun.spawnSync([PROGRAM, backend, "request"], { cwd: root });
  return probe.exitCode === 0 ? null : probe.stderr.toString().trim();
}

/**
 * System calls by thread and name, between the two marks. A line of strace's: `TID name(...) = R`;
 * a call that another thread's line interrupts has a second one, `TID <... name resumed>`.
 */
export function callsBetweenMarks(trace: string): Map<string, Map<string, number>> {
  const calls = new Map<string, Map<string, number>>();
  let marks = 0;
  for (const line of trace.split("\n")) {
    const [, thread, name] = /^(\d+) +([a-z_0-9]+)\(/.exec(line) ?? [];
    if (thread === undefined || name === undefined) continue;
    if (line.includes(MARK)) marks++;
    else if (marks === 1) {
      const ofThread = calls.get(thread) ?? new Map<string, number>();
      calls.set(thread, ofThread.set(name, (ofThread.get(name) ?? 0) + 1));
    }
  }
  if (marks !== 2) throw new Error(`a trace with ${marks} marks, not 2`);
  return calls;
}

async function trace(root: string, backend: Backend, operation: string): Promise<Figures> {
  const file = join(tmpdir(), `quicd-counts-${process.pid}-${backend}`);
  const argv = ["strace", "-f", "-q", "-s", "0", "-o", file, PROGRAM, backend, operation];
  try {
    const printed = await run(root, argv);
    const { threads, units } = printed;
    const figures: Figures = {};
    for (const [thread, names] of callsBetweenMarks(readFileSync(file, "latin1"))) {
      const who = threads[thread] ?? "another thread";
      const all = [...names.values()].reduce((sum, count) => sum + count, 0);
      figures[`${who} system calls`] = perUnit(all, units);
      for (const [name, count] of names) figures[`${who} ${name}`] = perUnit(count, units);
      const own = /^(client|server) worker$/.exec(who)?.[1] as "client" | "server" | undefined;
      if (own === undefined) continue;
      // Its counters have all of them but the doorbells, which the bell's owner counts.
      const counted = printed[own]["system calls"]! + printed[own].doorbells!;
      figures[`${who} uncounted calls`] = perUnit(Math.max(0, all - counted), units);
    }
    return figures;
  } finally {
    rmSync(file, { force: true });
  }
}

async function once(root: string, backend: Backend, operation: string): Promise<Counts[string]> {
  const printed = await run(root, [PROGRAM, backend, operation]);
  const { unit, units } = printed;
  const figures: Figures = {};
  for (const side of ["server", "client"] as const) {
    for (const [name, total] of Object.entries(printed[side])) {
      figures[`${side} ${name}`] = perUnit(total, units);
    }
  }
  return { unit, figures };
}

function keepLeast(figures: Figures, others: Figures): void {
  for (const [name, value] of Object.entries(others)) {
    figures[name] = Math.min(figures[name] ?? value, value);
  }
}

/** All operations on a backend, or one. */
export async function countOnWire(
  root: string,
  backend: Backend,
  only: string | null = null,
): Promise<Counts> {
  const list = Bun.spawnSync([PROGRAM, "--list"], { cwd: root }).stdout.toString();
  const operations = list
    .trim()
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "")
    .filter((operation) => only === null || operation === only);
  const traces = tracingRefused() === null;
  const found: Counts = {};
  for (const operation of operations) {
    for (let i = 0; i < RUNS; i++) {
      const { unit, figures } = await once(root, backend, operation);
      found[operation] ??= { unit, figures: {} };
      keepLeast(found[operation].figures, figures);
      if (traces && TRACED.has(operation)) {
        keepLeast(found[operation].figures, await trace(root, backend, operation));
      }
    }
  }
  return found;
}
