/**
 * Allocations over a transfer of 1 GB each way, of the whole server process as far as a process can
 * see its own: quiche, BoringSSL and our C through one counting allocator, and the C library's
 * functions by LD_PRELOAD. (Bun's allocator is inside its binary and counts nothing; what
 * JavaScript makes shows as page faults only.) The gate: allocations.json.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HeldConnections } from "../support/held_connections.ts";
import { type Measure, MeasuredServer } from "../support/measured_server.ts";
import { curl, peerMissing, ROOT, run } from "../support/peer.ts";
import { differences } from "../support/rebinding.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import BASELINE from "./allocations.json";
import { sizedBody } from "./apps/sized_body.ts";

const BODY_BYTES = 50_000_000;
const BODIES = 20;
/** What a figure may be above its baseline: for what varies, and for a pool that grows. */
const SLACK = 1.5;
const GROWTH = 64;

type Direction = keyof typeof BASELINE;
type Figures = (typeof BASELINE)[Direction];

/** Those that are too high, in words. */
function excess(figures: Figures, baseline: Figures): string[] {
  return Object.entries(baseline).flatMap(([name, most]) => {
    const figure = figures[name as keyof Figures];
    const limit = most === 0 ? GROWTH : most * SLACK;
    return figure > limit ? [`${name}: ${figure}, baseline ${most}`] : [];
  });
}

class CountedServer {
  private constructor(
    private readonly folder: TemporaryFolder,
    readonly server: MeasuredServer,
  ) {}

  static async start(): Promise<CountedServer> {
    const folder = new TemporaryFolder();
    const library = folder.join("count_malloc.so");
    const source = join(ROOT, "test/support/count_malloc.c");
    const built = await run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source]);
    expect(`${built.exitCode} ${built.stderr}`).toBe("0 ");
    await Bun.write(folder.join("counts"), new Uint8Array(16));
    const env = { LD_PRELOAD: library, COUNT_MALLOC: folder.join("counts") };
    const options = { hostname: "127.0.0.1", workers: 1, retry: "never" } as const;
    const times = { idleTimeoutMs: 30_000, handshakeTimeoutMs: 10_000 };
    const server = await MeasuredServer.start({ ...options, ...times }, [], env);
    return new CountedServer(folder, server);
  }

  /** Calls of the C library's functions: by workers, and by other threads. */
  libc(): { workers: number; others: number } {
    const view = new DataView(readFileSync(this.folder.join("counts")).buffer);
    const word = (at: number) => Number(view.getBigUint64(at, true));
    return { workers: word(8), others: word(0) };
  }

  async stop(): Promise<void> {
    expect(await this.server.stop()).toBe(0);
    this.folder[Symbol.dispose]();
  }
}

/** Minor faults so far. */
function pageFaults(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[7]);
}

function figuresOf(before: Measure, after: Measure, libcWorkers: number): Figures {
  const counters = differences(before.counters, after.counters);
  const native = after.memory.allocations - before.memory.allocations;
  const round = (value: number) => Math.round(value * 1000) / 1000;
  return {
    "native per datagram": round(native / (counters.send_datagrams + counters.receive_datagrams)),
    "native per event": round(native / counters.events),
    own: after.memory.ownAllocations - before.memory.ownAllocations,
    "libc workers": libcWorkers,
  };
}

describe.skipIf(peerMissing("curl", "quic_go"))("allocations over 1 GB", () => {
  test.each(["download", "upload"] as const)(
    "%s",
    async (direction) => {
      const counted = await CountedServer.start();
      const { server } = counted;
      using folder = new TemporaryFolder();
      const url = `https://127.0.0.1:${server.port}/x`;
      await Bun.write(folder.join("body"), sizedBody(BODY_BYTES));
      const transfer = async (bodies: number) => {
        const one =
          direction === "download"
            ? ["-o", folder.join("out"), `${url}?bytes=${BODY_BYTES}`]
            : ["-o", folder.join("out"), "--data-binary", `@${folder.join("body")}`, url];
        const all = Array.from({ length: bodies }, () => one).flatMap((args, index) =>
          index === 0 ? args : ["--next", "--http3-only", "-k", "-sS", ...args],
        );
        const outcome = await curl(...all);
        expect(`${outcome.exitCode} ${outcome.stderr}`).toBe("0 ");
      };
      // While somebody is connected, workers keep what they may need again.
      const held = await HeldConnections.open(server.port, 1, []);
      await transfer(4);
      const libcBefore = counted.libc();
      const faultsBefore = pageFaults(server.pid);
      const before = await server.ask("measure");
      const started = performance.now();
      await transfer(BODIES);
      const seconds = (performance.now() - started) / 1000;
      const after = await server.ask("measure");
      const libc = counted.libc();
      const faults = pageFaults(server.pid) - faultsBefore;

      const { send_datagrams, receive_datagrams, events } = differences(
        before.counters,
        after.counters,
      );
      const figures = figuresOf(before, after, libc.workers - libcBefore.workers);
      console.log(
        `${direction}, 1 GB in ${seconds.toFixed(1)} s: ${send_datagrams} datagrams out, ` +
          `${receive_datagrams} in, ${events} events; ${JSON.stringify(figures)}; libc by other ` +
          `threads ${libc.others - libcBefore.others}, page faults ${faults}`,
      );
      expect(send_datagrams + receive_datagrams).toBeGreaterThan(100_000);
      // The counters count: our C has allocated at the start, and so has the C library.
      expect(before.memory.ownAllocations).toBeGreaterThan(0);
      expect(libcBefore.others).toBeGreaterThan(0);
      expect(excess(figures, BASELINE[direction])).toEqual([]);
      // And the gate can close: against half of what was found it must.
      const half = { ...figures, "native per event": figures["native per event"] / 2 };
      expect(excess(figures, half)).toHaveLength(1);
      const planted = Math.round(send_datagrams / 1000);
      expect(excess({ ...figures, own: planted }, BASELINE[direction])).toHaveLength(1);
      await held.end();
      await counted.stop();
    },
    120_000,
  );
});
