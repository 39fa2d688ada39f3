/**
 * What is left of a download when JavaScript is busy: the body is made in JavaScript, 64 KiB at a
 * time, while every turn of the event loop takes 5 ms.
 */
import { median, turningOrder } from "../compare.ts";
import { interleave } from "../interleave.ts";
import { type LoadOptions, loadClient } from "../load.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { Rivals } from "../rivals.ts";
import { complaintsOf, measure, type Round } from "../round.ts";
import type { Subject } from "../subject.ts";
import { type Row, summarize, table } from "../table.ts";

const PAIRS = 7;
const SECONDS = 1.5;
const WARM_UP_SECONDS = 0.5;
const QUICK = { rounds: 3, seconds: 0.5, warmUpSeconds: 0.2 };
const STALL_MS = 5;
const MEGA = 1e6;

interface Pair {
  free: Round;
  stalled: Round;
}

const speed = ({ load }: Round): number => load.body_bytes / load.seconds / MEGA;

async function measurePair(subject: Subject, load: LoadOptions, index: number): Promise<Pair> {
  const found = new Map<number, Round>();
  for (const ms of turningOrder([0, STALL_MS], index)) {
    await subject.stall(ms);
    found.set(ms, await measure(subject, load));
    await subject.stall(0);
  }
  return { free: found.get(0)!, stalled: found.get(STALL_MS)! };
}

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  await loadClient();
  await using rivals = await Rivals.start(options);
  const count = options.rounds ?? (options.quick ? QUICK.rounds : PAIRS);
  const load: LoadOptions = {
    ...{ mode: "stream", verify: true, connections: 1, streams: 1 },
    seconds: options.seconds ?? (options.quick ? QUICK.seconds : SECONDS),
    warmUpSeconds: options.quick ? QUICK.warmUpSeconds : WARM_UP_SECONDS,
    cpu: options.clientCpu,
  };
  const schedule = {
    ...{ label: "stall", rounds: count, progress },
    retakes: options.quick ? 0 : count,
  };
  const taken = await interleave(
    rivals.both,
    schedule,
    (subject, index) => measurePair(subject, load, index),
    ({ free, stalled }) => [free, stalled],
  );
  const ours = taken.of(rivals.ours);
  const peer = taken.of(rivals.peer);
  const row = (label: string, digits: number, of: (pair: Pair) => number): Row => ({
    ...{ label, digits },
    ours: ours.map(of),
    peer: peer.map(of),
  });
  const kept = (pair: Pair) => speed(pair.stalled) / speed(pair.free);
  const rows = [
    row("MB/s, JavaScript free", 1, ({ free }) => speed(free)),
    row(`MB/s, ${STALL_MS} ms per turn`, 1, ({ stalled }) => speed(stalled)),
    row("kept share", 3, kept),
  ];
  const share = (pairs: Pair[]) => `${(median(pairs.map(kept)) * 100).toFixed(1)} %`;
  const all = [...ours, ...peer].flatMap(({ free, stalled }) => [free, stalled]);
  return {
    method:
      `${count} interleaved pairs of ${load.seconds} s, one download, every byte compared; ` +
      `${taken.thrownAway} noisy pairs taken again`,
    text:
      `${table([rivals.ours.name, rivals.peer.name], rows)}\n\n` +
      `  kept: ${share(ours)} by QuicD, ${share(peer)} by Bun.serve`,
    complaints: complaintsOf(all),
    errors: all.reduce((sum, round) => sum + round.load.errors, 0),
    summary: rows.map(summarize),
    rounds: ours.map((pair, index) => ({ ours: pair, peer: peer[index] })),
  };
}

export const stall: Bench = {
  question: "how much of its speed does a download keep while JavaScript is busy?",
  run,
};
