/**
 * Floods on a connection by a client with keys: frames that are harmless one by one. The server
 * closes or goes on, holds no more than its bounds, comes back to what it held before each time,
 * and spends no time when the flood is over. Rows 13 to 15, 17, 18 and 30 of the list of attacks.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  AttackedServer,
  type AttackReport,
  attack,
  type Code,
  held,
  outcomeOf,
  SteadyClient,
} from "../support/attack.ts";
import { BLOCK_MS, type Measure } from "../support/measured_server.ts";
import { peerMissing } from "../support/peer.ts";

const FULL = process.env.QUICD_TIER !== undefined && process.env.QUICD_TIER !== "default";
const REPEAT = FULL ? 3 : 1;
const MEBIBYTE = 1 << 20;
/** Of the configuration's defaults, which the server has: the window of a connection. */
const WINDOW_BYTES = 4 * MEBIBYTE;
/** What a connection costs by itself, with a margin. */
const CONNECTION_BYTES = 200 << 10;

interface Flood {
  expected: Code | "alive";
  /** Native bytes that may be held at any moment of it. */
  mostBytes: number;
  check?: (report: AttackReport) => void;
}

const FLOODS: Record<string, Flood> = {
  // 13: holes cost more than they hold
  "sparse-stream": { expected: "INTERNAL_ERROR", mostBytes: WINDOW_BYTES },
  "sparse-streams": { expected: "INTERNAL_ERROR", mostBytes: WINDOW_BYTES },
  "tiny-contiguous": { expected: "alive", mostBytes: WINDOW_BYTES },
  // 14
  "sparse-crypto": { expected: "CRYPTO_BUFFER_EXCEEDED", mostBytes: CONNECTION_BYTES },
  // 15: answered, or dropped beyond three in a packet's time; never a queue of them. What is on
  // its way counts: 788 packets of each attacker, with 500 bytes and more to remember of each
  "path-challenges": { expected: "alive", mostBytes: (3 * MEBIBYTE) / 2 },
  // 17
  "cid-ladder": { expected: "CONNECTION_ID_LIMIT_ERROR", mostBytes: CONNECTION_BYTES },
  // 18: what is retired is replaced, again and again
  "retire-loop": {
    expected: "alive",
    mostBytes: CONNECTION_BYTES,
    check: ({ frames }) => expect(frames["0x18"]).toBeGreaterThan(300),
  },
  "retire-again": { expected: "alive", mostBytes: CONNECTION_BYTES },
  // 30
  "large-datagrams": { expected: "alive", mostBytes: MEBIBYTE },
};

const IN_DEFAULT_TIER = ["sparse-stream", "sparse-crypto", "path-challenges", "cid-ladder"];

/** Highest native memory while `running` runs. */
async function watch<T>(attacked: AttackedServer, running: Promise<T>) {
  let mostBytes = 0;
  let done = false;
  const result = running.finally(() => {
    done = true;
  });
  while (!done) {
    const { memory } = await attacked.server.ask("measure");
    mostBytes = Math.max(mostBytes, memory.liveBytes);
    await Bun.sleep(5);
  }
  return { result: await result, mostBytes };
}

describe.skipIf(peerMissing("aioquic"))("floods", () => {
  let attacked: AttackedServer;
  let before: Measure;
  /** With the steady client's connection, but for what is on its way. */
  let beside: Measure;
  let steady: SteadyClient;

  beforeAll(async () => {
    attacked = await AttackedServer.start();
    await attack(attacked.port, ["stream-last", "large-datagrams"]);
    before = await attacked.quiet();
    steady = new SteadyClient(attacked.port);
    await Bun.sleep(500);
    beside = await attacked.server.ask("collect");
  });
  afterAll(async () => {
    expect(await attacked?.stop()).toBe(0);
  });

  /** Back at the steady client alone, with what it held. */
  async function alone(): Promise<Measure> {
    const slack = CONNECTION_BYTES / 4;
    const limit = beside.memory.liveBytes + slack;
    return await attacked.server.until(
      ({ counters, memory }) => counters.live_connections === 1 && memory.liveBytes < limit,
      5000,
    );
  }

  for (const [name, flood] of Object.entries(FLOODS)) {
    if (!FULL && !IN_DEFAULT_TIER.includes(name)) continue;
    test(`${name}: ${flood.expected}, bounded`, async () => {
      const started = attacked.workerMs();
      const flags = ["--repeat", `${REPEAT}`];
      const running = attack(attacked.port, [name], flags);
      const { result: reports, mostBytes } = await watch(attacked, running);
      const spentMs = attacked.workerMs() - started;
      const after = await alone();
      console.log(
        `${name}: ${reports.map(outcomeOf).join(", ")} after ${reports[0]!.sent} datagrams; ` +
          `native at most ${mostBytes >> 10} KiB, then ${after.memory.liveBytes >> 10} KiB; ` +
          `workers ${spentMs.toFixed(0)} ms`,
      );
      expect(reports.map(outcomeOf)).toEqual(Array(REPEAT).fill(flood.expected));
      for (const report of reports) flood.check?.(report);
      expect(mostBytes).toBeLessThan(flood.mostBytes + CONNECTION_BYTES);
      expect(after.counters.live_connections).toBe(1);
      expect(after.memory.liveBytes).toBeLessThan(beside.memory.liveBytes + CONNECTION_BYTES / 4);
      // Some 10 us for a datagram of hundreds of frames; the rest is for a slow machine.
      const datagrams = reports.reduce((sum, { sent }) => sum + sent, 0);
      expect(spentMs).toBeLessThan(1000 + datagrams);
    }, 40_000);
  }

  async function million(): Promise<void> {
    const dropped = (await attacked.server.ask("measure")).counters.datagrams_dropped;
    void attacked.server.ask("block");
    const [report] = await attack(attacked.port, ["datagrams"]);
    const { memory, counters } = await attacked.server.ask("measure");
    const lost = counters.datagrams_dropped - dropped;
    const back = (report!.frames["0x31"] ?? 0) + (report!.frames["0x30"] ?? 0);
    console.log(
      `datagrams: 1000000 at an application that was blocked for ${BLOCK_MS} ms: ${lost} ` +
        `dropped, ${back} came back; native ${memory.liveBytes >> 10} KiB`,
    );
    expect(outcomeOf(report!)).toBe("alive");
    expect(lost).toBeGreaterThan(500_000);
    expect(back).toBeGreaterThan(0);
    expect(lost + back).toBeLessThanOrEqual(1_000_000);
    expect(memory.liveBytes).toBeLessThan(2 * MEBIBYTE);
  }
  // Not worth a line among what was skipped.
  if (FULL) test("a million datagrams at a blocked application", million, 40_000);

  test("others went on, nothing stays, and nobody works for it", async () => {
    await alone();
    const quietFrom = attacked.workerMs();
    const { turns } = (await attacked.server.ask("measure")).counters;
    await Bun.sleep(300);
    const idleMs = attacked.workerMs() - quietFrom;
    await steady.stop();
    const after = await attacked.quiet();
    console.log(
      `beside all floods: ${steady.whole} requests, slowest ${steady.slowestMs.toFixed(0)} ms; ` +
        `after them workers ${idleMs.toFixed(0)} of 300 ms, ${after.counters.turns - turns} turns`,
    );
    // It waited while the application was blocked, and for nothing else.
    expect(steady.wrong).toEqual([]);
    expect(steady.whole).toBeGreaterThan(20);
    expect(idleMs).toBeLessThan(100);
    expect(held(after)).toEqual(held(before));
  }, 40_000);
});
