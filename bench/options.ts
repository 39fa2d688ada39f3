/** The command line of the benches. */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import type { LayoutName } from "./layout.ts";

export const HELP = `bun run bench [name ...] [options]

  names            request (default), bulk, stall; scaling, routing, steering, rebinding;
                   load-check (QUICD_BENCH_H3LOAD names another client)
  counts           the deterministic tier of regression tracking, see counts --help
  trend            what counts wrote, for those who keep it, see trend --help

  --quick          3 short rounds: shows that everything works, says nothing about speed
  --json FILE      the raw rounds too
  --rounds N       instead of the bench's own number
  --seconds S      counted seconds of a run
  --workers N      native workers of ours in request, bulk and stall (default: 1)
  --layout L       of scaling and routing: L1, L2 (default: both)
  --backend B      auto, io_uring or syscalls
  --server-cpus L  runs the servers on these CPUs only, as taskset takes them (default: all)
  --client-cpu N   runs the load client on this CPU only; -1: on all (default: the last)`;

export interface BenchOptions {
  names: string[];
  quick: boolean;
  json: string | null;
  rounds: number | null;
  seconds: number | null;
  workers: number;
  layout: LayoutName | null;
  backend: string;
  serverCpus: string | null;
  clientCpu: number | null;
}

function layoutOf(name: string | undefined): LayoutName | null {
  if (name === undefined || name === "L1" || name === "L2") return name ?? null;
  throw new TypeError(`--layout ${name}: L1 or L2`);
}

/** @throws TypeError for an unknown flag */
export function parseOptions(words: string[]): BenchOptions | "help" {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h", default: false },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      workers: { type: "string", default: "1" },
      layout: { type: "string" },
      backend: { type: "string", default: "auto" },
      "server-cpus": { type: "string" },
      "client-cpu": { type: "string" },
    },
  });
  if (values.help) return "help";
  const cpus = availableParallelism();
  const clientCpu = Number(values["client-cpu"] ?? (cpus > 1 ? cpus - 1 : -1));
  return {
    names: positionals.length === 0 ? ["request"] : positionals,
    quick: values.quick,
    json: values.json ?? null,
    rounds: values.rounds === undefined ? null : Number(values.rounds),
    seconds: values.seconds === undefined ? null : Number(values.seconds),
    workers: Number(values.workers),
    layout: layoutOf(values.layout),
    backend: values.backend,
    serverCpus: values["server-cpus"] ?? null,
    clientCpu: clientCpu < 0 ? null : clientCpu,
  };
}
