/**
 * CPU of the server per request of a `fetch` handler that answers "sequence + query".
 *
 * Load on loopback: the kernel's receive work is done in the sender's context, so the server pays
 * for delivering its answers and the client for delivering its requests; the same for both servers.
 */
import { interleave } from "../interleave.ts";
import { Load, type LoadOptions, loadClient } from "../load.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { Rivals } from "../rivals.ts";
import { complaintsOf, measure, type Round, warmUp } from "../round.ts";
import type { Subject } from "../subject.ts";
import { canCount, countSystemCalls } from "../system_calls.ts";
import { type Row, summarize, table } from "../table.ts";

const ROUNDS = 15;
const SECONDS = 2;
const WARM_UP_SECONDS = 0.5;
const QUICK = { rounds: 3, seconds: 0.5, warmUpSeconds: 0.2 };
const CONNECTIONS = 10;
const STREAMS = 10;
const MICRO = 1e6;

type Figure = (round: Round) => number;

const perRequest =
  (figure: Figure): Figure =>
  (round) =>
    figure(round) / round.load.requests;

const counter = (name: string): Figure => perRequest((round) => round.counters[name] ?? Number.NaN);

const FIGURES: { label: string; digits?: number; of: Figure }[] = [
  { label: "CPU per request, us", of: perRequest((round) => round.cpuSeconds * MICRO) },
  { label: "  of it in the kernel", of: perRequest((round) => round.systemSeconds * MICRO) },
  { label: "requests/s", digits: 0, of: ({ load }) => load.requests / load.seconds },
  { label: "latency p50, us", digits: 0, of: ({ load }) => load.latency_us_p50 },
  { label: "latency p99, us", digits: 0, of: ({ load }) => load.latency_us_p99 },
  { label: "datagrams to the server / request", of: perRequest(({ load }) => load.datagrams_sent) },
  { label: "datagrams from it / request", of: perRequest(({ load }) => load.datagrams_received) },
  { label: "packets lost / run", digits: 0, of: ({ load }) => load.lost_packets },
  { label: "dropped at its socket / run", digits: 0, of: ({ dropped }) => dropped },
  {
    label: "context switches / request",
    digits: 3,
    of: perRequest((round) => round.voluntarySwitches + round.involuntarySwitches),
  },
  {
    label: "  of them involuntary",
    digits: 3,
    of: perRequest((round) => round.involuntarySwitches),
  },
  {
    label: "CPU of the client / request, us",
    of: perRequest(({ load }) => load.cpu_seconds * MICRO),
  },
];

/** What only ours counts. */
const OWN_FIGURES: { label: string; of: Figure }[] = [
  { label: "system calls of the workers / request", of: counter("system_calls") },
  { label: "  of them waits", of: counter("waits") },
  { label: "loop turns / request", of: counter("turns") },
  { label: "kicks of a worker / request", of: counter("kicks") },
  { label: "doorbells to JavaScript / request", of: counter("doorbells") },
  { label: "events / request", of: counter("events") },
  { label: "commands / request", of: counter("commands") },
  { label: "send calls / request", of: counter("send_calls") },
  { label: "native allocations / request", of: counter("allocations") },
];

function loadOptions(options: BenchOptions): LoadOptions {
  return {
    mode: "requests",
    connections: CONNECTIONS,
    streams: STREAMS,
    warmUpSeconds: options.quick ? QUICK.warmUpSeconds : WARM_UP_SECONDS,
    seconds: options.seconds ?? (options.quick ? QUICK.seconds : SECONDS),
    cpu: options.clientCpu,
  };
}

/** In a run of its own: counting every system call costs something. */
async function systemCallsPerRequest(subject: Subject, options: LoadOptions): Promise<number> {
  await using load = await Load.start(subject.address, options);
  const counting = await countSystemCalls(subject.pid);
  const { requests } = await load.count();
  return (await counting.stop()) / requests;
}

function shares(name: string, rounds: readonly Round[]): string {
  const requests = rounds.reduce((sum, { load }) => sum + load.requests, 0);
  const byName = new Map<string, { cpu: number; switches: number }>();
  for (const thread of rounds.flatMap(({ threads }) => threads)) {
    const sum = byName.get(thread.name) ?? { cpu: 0, switches: 0 };
    sum.cpu += thread.cpuSeconds;
    sum.switches += thread.voluntarySwitches + thread.involuntarySwitches;
    byName.set(thread.name, sum);
  }
  const lines = [...byName]
    .map(([thread, { cpu, switches }]) => ({ thread, us: (cpu / requests) * MICRO, switches }))
    .sort((a, b) => b.us - a.us)
    .filter(({ us }) => us >= 0.01)
    .map(({ thread, us, switches }) => {
      const perRequest = (switches / requests).toFixed(3);
      return `    ${thread.padEnd(20)}${us.toFixed(2).padStart(8)} us, ${perRequest} switches`;
    });
  return [`  threads of ${name}, per request`, ...lines].join("\n");
}

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  await loadClient();
  await using rivals = await Rivals.start(options);
  const load = loadOptions(options);
  const count = options.rounds ?? (options.quick ? QUICK.rounds : ROUNDS);
  for (const subject of rivals.both) await warmUp(subject, load);
  const schedule = {
    ...{ label: "request", rounds: count, progress },
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
  const rows: Row[] = FIGURES.map(({ of, ...rest }) => ({
    ...rest,
    ours: ours.map(of),
    peer: peer.map(of),
  }));
  if (canCount()) {
    progress("request: counting system calls");
    const perServer = [];
    for (const subject of rivals.both) perServer.push([await systemCallsPerRequest(subject, load)]);
    const [own = [], others = []] = perServer;
    rows.push({ label: "system calls, all threads / request", digits: 3, ours: own, peer: others });
  }
  rows.push(...OWN_FIGURES.map(({ label, of }) => ({ label, digits: 3, ours: ours.map(of) })));
  const names = [rivals.ours.name, rivals.peer.name] as const;
  return {
    method:
      `${count} interleaved rounds of ${load.seconds} s, ${CONNECTIONS} connections x ${STREAMS} ` +
      `streams, closed loop; ${taken.thrownAway} noisy rounds taken again`,
    text: [table(names, rows), shares(names[0], ours), shares(names[1], peer)].join("\n\n"),
    complaints: complaintsOf([...ours, ...peer]),
    errors: [...ours, ...peer].reduce((sum, round) => sum + round.load.errors, 0),
    summary: rows.map(summarize),
    rounds: ours.map((round, index) => ({ ours: round, peer: peer[index] })),
  };
}

export const request: Bench = {
  question: "what does a request to a fetch handler cost the server, all threads counted?",
  run,
};
