/**
 * What it costs to bring datagrams to the worker that owns their connection. One binary, one
 * handler, the same connections and bytes; addresses do not change, and source ports are chosen so
 * that every arm has half of its connections on each worker.
 *
 *   A1  ebpf      the program brings each train to its owner
 *   A2  forward   no program: the kernel's hash, which is the owner while addresses stay
 *   A3  wrong     the program brings each train to the other worker, which forwards it
 *   A4  single    worker 0 receives everything and forwards half
 *   A5  random    the program throws dice
 *   A6  1 worker  nothing to route
 *
 * Hypotheses, written down before the first run:
 *
 *   H0  A1 costs between 0 and 12 % more CPU than A2, server and client together: the program runs
 *       once for each train, and where addresses stay there is nothing to gain.
 *   H1  A3, A4 and A5 cost more CPU than A1: a copy, and often a wake-up, for each datagram that is
 *       forwarded.
 *   H2  is about addresses that change: see rebinding.ts.
 *
 * A6 has no hypothesis: it shows whether a second worker is of use with the client on the machine.
 * On loopback the program runs in the sender's context: the client pays for it, hence the sums.
 */

import type { ArmPlan } from "../arm.ts";
import {
  type ArmOutcome,
  legendOf,
  methodOf,
  rawRounds,
  roundsOf,
  runArms,
  summaryOf,
  tablesOf,
} from "../arm_bench.ts";
import { megabytes, REQUESTS, totalCpu } from "../arm_figures.ts";
import { type ArmRounds, armRatio, ratioText } from "../arm_table.ts";
import type { Estimate } from "../compare.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { complaintsOf } from "../round.ts";

const ROUNDS = 10;
const SECONDS = 1;
const BODY_BYTES = 1 << 20;

function arm(name: string, routing: string, text: string, workers = 2): ArmPlan {
  const flags = ["--routing", routing];
  return { name, text, file: "quicd_experiment.ts", processes: 1, workers, flags };
}

const PLANS: readonly ArmPlan[] = [
  arm("ebpf", "ebpf", "A1: 2 workers, eBPF routing"),
  arm("forward", "forward", "A2: 2 workers, the kernel's hash"),
  arm("wrong", "wrong", "A3: always to the other worker, forwarded"),
  arm("single", "single", "A4: everything to worker 0, half of it forwarded"),
  arm("random", "random", "A5: to any worker, half of it forwarded"),
  arm("1 worker", "forward", "A6", 1),
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
  {
    ...{ label: "1 MiB uploads, 2 streams each", unit: megabytes("up", BODY_BYTES) },
    load: { mode: "upload", streams: 2, bytes: BODY_BYTES },
  },
] as const;

/** `most`: the ratio up to which it is as expected. */
interface Hypothesis {
  name: string;
  arm: string;
  to: string;
  most: number;
}

const HYPOTHESES: readonly Hypothesis[] = [
  { name: "H0", arm: "ebpf", to: "forward", most: 1.12 },
  { name: "H1", arm: "wrong", to: "ebpf", most: Infinity },
  { name: "H1", arm: "single", to: "ebpf", most: Infinity },
  { name: "H1", arm: "random", to: "ebpf", most: Infinity },
];

/** What the interval says, whatever was hoped for. */
function verdict({ low, high }: Estimate, most: number): string {
  if (high < 1) return "costs less: against the hypothesis";
  if (low > most) return `costs more than ${(100 * (most - 1)).toFixed(0)} %: against it`;
  if (low > 1) return "costs more, as expected";
  return most === Infinity
    ? "no difference shown: not confirmed"
    : "no difference shown: allows it";
}

interface Tested extends Hypothesis {
  part: string;
  ratio: Estimate;
  verdict: string;
}

function test({ parts }: ArmOutcome): Tested[] {
  return HYPOTHESES.flatMap((hypothesis) =>
    parts.map(({ label, arms, workload }) => {
      const named = (name: string): ArmRounds => arms.find((found) => found.name === name)!;
      const figure = totalCpu(workload.unit);
      const ratio = armRatio(figure, named(hypothesis.arm), named(hypothesis.to));
      const words = verdict(ratio, hypothesis.most);
      return { ...hypothesis, part: label, ratio, verdict: words };
    }),
  );
}

function hypothesesText(tested: readonly Tested[]): string {
  const lines = tested.map(({ name, arm, to, part, ratio, verdict }) => {
    const place = part.split(",")[0] ?? part;
    const head = `  ${name} ${arm.padEnd(7)}to ${to.padEnd(9)}${place.padEnd(22)}`;
    return `${head}${ratioText(ratio)}  ${verdict}`;
  });
  return ["  hypotheses, by CPU of server and client   [90 % interval]", ...lines].join("\n");
}

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  const outcome = await runArms(
    { label: "routing", plans: PLANS, workloads: WORKLOADS, rounds: ROUNDS, seconds: SECONDS },
    options,
    progress,
  );
  // Without the program there is nothing to compare.
  if (outcome.missing.length > 0) throw new Error(outcome.missing[0]);
  const rounds = roundsOf(outcome);
  const tested = test(outcome);
  return {
    method: methodOf(outcome),
    text: [legendOf(outcome, PLANS), ...tablesOf(outcome), hypothesesText(tested)].join("\n\n"),
    complaints: complaintsOf(rounds),
    errors: rounds.reduce((sum, round) => sum + round.load.errors, 0),
    summary: [...summaryOf(outcome), ...tested.map((each) => ({ ...each }))],
    rounds: rawRounds(outcome),
  };
}

export const routing: Bench = {
  question: "what does it cost to bring datagrams to their worker, by each way there is?",
  run,
};
