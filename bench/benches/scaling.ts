/**
 * One worker and two, and Bun.serve in one process and in two, as far as two CPUs can show it.
 *
 * The client needs a CPU too. In layout L1 it has one for itself and the server the other: two
 * workers can't be faster there, and what is seen is what the second one costs. In L2 server and
 * client share both: two workers can be faster, but each takes its time from the client and from
 * JavaScript, which has one thread unless app threads are asked for.
 */

import type { ArmPlan } from "../arm.ts";
import {
  legendOf,
  methodOf,
  rawRounds,
  roundsOf,
  runArms,
  summaryOf,
  tablesOf,
} from "../arm_bench.ts";
import { megabytes, REQUESTS } from "../arm_figures.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { complaintsOf } from "../round.ts";

const ROUNDS = 10;
const SECONDS = 1;
const BODY_BYTES = 1 << 20;

const quicd = { file: "quicd_fetch.ts", processes: 1 };
const bun = { file: "bun_fetch.ts", workers: 1, flags: [] };

const PLANS: readonly ArmPlan[] = [
  { name: "1 worker", text: "QuicD", ...quicd, workers: 1, flags: [] },
  {
    ...{ name: "2 ebpf", text: "QuicD, 2 workers, eBPF routing" },
    ...{ ...quicd, workers: 2, flags: ["--routing", "ebpf"] },
  },
  {
    ...{ name: "2 forward", text: "QuicD, 2 workers, the kernel's hash and forward rings" },
    ...{ ...quicd, workers: 2, flags: ["--routing", "forward"] },
  },
  {
    ...{ name: "2 ebpf 2js", text: "as 2 ebpf, and the handler on 2 app threads" },
    ...{ ...quicd, workers: 2, flags: ["--routing", "ebpf", "--app-threads", "2"] },
  },
  { name: "Bun x1", text: "Bun.serve({ http3: true })", ...bun, processes: 1 },
  {
    ...{ name: "Bun x2", text: "Bun.serve({ http3: true, reusePort: true }), 2 processes" },
    ...{ ...bun, processes: 2 },
  },
];

const WORKLOADS = [
  {
    ...{ label: "small requests, 10 streams each", unit: REQUESTS },
    load: { mode: "requests", streams: 10 },
  },
  {
    ...{ label: "1 MiB downloads, 2 streams each", unit: megabytes("down", BODY_BYTES) },
    load: { mode: "bulk", streams: 2, bytes: BODY_BYTES, verify: true },
  },
] as const;

/** Printed above the figures, so that nobody reads them without. */
const LIMITS = `\
  Two CPUs cannot show how a server scales: client and server share them, so requests/s says who
  left how much to whom, and nothing here is a statement about three or more. On loopback the
  kernel receives in the sender's context, so the client pays for delivering requests and the
  server for delivering answers; there is no network card, and GSO trains are never cut.`;

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  const outcome = await runArms(
    { label: "scaling", plans: PLANS, workloads: WORKLOADS, rounds: ROUNDS, seconds: SECONDS },
    options,
    progress,
  );
  const rounds = roundsOf(outcome);
  return {
    method: methodOf(outcome),
    text: [LIMITS, legendOf(outcome, PLANS), ...tablesOf(outcome)].join("\n\n"),
    complaints: complaintsOf(rounds),
    errors: rounds.reduce((sum, round) => sum + round.load.errors, 0),
    summary: summaryOf(outcome),
    rounds: rawRounds(outcome),
  };
}

export const scaling: Bench = {
  question: "what do two workers cost and bring, beside one and beside Bun.serve with reusePort?",
  run,
};
