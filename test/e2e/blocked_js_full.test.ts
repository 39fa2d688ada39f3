/**
 * QUIC does not wait for JavaScript.
 *
 * Throughput: a body made in JavaScript, 64 KiB at a time, while every turn of the event loop takes
 * 5 ms, against the same without that; Bun.serve's HTTP/3 with the same handler beside it.
 * Interleaved pairs, median of their ratios. Liveness: while JavaScript is blocked for a second,
 * new connections complete their handshake and PINGs are answered.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readLine } from "../../interop/netsim/read_line.ts";
import type { ProbeReport } from "../support/aioquic_report.ts";
import { testCertificate } from "../support/certificate.ts";
import { aioquic, curl, curlCommand, peerMissing, run } from "../support/peer.ts";
import { ServerProcess } from "../support/server_process.ts";

const PAIRS = 7;
const STALL_MS = 5;
/** Of one download; the body has no end. */
const SECONDS = 1.5;
const CURL_TIMED_OUT = 28;
const APPS = join(import.meta.dir, "apps");

interface Rival {
  url: string;
  stop(): Promise<void>;
}

async function startBunServe(): Promise<Rival> {
  const { certPath, keyPath } = testCertificate();
  const child = Bun.spawn([process.execPath, join(APPS, "bun_serve.ts"), certPath, keyPath], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const url = ((await readLine(child.stdout)) ?? "").replace(/\/$/, "");
  return {
    url,
    stop: async () => {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Megabytes per second of the endless body. */
async function throughput(url: string): Promise<number> {
  const format = "%{size_download} %{time_total} %{time_starttransfer}";
  const outcome = await run(
    curlCommand("--max-time", `${SECONDS}`, "-o", "/dev/null", "-w", format, `${url}/generate`),
    30,
  );
  expect(outcome.exitCode).toBe(CURL_TIMED_OUT);
  const [bytes = 0, total = 1] = outcome.stdout.split(" ").map(Number);
  return bytes / total / 1e6;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** The figures of one server. */
class Measured {
  readonly free: number[] = [];
  readonly stalled: number[] = [];
  readonly ratios: number[] = [];

  constructor(
    readonly name: string,
    readonly url: string,
  ) {}

  async measurePair(freeFirst: boolean): Promise<void> {
    const measure = async (ms: number) => {
      await curl(`${this.url}/stall?ms=${ms}`);
      (ms === 0 ? this.free : this.stalled).push(await throughput(this.url));
      await curl(`${this.url}/stall?ms=0`);
    };
    for (const ms of freeFirst ? [0, STALL_MS] : [STALL_MS, 0]) await measure(ms);
    this.ratios.push((this.stalled.at(-1) ?? Number.NaN) / (this.free.at(-1) ?? Number.NaN));
  }

  summary(): string {
    const ratios = this.ratios.map((ratio) => ratio.toFixed(2)).join(" ");
    return (
      `stalled ${STALL_MS} ms per turn: ${this.name} ${median(this.stalled).toFixed(1)} of ` +
      `${median(this.free).toFixed(1)} MB/s, ratio ${median(this.ratios).toFixed(3)} (${ratios})`
    );
  }
}

describe.skipIf(peerMissing("curl"))("throughput while JavaScript stalls", () => {
  let ours: ServerProcess;
  let rival: Rival;
  beforeAll(async () => {
    ours = await ServerProcess.start({ target: join(APPS, "test_app.ts"), workers: 1 });
    rival = await startBunServe();
  });
  afterAll(async () => {
    await rival?.stop();
    expect(await ours?.stop()).toBe(0);
  });

  test("keeps at least half of what it has without", async () => {
    const quicd = new Measured("ours", ours.url);
    const bun = new Measured("Bun.serve", rival.url);
    for (const server of [quicd, bun]) await throughput(server.url);
    for (let pair = 0; pair < PAIRS; pair++) {
      // Which of the two comes first alternates, so that a drift of the machine cancels.
      for (const server of [quicd, bun]) await server.measurePair(pair % 2 === 0);
    }
    for (const server of [quicd, bun]) console.log(server.summary());
    expect(quicd.ratios.length).toBe(PAIRS);
    expect(median(quicd.ratios)).toBeGreaterThanOrEqual(0.5);
  }, 240_000);
});

describe.skipIf(peerMissing("aioquic"))("liveness while JavaScript is blocked", () => {
  test("a blocked second: handshakes complete, PINGs are answered", async () => {
    const server = await ServerProcess.start({ target: join(APPS, "test_app.ts") });
    const flags = ["--port", `${server.port}`, "--block-path", "/block?ms=1000"];
    const report = await aioquic<ProbeReport>("probe", flags);
    const worst = (values: number[]) => Math.max(...values, 0).toFixed(1);
    console.log(
      `blocked ${report.blocked_ms} ms: ${report.handshakes_ms.length} handshakes, worst ` +
        `${worst(report.handshakes_ms)} ms; ${report.pings_ms.length} PINGs, worst ` +
        `${worst(report.pings_ms)} ms`,
    );
    expect(report.status).toBe(200);
    expect(report.blocked_ms).toBeGreaterThanOrEqual(1000);
    expect(report.handshakes_ms.length).toBe(10);
    expect(Math.max(...report.handshakes_ms)).toBeLessThan(300);
    expect(report.pings_ms.length).toBeGreaterThanOrEqual(8);
    expect(Math.max(...report.pings_ms)).toBeLessThan(200);
    expect(await server.stop()).toBe(0);
  }, 60_000);
});
