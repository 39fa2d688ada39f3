/**
 * 20 minutes of mixed load (QUICD_SOAK_SECONDS: another length), with garbage made and collected in
 * the server all the time: nothing grows, every answer comes, none waits for a doorbell that was
 * lost, and timers are hardly later than in a bare Bun that does nothing else.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Measure, MeasuredServer } from "../support/measured_server.ts";
import { peerMissing, run, soakCommand } from "../support/peer.ts";
import type { Lateness } from "../support/timer_lateness.ts";

const SECONDS = Number(process.env.QUICD_SOAK_SECONDS ?? 1200);
const SAMPLES = 40;
/** How much more the second half may hold than the first: 1.5 of it, and what is noise. */
const NATIVE_SLACK_BYTES = 4 << 20;
/** Of resident memory, from the second quarter to the last: JavaScript's heap breathes. */
const RESIDENT_SLACK_BYTES = 48 << 20;
/** Of a bare Bun's p99, and what no clock tells apart. */
const LATENESS_FACTOR = 2;
const LATENESS_SLACK_MS = 1;

interface SoakReport {
  seconds: number;
  connections: number;
  datagrams: number;
  datagrams_returned: number;
  lanes: Record<string, { done: number; late: number; slowest_ms: number; slowest_at: number }>;
  errors: string[];
}

class BareTimer {
  readonly #child = Bun.spawn([process.execPath, join(import.meta.dir, "apps/bare_timer.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });

  async end(): Promise<Lateness> {
    this.#child.stdin.write("lateness\n");
    await this.#child.stdin.end();
    return JSON.parse(await this.#child.stdout.text()) as Lateness;
  }
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const most = (samples: Measure[]) => Math.max(...samples.map(({ memory }) => memory.liveBytes));
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);

describe.skipIf(peerMissing("quic_go"))("soak", () => {
  test(
    `${SECONDS} s of mixed load`,
    async () => {
      const server = await MeasuredServer.start({
        ...{ hostname: "127.0.0.1", workers: 2, pressure: true },
        ...{ idleTimeoutMs: 10_000, handshakeTimeoutMs: 5000 },
      });
      const bare = new BareTimer();
      const flags = ["-url", `https://127.0.0.1:${server.port}`, "-seconds", `${SECONDS}`];
      const load = run(soakCommand(...flags), SECONDS + 60);
      const samples: Measure[] = [];
      for (let i = 0; i < SAMPLES; i++) {
        await Bun.sleep((SECONDS * 1000) / SAMPLES);
        samples.push(await server.ask("measure"));
      }
      const outcome = await load;
      const lateness = (await server.ask("measure")).lateness!;
      const bareLateness = await bare.end();
      const report = JSON.parse(outcome.stdout) as SoakReport;
      const end = await server.until(({ counters }) => counters.live_connections === 0, 30_000);

      const resident = samples.map(({ residentBytes }) => residentBytes);
      const quarter = SAMPLES / 4;
      const early = mean(resident.slice(quarter, 2 * quarter));
      const late = mean(resident.slice(3 * quarter));
      const halves = [samples.slice(0, SAMPLES / 2), samples.slice(SAMPLES / 2)].map(most);
      const done = Object.entries(report.lanes).map(
        ([name, { done: count, slowest_ms, slowest_at }]) =>
          `${name} ${count} (slowest ${slowest_ms.toFixed(0)} ms, at ${slowest_at.toFixed(0)} s)`,
      );
      console.log(
        `soak, ${report.seconds.toFixed(0)} s: ${report.connections} connections; ` +
          `${done.join(", ")}; ${report.datagrams_returned} of ${report.datagrams} datagrams ` +
          `back\n` +
          `  native bytes at most ${mib(halves[0]!)} MiB, then ${mib(halves[1]!)}, at the end ` +
          `${end.memory.liveBytes} bytes; resident ${mib(early)} MiB, then ${mib(late)}\n` +
          `  timers: p50 ${lateness.p50Ms} ms, p99 ${lateness.p99Ms}, most ` +
          `${lateness.maxMs.toFixed(1)}; bare Bun p50 ${bareLateness.p50Ms} ms, p99 ` +
          `${bareLateness.p99Ms}, most ${bareLateness.maxMs.toFixed(1)}`,
      );
      expect(report.errors).toEqual([]);
      expect(Object.values(report.lanes).reduce((sum, lane) => sum + lane.late, 0)).toBe(0);
      for (const lane of Object.values(report.lanes)) expect(lane.done).toBeGreaterThan(0);
      expect(halves[1]!).toBeLessThan(halves[0]! * 1.5 + NATIVE_SLACK_BYTES);
      expect(late).toBeLessThan(early + RESIDENT_SLACK_BYTES);
      expect(end.memory.liveBytes).toBeLessThan(100_000);
      expect(end.counters).toMatchObject({ live_connections: 0, live_streams: 0, chunks_live: 0 });
      expect(end.counters).toMatchObject({ panics: 0, failures: 0 });
      expect(lateness.p99Ms).toBeLessThanOrEqual(
        bareLateness.p99Ms * LATENESS_FACTOR + LATENESS_SLACK_MS,
      );
      expect(await server.stop()).toBe(0);
    },
    (SECONDS + 120) * 1000,
  );
});
