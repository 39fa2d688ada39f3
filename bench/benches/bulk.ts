/** Bodies of 1 MiB and 64 MiB that the handler has in memory: CPU per gigabyte, and speed. */
import { interleave } from "../interleave.ts";
import { type LoadOptions, loadClient } from "../load.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { Rivals } from "../rivals.ts";
import { complaintsOf, measure, type Round, warmUp } from "../round.ts";
import { type Row, summarize, table } from "../table.ts";

const ROUNDS = 7;
const SECONDS = 2;
const WARM_UP_SECONDS = 0.5;
const QUICK = { rounds: 3, seconds: 0.5, warmUpSeconds: 0.2 };
const GIGA = 1e9;
const MEGA = 1e6;

const SIZES = [
  { label: "1 MiB, 4 connections x 4 streams", bytes: 1 << 20, connections: 4, streams: 4 },
  { label: "64 MiB, 1 connection x 1 stream", bytes: 64 << 20, connections: 1, streams: 1 },
];

const FIGURES: { label: string; digits?: number; of: (round: Round) => number }[] = [
  { label: "CPU, s/GB", of: ({ cpuSeconds, load }) => (cpuSeconds / load.body_bytes) * GIGA },
  {
    label: "  of it in the kernel",
    of: ({ systemSeconds, load }) => (systemSeconds / load.body_bytes) * GIGA,
  },
  { label: "MB/s", digits: 0, of: ({ load }) => load.body_bytes / load.seconds / MEGA },
  {
    label: "datagrams from the server / MB",
    digits: 0,
    of: ({ load }) => (load.datagrams_received / load.body_bytes) * MEGA,
  },
  {
    label: "datagrams to it / MB",
    digits: 0,
    of: ({ load }) => (load.datagrams_sent / load.body_bytes) * MEGA,
  },
  { label: "dropped at its socket / run", digits: 0, of: ({ dropped }) => dropped },
  {
    label: "context switches / MB",
    digits: 1,
    of: ({ voluntarySwitches, involuntarySwitches, load }) =>
      ((voluntarySwitches + involuntarySwitches) / load.body_bytes) * MEGA,
  },
  {
    label: "CPU of the client, s/GB",
    of: ({ load }) => (load.cpu_seconds / load.body_bytes) * GIGA,
  },
];

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  await loadClient();
  await using rivals = await Rivals.start(options);
  const count = options.rounds ?? (options.quick ? QUICK.rounds : ROUNDS);
  const seconds = options.seconds ?? (options.quick ? QUICK.seconds : SECONDS);
  const names = [rivals.ours.name, rivals.peer.name] as const;
  const all: Round[] = [];
  const rounds: unknown[] = [];
  const tables: string[] = [];
  const rows: Row[] = [];
  let retaken = 0;
  for (const { label, bytes, connections, streams } of SIZES) {
    const load: LoadOptions = {
      ...{ mode: "bulk", verify: true, bytes, connections, streams, seconds },
      warmUpSeconds: options.quick ? QUICK.warmUpSeconds : WARM_UP_SECONDS,
      cpu: options.clientCpu,
    };
    for (const subject of rivals.both) await warmUp(subject, load);
    const schedule = {
      ...{ label: `bulk: ${label}`, rounds: count, progress },
      retakes: options.quick ? 0 : count,
    };
    const taken = await interleave(
      rivals.both,
      schedule,
      (subject) => measure(subject, load),
      (round) => [round],
    );
    const ours = taken.of(rivals.ours);
    const peer = taken.of(rivals.peer);
    retaken += taken.thrownAway;
    const own = FIGURES.map(({ of, ...rest }) => ({
      ...rest,
      ours: ours.map(of),
      peer: peer.map(of),
    }));
    tables.push(`  ${label}\n${table(names, own)}`);
    rows.push(...own.map((row) => ({ ...row, label: `${label}: ${row.label.trim()}` })));
    rounds.push(...ours.map((round, index) => ({ label, ours: round, peer: peer[index] })));
    all.push(...ours, ...peer);
  }
  return {
    method:
      `${count} interleaved rounds of ${seconds} s and more, every byte compared; ` +
      `${retaken} noisy rounds taken again`,
    text: tables.join("\n\n"),
    complaints: complaintsOf(all),
    errors: all.reduce((sum, round) => sum + round.load.errors, 0),
    summary: rows.map(summarize),
    rounds,
  };
}

export const bulk: Bench = {
  question: "what do large bodies cost the server, and how fast do they come?",
  run,
};
