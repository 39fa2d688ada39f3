/** Runs bench/counts/memory.c, in callgrind where it is installed. */
import { mkdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { inclusiveCosts, totalCost } from "./callgrind.ts";
import { type Counts, type Figures, perUnit } from "./figures.ts";

interface Printed {
  operation: string;
  unit: string;
  units: number;
  client: Record<string, number>;
  server: Record<string, number>;
}

/** What app threads of both sides call natively (native/quicd.h). */
const RINGS = new Set([
  ...["quicd_events_peek", "quicd_events_release", "quicd_park", "quicd_kick"],
  ...["quicd_commands_reserve", "quicd_commands_commit"],
  ...["quicd_buffer_take", "quicd_buffer_retain", "quicd_buffer_release"],
  ...["quicd_stream_credit", "quicd_stream_want"],
]);
const CALLGRIND = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no"];

export const PROGRAM = "build/lib/counts/memory";

export function hasCallgrind(): boolean {
  return Bun.which("valgrind") !== null;
}

async function run(argv: string[], root: string): Promise<string> {
  // No environment: it lies on the stack, and where the stack begins decides some alignments.
  const child = Bun.spawn(argv, {
    ...{ cwd: root, env: {}, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  });
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")}: ${errors || text}`);
  return text;
}

function instructionFigures(report: string, units: number): Figures {
  const costs = inclusiveCosts(report);
  const of = (name: string) => {
    const cost = costs.get(name);
    if (cost === undefined) throw new Error(`callgrind saw no call of ${name}`);
    return perUnit(cost, units);
  };
  const rings = [...costs].filter(([name]) => RINGS.has(name));
  return {
    "server instructions": of("ledger_server_turn"),
    "client instructions": of("ledger_client_turn"),
    "ring instructions": perUnit(
      rings.reduce((sum, [, cost]) => sum + cost, 0),
      units,
    ),
    "all instructions": perUnit(totalCost(report), units),
  };
}

/** Where the report of an operation lies after a run: for callgrind_annotate. */
export function reportPath(operation: string): string {
  return `build/counts/${operation.replaceAll(" ", "_")}.callgrind`;
}

async function countOperation(root: string, operation: string): Promise<[string, Counts[string]]> {
  const program = join(root, PROGRAM);
  const report = join(root, reportPath(operation));
  const callgrind = hasCallgrind() ? [...CALLGRIND, `--callgrind-out-file=${report}`] : [];
  // By its relative name, see run().
  const text = await run([...callgrind, PROGRAM, operation], root);
  let printed: Printed;
  try {
    printed = JSON.parse(text) as Printed;
  } catch {
    throw new Error(`${program} ${operation} printed no JSON: ${text}`);
  }
  const { unit, units } = printed;
  const figures: Figures = hasCallgrind()
    ? instructionFigures(readFileSync(report, "utf8"), units)
    : {};
  for (const side of ["server", "client"] as const) {
    for (const [name, total] of Object.entries(printed[side])) {
      figures[`${side} ${name}`] = perUnit(total, units);
    }
  }
  return [operation, { unit, figures }];
}

/** All operations of a tree whose program is built; as many at once as there are CPUs. */
export async function countInMemory(root: string, only: string | null = null): Promise<Counts> {
  mkdirSync(join(root, "build/counts"), { recursive: true });
  const list = await run([PROGRAM, "--list"], root);
  const operations = list
    .trim()
    .split("\n")
    .map((line) => line.split("\t")[0] ?? "");
  const found = new Map<string, Counts[string]>();
  const waiting = operations.filter((operation) => only === null || operation === only);
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      found.set(...(await countOperation(root, next)));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, lane));
  const ordered = operations.flatMap((operation) => {
    const figures = found.get(operation);
    return figures ? [[operation, figures] as const] : [];
  });
  return Object.fromEntries(ordered);
}
