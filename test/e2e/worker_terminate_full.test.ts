/**
 * An app thread in a Bun Worker is terminated a thousand times, with requests on their way and
 * sometimes before it has even attached: the process lives, the other app thread's requests are all
 * answered, each restart works, and nothing is kept.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Measure, MeasuredServer } from "../support/measured_server.ts";
import { Prng } from "../support/prng.ts";
import { sizedBody } from "./apps/sized_body.ts";

const ROUNDS = 1000;
const WARM_ROUNDS = 30;
const FRESH_CONNECTIONS = 4;
const WAITING_MAX = 64;
const BODY_BYTES = 300_000;
const IDLE_LIMIT_MS = 60_000;
const REQUEST_LIMIT_MS = 15_000;
const RSS_GROWTH_MAX_BYTES = 192 << 20;

function hashOf(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

const HASH = hashOf(sizedBody(BODY_BYTES));

/** Every name is an origin of its own, and gets a connection of its own. */
async function get(name: string, port: number): Promise<{ thread: string; whole: boolean }> {
  // `protocol` is too new for the types.
  const init: object = {
    protocol: "http3",
    tls: { rejectUnauthorized: false },
    signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
  };
  const response = await fetch(`https://${name}.localhost:${port}/?bytes=${BODY_BYTES}`, init);
  const whole = hashOf(await response.arrayBuffer()) === HASH;
  return { thread: response.headers.get("x-thread") ?? "", whole };
}

interface Tally {
  main: number;
  worker: number;
  /** Of connections whose app thread is gone. */
  cut: number;
  /** Of them: not told so, or not able to begin anew, within the time of a request. */
  late: number;
  /** Answers that were complete and wrong. */
  wrong: number;
}

describe("an app thread that is terminated", () => {
  const random = new Prng();
  let server: MeasuredServer;
  let serial = 0;

  beforeAll(async () => {
    console.log(`SEED=${random.seed}`);
    server = await MeasuredServer.start({
      hostname: "::1",
      workers: 2,
      idleTimeoutMs: 2000,
      handshakeTimeoutMs: 1000,
    });
  });
  afterAll(async () => {
    expect(await server?.stop()).toBe(0);
  });

  async function request(tally: Tally): Promise<void> {
    try {
      const { thread, whole } = await get(`h${serial++}`, server.port);
      if (thread === "main") tally.main++;
      else tally.worker++;
      if (!whole) tally.wrong++;
    } catch (error) {
      tally.cut++;
      if (error instanceof DOMException && error.name === "TimeoutError") tally.late++;
    }
  }

  async function terminateOften(rounds: number): Promise<Tally> {
    const tally: Tally = { main: 0, worker: 0, cut: 0, late: 0, wrong: 0 };
    const waiting = new Set<Promise<void>>();
    for (let round = 0; round < rounds; round++) {
      const early = random.below(5) === 0;
      await server.ask(early ? "begin" : "attach");
      for (let i = 0; i < FRESH_CONNECTIONS; i++) {
        const asked = request(tally).finally(() => waiting.delete(asked));
        waiting.add(asked);
      }
      await Bun.sleep(random.below(early ? 40 : 15));
      await server.ask("terminate");
      // One that was cut may hang until the client gives up: the rounds go on without it.
      while (waiting.size > WAITING_MAX) await Promise.race(waiting);
    }
    await Promise.all(waiting);
    return tally;
  }

  async function quiet(): Promise<Measure> {
    await server.until(({ counters }) => counters.live_connections === 0, IDLE_LIMIT_MS);
    await server.ask("collect");
    await Bun.sleep(500);
    return await server.ask("collect");
  }

  test(`${ROUNDS} times under load, and nothing ends`, async () => {
    // Made while there is one app thread: it is the main thread's for good.
    expect(await get("steady", server.port)).toEqual({ thread: "main", whole: true });
    await terminateOften(WARM_ROUNDS);
    const before = await quiet();
    expect(before.counters.live_connections).toBe(0);

    const steady = { whole: 0, failures: [] as string[] };
    let running = true;
    expect(await get("steady2", server.port)).toEqual({ thread: "main", whole: true });
    const keepAsking = async () => {
      while (running) {
        const answer = await get("steady2", server.port).catch(String);
        if (typeof answer !== "string" && answer.thread === "main" && answer.whole) steady.whole++;
        else steady.failures.push(JSON.stringify(answer));
        await Bun.sleep(20);
      }
    };
    const asking = keepAsking();
    const started = performance.now();
    const tally = await terminateOften(ROUNDS);
    const seconds = (performance.now() - started) / 1000;
    running = false;
    await asking;
    expect(server.running).toBe(true);
    // The last restart serves.
    await server.ask("attach");
    const last: Tally = { main: 0, worker: 0, cut: 0, late: 0, wrong: 0 };
    for (let i = 0; i < 4; i++) await request(last);
    expect(last).toEqual({ main: 2, worker: 2, cut: 0, late: 0, wrong: 0 });
    await server.ask("terminate");

    const after = await quiet();
    const growth = after.residentBytes - before.residentBytes;
    const connections = after.counters.established - before.counters.established;
    console.log(
      `terminated ${ROUNDS} times in ${seconds.toFixed(0)} s: fresh connections ${tally.main} ` +
        `answered by the main thread, ${tally.worker} by the Worker, ${tally.cut} cut ` +
        `(${tally.late} late), over ${connections} connections; ` +
        `steady one ${steady.whole} answers; RSS +${growth >> 20} MiB; native objects ` +
        `${before.memory.liveObjects} -> ${after.memory.liveObjects}, bytes ` +
        `${before.memory.liveBytes} -> ${after.memory.liveBytes}`,
    );
    expect(steady.failures).toEqual([]);
    expect(steady.whole).toBeGreaterThan(100);
    expect(tally.wrong).toBe(0);
    // Under load is not beside it: the Worker had connections, and they were cut. The client asks
    // again on a new one, of which the main thread answers nearly all.
    const asked = ROUNDS * FRESH_CONNECTIONS;
    expect(connections - asked).toBeGreaterThan(ROUNDS / 4);
    expect(tally.main).toBeGreaterThan(ROUNDS);
    expect(after.counters.chunks_live).toBe(0);
    expect(after.counters.live_connections).toBe(0);
    expect(after.counters.live_streams).toBe(0);
    const { liveBytes, liveObjects } = after.memory;
    expect({ liveBytes, liveObjects }).toEqual({
      liveBytes: before.memory.liveBytes,
      liveObjects: before.memory.liveObjects,
    });
    // A Worker is a JavaScript engine: what its allocator keeps is not ours, but has a bound.
    expect(growth).toBeLessThan(RSS_GROWTH_MAX_BYTES);
  }, 400_000);
});
