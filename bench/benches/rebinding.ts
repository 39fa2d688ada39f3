/**
 * Downloads whose client gets another port once, in the middle, as behind a NAT that forgets. The
 * client is aioquic's, the NAT is the network simulator's relay: the old mapping ends at once, and
 * the server learns of the new one from the client's next packet, a PING at the latest.
 *
 * Hypothesis, written down before the first run (H2 of routing.ts): with eBPF routing or forwarding
 * all survive. Where two sockets share a port and nobody brings datagrams to their connection, the
 * new port belongs to the other socket half of the time, and about half are lost.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { RelayCounters } from "../../interop/netsim/relay.ts";
import { startNetsim } from "../../interop/netsim/spawn.ts";
import { type Arm, type ArmPlan, startArms } from "../arm.ts";
import { BenchCertificate } from "../certificate.ts";
import { quantile, shareInterval, turningOrder } from "../compare.ts";
import type { BenchOptions } from "../options.ts";
import type { Bench, Outcome } from "../report.ts";
import { pattern } from "../servers/handler.ts";

const ROOT = join(import.meta.dir, "../..");
const PEERS = process.env.QUICD_PEERS_DIR ?? join(ROOT, "build/peers");

/** At a time, through one relay; each by a connection of its own. */
const DOWNLOADS = 8;
const ROUNDS = 5;
const QUICK_ROUNDS = 1;
const BODY_BYTES = 1_000_000;
/**
 * 8 MB at 40 Mbit/s take 1.6 s at the least. The queue is long enough to lose nothing: what is lost
 * is lost by the move. (With one of 200 packets Bun.serve in one process lost 10 of 40 too, whose
 * path probes were probably dropped there.)
 */
const PATH = ["--delay", "10ms", "--rate", "40mbit", "--queue", "2000"];
const REBIND_AFTER_MS = 600;
/** From the request on, for one of them; what is not there by then is lost. */
const LIMIT_SECONDS = 12;
const PING_SECONDS = 0.1;

const quicd = { file: "quicd_experiment.ts", processes: 1, workers: 2 };
const bun = { file: "bun_fetch.ts", workers: 1, flags: [] };

/** `survives`: the hypothesis. */
const PLANS: readonly (ArmPlan & { survives: boolean })[] = [
  {
    ...{ name: "QuicD, 2 workers, eBPF", text: "", survives: true },
    ...{ ...quicd, flags: ["--routing", "ebpf"] },
  },
  {
    ...{ name: "QuicD, 2 workers, forward rings", text: "", survives: true },
    ...{ ...quicd, flags: ["--routing", "forward"] },
  },
  {
    ...{ name: "QuicD, 2 workers, neither", text: "", survives: false },
    ...{ ...quicd, flags: ["--routing", "forward", "--no-forwarding"] },
  },
  { name: "Bun.serve x2, reusePort", text: "", survives: false, ...bun, processes: 2 },
  { name: "Bun.serve x1", text: "", survives: true, ...bun, processes: 1 },
];

/** As interop/peers/aioquic/fetch.py prints it. */
interface Download {
  bytes: number;
  sha256?: string;
  error: string | null;
  seconds?: number;
  longest_silence?: number;
}

interface Batch {
  downloads: Download[];
  counters: Record<string, number>;
  relay: RelayCounters;
}

/** @throws Error with the remedy when the client is not installed */
function client(): string {
  if (existsSync(join(PEERS, "aioquic/installed"))) return join(PEERS, "aioquic/venv/bin/python");
  throw new Error("the client of this bench is missing: interop/peers/install.sh aioquic");
}

async function fetchAll(python: string, host: string, port: number): Promise<Download[]> {
  const command = [
    ...[python, "-B", join(ROOT, "interop/peers/aioquic/fetch.py")],
    ...["--host", host, "--port", `${port}`, "--ping-every", `${PING_SECONDS}`],
    ...["--connections", `${DOWNLOADS}`, "--timeout", `${LIMIT_SECONDS}`],
    ...Array.from({ length: DOWNLOADS }, () => `/bulk?bytes=${BODY_BYTES}`),
  ];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const report = JSON.parse(await new Response(child.stdout).text()) as { files: Download[] };
  await child.exited;
  return report.files;
}

async function runBatch(python: string, arm: Arm): Promise<Batch> {
  const before = await arm.counters();
  const netsim = await startNetsim([
    ...["--server", arm.address, ...PATH],
    ...["--rebind-every", `${REBIND_AFTER_MS}ms`, "--rebind-count", "1"],
  ]);
  let relay: RelayCounters | null = null;
  try {
    const downloads = await fetchAll(python, netsim.host, netsim.port);
    relay = await netsim.stop();
    const after = await arm.counters();
    const since = Object.entries(after).map(([name, now]) => [name, now - (before[name] ?? 0)]);
    return { downloads, counters: Object.fromEntries(since), relay };
  } finally {
    if (relay === null) await netsim.stop();
  }
}

interface Losses {
  arm: string;
  /** Downloads that were not over when the port changed. */
  moved: number;
  lost: number;
  lostShare: number;
  /** 90 %. */
  interval: [number, number];
  /** The longest time without data in a download that went on: what the move cost it, seconds. */
  silence: { median: number; p90: number; max: number } | null;
  wrong: number;
  forwarded: number | null;
  /** Rebindings that the server has noticed. */
  noticed: number | null;
}

function lossesOf(arm: string, batches: readonly Batch[], sha256: string): Losses {
  const all = batches.flatMap(({ downloads }) => downloads);
  const moved = all.filter(
    ({ error, seconds }) => error !== null || (seconds ?? 0) * 1000 > REBIND_AFTER_MS,
  );
  const lost = moved.filter(({ error }) => error !== null).length;
  const survivors = moved.filter(({ error }) => error === null);
  const silences = survivors.map(({ longest_silence }) => longest_silence ?? 0);
  const sum = (name: string): number | null => {
    const counts = batches.map(({ counters }) => counters[name]);
    if (counts.includes(undefined)) return null;
    return counts.reduce<number>((total, count) => total + (count ?? 0), 0);
  };
  const known = survivors.length > 0;
  return {
    ...{ arm, moved: moved.length, lost, lostShare: lost / moved.length },
    interval: shareInterval(lost, moved.length),
    silence: known
      ? {
          median: quantile(silences, 0.5),
          p90: quantile(silences, 0.9),
          max: Math.max(...silences),
        }
      : null,
    wrong: all.filter((each) => each.error === null && each.sha256 !== sha256).length,
    forwarded: sum("receive_forwarded"),
    noticed: sum("rebindings"),
  };
}

function table(losses: readonly Losses[]): string {
  const head = ["moved", "lost", "share [90 %]", "silence, s", "9 in 10", "worst", "forwarded"];
  const widths = [7, 6, 19, 12, 9, 8, 11];
  const row = (label: string, cells: readonly string[]) =>
    `  ${label}`.padEnd(35) + cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join("");
  const lines = losses.map(({ arm, moved, lost, lostShare, interval, silence, forwarded }) => {
    const percent = (share: number) => (100 * share).toFixed(0);
    return row(arm, [
      ...[`${moved}`, `${lost}`],
      `${percent(lostShare)} % [${interval.map(percent).join(", ")}]`,
      silence?.median.toFixed(2) ?? "-",
      silence?.p90.toFixed(2) ?? "-",
      silence?.max.toFixed(2) ?? "-",
      forwarded?.toFixed(0) ?? "-",
    ]);
  });
  return [row("", head), ...lines].join("\n");
}

/** Losses where the hypothesis allows none, and bodies that are not what was asked for. */
function errorsOf(losses: readonly Losses[]): number {
  return losses.reduce((sum, { arm, lost, wrong }) => {
    const plan = PLANS.find(({ name }) => name === arm);
    const ours = plan?.survives === true && plan.file === quicd.file;
    return sum + wrong + (ours ? lost : 0);
  }, 0);
}

/** Why the losses may not be the move's; empty when they are. */
function complaintsOf(batches: readonly Batch[]): string[] {
  const dropped = batches.reduce(
    (sum, { relay }) => sum + relay.toClient.queueDropped + relay.kernelDropped + relay.sendFailed,
    0,
  );
  const unmoved = batches.filter(({ relay }) => relay.rebindings !== 1).length;
  return [
    ...(dropped > 0 ? [`${dropped} packets dropped on the way`] : []),
    ...(unmoved > 0 ? [`no move in ${unmoved} runs`] : []),
  ];
}

async function run(options: BenchOptions, progress: (text: string) => void): Promise<Outcome> {
  const python = client();
  using certificate = new BenchCertificate();
  const around = { certificate, backend: options.backend, layout: null };
  await using arms = await startArms(PLANS, around);
  const count = options.rounds ?? (options.quick ? QUICK_ROUNDS : ROUNDS);
  const batches = new Map<Arm, Batch[]>(arms.all.map((arm) => [arm, []]));
  for (let round = 0; round < count; round++) {
    for (const arm of turningOrder(arms.all, round)) {
      progress(`rebinding: round ${round + 1} of ${count}, ${arm.name}`);
      batches.get(arm)!.push(await runBatch(python, arm));
    }
  }
  const sha256 = new Bun.CryptoHasher("sha256").update(pattern(BODY_BYTES)).digest("hex");
  const losses = [...batches].map(([arm, own]) => lossesOf(arm.name, own, sha256));
  const missing = arms.missing.map((reason) => `  left out  ${reason}`);
  return {
    method:
      `${count * DOWNLOADS} downloads of ${BODY_BYTES} bytes, ${DOWNLOADS} at a time through ` +
      `${PATH.join(" ")}; the port changes once, after ${REBIND_AFTER_MS} ms; a PING every ` +
      `${PING_SECONDS} s; lost: not there after ${LIMIT_SECONDS} s`,
    text: [table(losses), ...missing].join("\n"),
    complaints: complaintsOf([...batches.values()].flat()),
    errors: errorsOf(losses),
    summary: losses.map((each) => ({ ...each })),
    rounds: [...batches].map(([arm, own]) => ({ arm: arm.name, batches: own })),
  };
}

export const rebinding: Bench = {
  question:
    "how many downloads survive that the client's port changes, and what does it cost them?",
  run,
};
