/**
 * The benches themselves: each runs one short round and must find no wrong answer, and what holds
 * whatever the figures are. No figure of it means anything: it is here so that they can't rot.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Round } from "../../bench/round.ts";
import { peerMissing, skipReason } from "../support/peer.ts";

const ROOT = join(import.meta.dir, "../..");
/** The load client is compiled, with its own BoringSSL, the first time. */
const BUILD_MS = 900_000;
const RUN_MS = 300_000;

interface Report<Summary, Rounds = unknown> {
  bench: string;
  errors: number;
  summary: Summary[];
  rounds: Rounds[];
}

async function run(argv: string[]): Promise<{ status: number; text: string }> {
  const child = Bun.spawn(argv, { cwd: ROOT, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { status: await child.exited, text: out + err };
}

async function bench<Summary, Rounds = unknown>(
  name: string,
  ...flags: string[]
): Promise<Report<Summary, Rounds>> {
  const folder = mkdtempSync(join(tmpdir(), "quicd-bench-"));
  const file = join(folder, "report.json");
  const argv = [process.execPath, "bench/bench.ts", name, "--quick", "--json", file];
  const { status, text } = await run([...argv, "--rounds", "1", ...flags]);
  expect(status, text).toBe(0);
  const [report] = JSON.parse(readFileSync(file, "utf8")) as [Report<Summary, Rounds>];
  rmSync(folder, { recursive: true });
  expect(report).toMatchObject({ bench: name, errors: 0 });
  return report;
}

/** What a server with the steering program says, or null if it starts. */
async function ebpfRefused(): Promise<string | null> {
  const flags = ["--workers", "2", "--routing", "ebpf"];
  const { text } = await run([process.execPath, "bench/servers/quicd_experiment.ts", ...flags]);
  return text.startsWith('{"error"') ? text.trim() : null;
}

const oneCpu = availableParallelism() < 2 ? "one CPU: the load client needs another" : null;
const noEbpf = oneCpu ?? (await ebpfRefused());

test(
  "the load client builds",
  async () => {
    const built = await run(["bash", "bench/load/build.sh"]);
    expect(built.status, built.text).toBe(0);
  },
  BUILD_MS,
);

test.each(["request", "bulk", "stall", "load-check"])(
  "%s finds no wrong answer",
  async (name) => {
    await bench(name, "--seconds", "0.5");
  },
  RUN_MS,
);

interface Part {
  part: string;
  arms: { name: string; rounds: Round[] }[];
}

/** The one round of each arm, of all parts whose name has `word` in it. */
function rounds(parts: Part[], arm: string, word: string): Round[] {
  const found = parts
    .filter(({ part }) => part.includes(word))
    .flatMap(({ arms }) => arms.filter(({ name }) => name === arm).flatMap((each) => each.rounds));
  expect(found, `${arm}, ${word}`).not.toBeEmpty();
  return found;
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

describe.skipIf(skipReason(noEbpf))("with eBPF", () => {
  test(
    "scaling: every request is answered, by the workers and processes that were asked for",
    async () => {
      const short = ["--layout", "L2", "--seconds", "0.3"];
      const report = await bench<{ label: string; arm: string; median: number }, Part>(
        "scaling",
        ...short,
      );
      const cpu = report.summary.filter(({ label }) => label.startsWith("CPU, "));
      expect(cpu).toHaveLength(2 * 6);
      for (const { median } of cpu) expect(median).toBeGreaterThan(0);
      for (const [arm, places] of [
        ...([
          ["1 worker", 1],
          ["2 ebpf", 2],
          ["2 forward", 2],
        ] as const),
        ...([
          ["2 ebpf 2js", 2],
          ["Bun x1", 1],
          ["Bun x2", 2],
        ] as const),
      ]) {
        for (const round of rounds(report.rounds, arm, "")) {
          expect(round.places).toHaveLength(places);
          expect(round.load.connected).toBe(8);
          expect(round.load.requests).toBeGreaterThan(0);
          // Half of the connections each: nobody is left out.
          for (const place of round.places) {
            expect(place.connection_datagrams ?? place.requests).toBeGreaterThan(0);
          }
        }
      }
      for (const arm of ["Bun x1", "Bun x2"]) {
        for (const { places, load } of rounds(report.rounds, arm, "requests")) {
          expect(sum(places.map((place) => place.requests ?? 0))).toBe(load.requests);
        }
      }
    },
    RUN_MS,
  );

  test(
    "routing: forwards where it must and nowhere else",
    async () => {
      const short = ["--layout", "L1", "--seconds", "0.3"];
      const { summary, rounds: parts } = await bench<Record<string, unknown>, Part>(
        "routing",
        ...short,
      );
      expect(summary.filter((each) => "verdict" in each)).toHaveLength(3 * 4);
      const forwarded = (arm: string, word: string) => {
        const found = rounds(parts, arm, word);
        const all = sum(found.map(({ counters }) => counters.receive_datagrams ?? 0));
        return sum(found.map(({ counters }) => counters.receive_forwarded ?? 0)) / all;
      };
      for (const word of ["requests", "downloads", "uploads"]) {
        for (const arm of ["ebpf", "forward", "1 worker"]) expect(forwarded(arm, word)).toBe(0);
        expect(forwarded("wrong", word)).toBeGreaterThan(0.5);
        expect(forwarded("single", word)).toBeGreaterThan(0);
        expect(forwarded("random", word)).toBeGreaterThan(0.1);
      }
    },
    RUN_MS,
  );

  test.skipIf(skipReason(process.getuid?.() === 0 ? null : "the kernel's statistics need root"))(
    "steering: the program runs once for a train",
    async () => {
      const before = readFileSync("/proc/sys/kernel/bpf_stats_enabled", "latin1");
      const { summary } = await bench<{
        label: string;
        runs: number;
        datagrams: number;
        nsPerRun: { median: number };
        decodedShare: number;
      }>("steering", "--seconds", "0.2");
      expect(readFileSync("/proc/sys/kernel/bpf_stats_enabled", "latin1")).toBe(before);
      for (const { nsPerRun, decodedShare } of summary) {
        expect(nsPerRun.median).toBeGreaterThan(0);
        expect(decodedShare).toBeGreaterThan(0.9);
      }
      const perRun = summary.map(({ datagrams, runs }) => datagrams / runs);
      expect(perRun).toHaveLength(6);
      expect(perRun[0]).toBeCloseTo(1, 1);
      expect(Math.abs(perRun[1]! - 10)).toBeLessThan(0.2);
      expect(Math.abs(perRun[2]! - 46)).toBeLessThan(1);
      expect(perRun[4]).toBeCloseTo(1, 1);
    },
    RUN_MS,
  );

  test.skipIf(peerMissing("aioquic"))(
    "rebinding: nothing is lost with routing, and something without",
    async () => {
      const { summary } = await bench<{
        arm: string;
        moved: number;
        lost: number;
        forwarded: number | null;
      }>("rebinding");
      const named = (word: string) => summary.find(({ arm }) => arm.includes(word))!;
      expect(summary).toHaveLength(5);
      for (const { moved } of summary) expect(moved).toBeGreaterThan(0);
      expect(named("eBPF")).toMatchObject({ lost: 0, forwarded: 0 });
      expect(named("forward rings").lost).toBe(0);
      // A port that changes belongs to the same worker half of the time: all of them one in 65,536.
      const without = named("neither").lost + named("reusePort").lost;
      expect(without + (named("forward rings").forwarded ?? 0)).toBeGreaterThan(0);
    },
    RUN_MS,
  );
});
