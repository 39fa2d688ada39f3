/**
 * Whether `quicd load` is a load like any other: the same server under it and under clients that
 * share no line with it, at a rate that the server itself fixes. Each request is answered 20 ms
 * after it came, so so many connections with so many requests each make the same rate with every
 * client that keeps up.
 */
import { join } from "node:path";
import { BenchCertificate } from "../certificate.ts";
import { type Estimate, estimate, median, ratios } from "../compare.ts";
import { interleave } from "../interleave.ts";
import { loadClient } from "../load.ts";
import type { Noise } from "../machine.ts";
import { watchNoise } from "../machine.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { complaintsOf } from "../round.ts";
import { Subject } from "../subject.ts";
import { usageBetween } from "../usage.ts";

const PAIRS = 15;
const SECONDS = 3;
const QUICK = { rounds: 2, seconds: 0.5 };
const CONNECTIONS = 10;
const STREAMS = 10;
const MICRO = 1e6;
/** h3load tells bytes as MB/s with one decimal: enough of them for that to say something. */
const BODY_BYTES = 2000;
const TARGET = `/wait?bytes=${BODY_BYTES}`;
const AGREEMENT = 0.1;
const COUNT_AGREEMENT = 0.02;
const CLI = join(import.meta.dir, "../../src/cli.ts");
/** h3load is not part of this repository: whoever has it names it. */
const H3LOAD = process.env.QUICD_BENCH_H3LOAD ?? "";

/** What a client says that it did. */
interface Told {
  requests: number;
  seconds: number;
  bodyBytes: number;
  errors: number;
  cpuUsPerRequest: number;
}

interface Client {
  name: string;
  command(address: string, seconds: number): string[];
  told(output: string): Told;
}

interface Run {
  noise: Noise;
  told: Told;
  /** Of the server, from before the client's start to after its end. */
  server: {
    requests: number;
    cpuSeconds: number;
    receivedDatagrams: number;
    sentDatagrams: number;
  };
}

const OURS: Client = {
  name: "quicd load",
  command: (address, seconds) => [
    ...[process.execPath, CLI, "load", `https://${address}${TARGET}`, "--insecure", "--json"],
    ...["--warmup", "0.5", "-d", `${seconds}`, "-c", `${CONNECTIONS}`, "-s", `${STREAMS}`],
    ...["--expect", "pattern"],
  ],
  told(output) {
    const { operations, seconds, receivedBytes, errorCount, cpu } = JSON.parse(output);
    const cpuUsPerRequest = cpu.usPerOperation;
    return {
      ...{ requests: operations, seconds, bodyBytes: receivedBytes },
      ...{ errors: errorCount, cpuUsPerRequest },
    };
  },
};

const RUST = (path: string): Client => ({
  name: "bench/load",
  command: (address, seconds) => [
    ...[path, address, "--mode", "bulk", "--path", "/wait", "--bytes", `${BODY_BYTES}`, "--verify"],
    ...["--warm-up", "0.5", "--seconds", `${seconds}`],
    ...["--connections", `${CONNECTIONS}`, "--streams", `${STREAMS}`],
  ],
  told(output) {
    const { requests, seconds, body_bytes, errors, cpu_seconds } = JSON.parse(output);
    const cpuUsPerRequest = (cpu_seconds / requests) * MICRO;
    return { requests, seconds, bodyBytes: body_bytes, errors, cpuUsPerRequest };
  },
});

const H3: Client = {
  name: "h3load",
  command: (address, seconds) => [
    ...[H3LOAD, address, TARGET, `${CONNECTIONS}`, `${STREAMS}`, `${seconds}`],
  ],
  told(output) {
    const said = JSON.parse(output);
    // Bytes only as a rounded speed, and no errors but these.
    return {
      ...{ requests: said.requests, seconds: said.seconds },
      bodyBytes: said.body_mb_per_s * MICRO * said.seconds,
      errors: said.not_200 + said.resets + (said.connections - said.connected),
      cpuUsPerRequest: said.client_cpu_us_per_request,
    };
  },
};

async function take(server: Subject, client: Client, seconds: number, cpu: number | null) {
  const pinned = cpu === null ? [] : ["taskset", "-c", `${cpu}`];
  const before = { usage: server.usage(), counters: await server.counters() };
  const watched = watchNoise();
  const child = Bun.spawn([...pinned, ...client.command(server.address, seconds)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await child.stdout.text();
  await child.exited;
  // One that counted errors ends with 1 and says them; one that says nothing has failed.
  if (output === "") throw new Error(`${client.name} failed with ${child.exitCode}`);
  const counters = await server.counters();
  const { cpuSeconds } = usageBetween(before.usage, server.usage());
  const since = (name: string) => (counters[name] ?? 0) - (before.counters[name] ?? 0);
  const own = child.resourceUsage()?.cpuTime.total ?? 0;
  const run: Run = {
    noise: { ...watched(cpuSeconds + Number(own) / MICRO), drops: 0 },
    told: client.told(output),
    server: {
      requests: since("requests"),
      cpuSeconds,
      receivedDatagrams: since("receive_datagrams"),
      sentDatagrams: since("send_datagrams"),
    },
  };
  return run;
}

async function clients(): Promise<[Client, ...Client[]]> {
  const rust = RUST(await loadClient());
  return H3LOAD === "" ? [OURS, rust] : [OURS, rust, H3];
}

const FIGURES: { label: string; digits: number; of(run: Run): number }[] = [
  { label: "requests/s", digits: 1, of: ({ told }) => told.requests / told.seconds },
  { label: "body bytes per request", digits: 2, of: ({ told }) => told.bodyBytes / told.requests },
  {
    label: "server CPU per request, us",
    digits: 2,
    of: ({ server }) => (server.cpuSeconds / server.requests) * MICRO,
  },
  {
    label: "datagrams to the server per request",
    digits: 3,
    of: ({ server }) => server.receivedDatagrams / server.requests,
  },
  {
    label: "datagrams of the server per request",
    digits: 3,
    of: ({ server }) => server.sentDatagrams / server.requests,
  },
  { label: "client CPU per request, us", digits: 2, of: ({ told }) => told.cpuUsPerRequest },
];

interface Compared {
  peer: string;
  label: string;
  ours: number;
  theirs: number;
  ratio: Estimate;
}

function compare(ours: readonly Run[], peer: string, theirs: readonly Run[]): Compared[] {
  return FIGURES.map(({ label, of }) => {
    const [our, their] = [ours.map(of), theirs.map(of)];
    const ratio = estimate(ratios(our, their));
    return { peer, label, ours: median(our), theirs: median(their), ratio };
  });
}

function tableOf(rows: readonly Compared[]): string {
  const lines = rows.map(({ label, ours, theirs, ratio }, index) => {
    const { digits } = FIGURES[index]!;
    const figures = [ours, theirs].map((value) => value.toFixed(digits).padStart(12)).join("");
    const { median: middle, low, high } = ratio;
    const spread = `[${low.toFixed(3)}, ${high.toFixed(3)}]`;
    return `  ${label.padEnd(36)}${figures}${middle.toFixed(3).padStart(9)}   ${spread}`;
  });
  const names = [OURS.name, rows[0]!.peer].map((name) => name.padStart(12)).join("");
  return [`${"".padEnd(38)}${names}    ratio   [90 % interval]`, ...lines].join("\n");
}

/** By the medians of the pairs' ratios. */
function verdictOf(rows: readonly Compared[]): string {
  const off = (index: number) => Math.abs((rows[index]?.ratio.median ?? Number.NaN) - 1);
  const same = off(0) < COUNT_AGREEMENT && off(1) < COUNT_AGREEMENT;
  const near = off(2) < AGREEMENT;
  return (
    `  ${rows[0]!.peer}: requests and bytes ${same ? "agree within 2 %" : "DIFFER"}, ` +
    `server CPU per request ${near ? "within 10 %" : "NOT within 10 %"}`
  );
}

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  const all = await clients();
  using certificate = new BenchCertificate();
  const { workers, backend, serverCpus: cpus, clientCpu } = options;
  const { certPath, keyPath } = certificate;
  const common = { workers, backend, cpus, certPath, keyPath };
  const server = await Subject.start({ name: "QuicD", file: "quicd_fetch.ts", ...common });
  const count = options.rounds ?? (options.quick ? QUICK.rounds : PAIRS);
  const seconds = options.seconds ?? (options.quick ? QUICK.seconds : SECONDS);
  const retakes = options.quick ? 0 : count;
  const taken = await interleave(
    all,
    { label: "load-check", rounds: count, retakes, discarded: 1, progress },
    (client) => take(server, client, seconds, clientCpu),
    (result) => [result],
  );
  await server.stop();
  const ours = taken.of(OURS);
  const compared = all.slice(1).map((client) => compare(ours, client.name, taken.of(client)));
  const runs = all.flatMap((client) => taken.of(client));
  const bytes = ours.filter(({ told }) => told.bodyBytes !== told.requests * BODY_BYTES).length;
  const missing = H3LOAD === "" ? "\n  h3load is left out: QUICD_BENCH_H3LOAD names none" : "";
  return {
    method:
      `${count} interleaved rounds of ${seconds} s, ${CONNECTIONS} connections x ${STREAMS} ` +
      `requests, each answered after 20 ms; ${taken.thrownAway} noisy rounds taken again`,
    text: [compared.map(tableOf).join("\n\n"), "", ...compared.map(verdictOf)].join("\n") + missing,
    complaints: complaintsOf(runs),
    errors: runs.reduce((sum, { told }) => sum + told.errors, bytes),
    summary: compared.flat().map((row) => ({ ...row })),
    rounds: all.map((client) => ({ client: client.name, runs: taken.of(client) })),
  };
}

export const loadCheck: Bench = {
  question: "does quicd load burden a server as independent clients do, at the same rate?",
  run,
};
