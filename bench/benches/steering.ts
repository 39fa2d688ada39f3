/**
 * The eBPF program's own time, by the kernel's statistics, on a server with two workers. In runs of
 * their own, as the statistics cost: each run reads the clock twice, and the time of one reading is
 * in the figures, which are therefore upper bounds.
 *
 * The program runs once for what reaches the socket in one piece: a datagram, or a train that the
 * sender's GSO or the receiver's GRO has made. "Forged" trains have the connection ID of a live
 * connection and cannot be decrypted: the program cannot tell, and their length is exact.
 */
import { Arm, type ArmPlan } from "../arm.ts";
import { BenchCertificate } from "../certificate.ts";
import { type Estimate, estimate } from "../compare.ts";
import { KernelStatistics } from "../kernel_statistics.ts";
import { layouts } from "../layout.ts";
import { type LoadOptions, loadClient } from "../load.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { complaintsOf, measure, type Round } from "../round.ts";

const ROUNDS = 10;
const QUICK_ROUNDS = 2;
const SECONDS = 0.5;
const QUICK_SECONDS = 0.2;

const PLAN: ArmPlan = {
  ...{ name: "ebpf", text: "", file: "quicd_experiment.ts", processes: 1, workers: 2 },
  flags: ["--routing", "ebpf"],
};

interface Case {
  label: string;
  load: Pick<LoadOptions, "mode" | "connections" | "streams" | "bytes" | "requests" | "train">;
  /** Every train is as long as this. */
  exact?: number;
}

const forged = (train: number, trains: number): Case => ({
  label: train === 1 ? "forged, single datagrams" : `forged, trains of ${train}`,
  load: { mode: "forged", connections: 1, streams: 1, train, requests: trains },
  exact: train,
});

const CASES: readonly Case[] = [
  forged(1, 20_000),
  forged(10, 10_000),
  forged(46, 4000),
  {
    label: "small requests, as they come",
    load: { mode: "requests", connections: 8, streams: 10 },
  },
  {
    label: "1 MiB uploads, single datagrams",
    load: { mode: "upload", connections: 8, streams: 2, bytes: 1 << 20, train: 1 },
  },
  {
    label: "1 MiB uploads, as they come",
    load: { mode: "upload", connections: 8, streams: 2, bytes: 1 << 20 },
  },
];

interface Cost {
  label: string;
  runs: number;
  datagrams: number;
  datagramsPerRun: Estimate;
  nsPerRun: Estimate;
  nsPerDatagram: Estimate;
  /** Of all runs, those that went by the connection ID. */
  decodedShare: number;
}

const CLASSES = ["decoded", "hashed", "foreign", "short", "miss"] as const;

const counted = (round: Round, name: string): number =>
  round.counters[`steering_${name}`] ?? Number.NaN;

/** What must hold, or the figures are of something else; each that does not is an error. */
function contradictions({ exact, load }: Case, round: Round): string[] {
  const runs = counted(round, "runs");
  const classed = CLASSES.reduce((sum, name) => sum + counted(round, name), 0);
  const trains = exact === undefined ? null : round.load.datagrams_sent / exact;
  return [
    ...(runs > 0 && classed === runs ? [] : [`${runs} runs, ${classed} of them counted`]),
    // The connection has to say something of its own now and then.
    ...(trains === null || (runs >= (load.requests ?? 0) && Math.abs(runs - trains) <= 0.01 * runs)
      ? []
      : [`${runs} runs for ${trains} trains`]),
  ];
}

function costOf({ label }: Case, rounds: readonly Round[]): Cost {
  const sum = (of: (round: Round) => number) => rounds.reduce((all, round) => all + of(round), 0);
  const runs = (round: Round) => counted(round, "runs");
  const ns = (round: Round) => counted(round, "runNs");
  const datagrams = ({ load }: Round) => load.datagrams_sent;
  return {
    ...{ label, runs: sum(runs), datagrams: sum(datagrams) },
    datagramsPerRun: estimate(rounds.map((round) => datagrams(round) / runs(round))),
    nsPerRun: estimate(rounds.map((round) => ns(round) / runs(round))),
    nsPerDatagram: estimate(rounds.map((round) => ns(round) / datagrams(round))),
    decodedShare: sum((round) => counted(round, "decoded")) / sum(runs),
  };
}

function table(costs: readonly Cost[]): string {
  const text = ({ median, low, high }: Estimate, digits: number) =>
    `${median.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
  const head = ["ns/run [90 %]", "ns/datagram [90 %]", "datagrams/run", "by ID"];
  const widths = [22, 22, 16, 8];
  const row = (label: string, cells: readonly string[]) =>
    `  ${label}`.padEnd(32) + cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("");
  const lines = costs.map((cost) =>
    row(cost.label, [
      text(cost.nsPerRun, 0),
      text(cost.nsPerDatagram, 1),
      cost.datagramsPerRun.median.toFixed(2),
      `${(100 * cost.decodedShare).toFixed(1)} %`,
    ]),
  );
  return [row("", head), ...lines].join("\n");
}

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  await loadClient();
  const count = options.rounds ?? (options.quick ? QUICK_ROUNDS : ROUNDS);
  const seconds = options.seconds ?? (options.quick ? QUICK_SECONDS : SECONDS);
  const layout = layouts("L1")[0]!;
  using certificate = new BenchCertificate();
  await using arm = await Arm.start(PLAN, { certificate, backend: options.backend, layout });
  using _ = new KernelStatistics();
  const rounds = new Map<Case, Round[]>(CASES.map((each) => [each, []]));
  // The first round warms up.
  for (let i = 0; i <= count; i++) {
    for (const each of CASES) {
      progress(`steering: round ${i} of ${count}, ${each.label}`);
      const warmUp = each.exact === undefined ? 0.1 : 0;
      const cpu = layout.clientCpus[0] ?? null;
      const round = await measure(arm, { ...each.load, warmUpSeconds: warmUp, seconds, cpu });
      if (i > 0) rounds.get(each)!.push(round);
    }
  }
  const all = [...rounds.values()].flat();
  const wrong = [...rounds].flatMap(([each, own]) =>
    own.flatMap((round) => contradictions(each, round).map((text) => `${each.label}: ${text}`)),
  );
  const costs = [...rounds].map(([each, own]) => costOf(each, own));
  return {
    method:
      `${count} rounds after one that does not count; kernel.bpf_stats_enabled for their time; ` +
      `server on CPU ${layout.serverCpus(0, 1)}, client, where the program runs, on CPU ` +
      `${layout.clientCpus[0]}`,
    text: [table(costs), ...wrong.map((text) => `  WRONG    ${text}`)].join("\n"),
    complaints: complaintsOf(all),
    errors: wrong.length + all.reduce((sum, round) => sum + round.load.errors, 0),
    summary: costs.map((cost) => ({ ...cost })),
    rounds: [...rounds].map(([{ label }, own]) => ({ label, rounds: own })),
  };
}

export const steering: Bench = {
  question: "what does the eBPF program cost for each datagram and each train?",
  run,
};
