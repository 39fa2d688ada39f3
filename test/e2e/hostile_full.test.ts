/**
 * 100,000 datagrams that no honest client sends, at a server that others download from: nobody
 * notices, and when all is over the server holds what it held before, to the byte.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { negotiationFor, type VersionProbe, versionProbe } from "../support/hostile_datagrams.ts";
import { HostileSender } from "../support/hostile_sender.ts";
import { type Measure, MeasuredServer } from "../support/measured_server.ts";
import { Prng } from "../support/prng.ts";
import { RecordingRelay } from "../support/recording_relay.ts";
import { sizedBody } from "./apps/sized_body.ts";

const DATAGRAMS = 100_000;
const WARM_DATAGRAMS = 40_000;
const BODY_BYTES = 2_000_000;
const RSS_GROWTH_MAX_BYTES = 8 << 20;
const HANDSHAKE_TIMEOUT_MS = 1000;
const IDLE_TIMEOUT_MS = 2000;
const IDLE_LIMIT_MS = 40_000;

function get(port: number): Promise<Response> {
  // `protocol` is too new for the types.
  const init: object = { protocol: "http3", tls: { rejectUnauthorized: false } };
  return fetch(`https://127.0.0.1:${port}/?bytes=${BODY_BYTES}`, init);
}

function expectedHash(): string {
  return new Bun.CryptoHasher("sha256").update(sizedBody(BODY_BYTES)).digest("hex");
}

/** Downloads until told to stop; every body is hashed. */
class Downloads {
  whole = 0;
  readonly wrong: string[] = [];
  #running = true;
  readonly #done: Promise<unknown>;

  constructor(ports: readonly number[]) {
    const hash = expectedHash();
    this.#done = Promise.all(ports.map((port) => this.#run(port, hash)));
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#done;
  }

  async #run(port: number, hash: string): Promise<void> {
    while (this.#running) {
      try {
        const bytes = await (await get(port)).arrayBuffer();
        const found = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
        if (found === hash) this.whole++;
        else this.wrong.push(`${bytes.byteLength} bytes, ${found}`);
      } catch (error) {
        this.wrong.push(String(error));
      }
    }
  }
}

describe("hostile datagrams", () => {
  const random = new Prng();
  let server: MeasuredServer;
  let relay: RecordingRelay;
  let sender: HostileSender;
  /** Of a connection that goes on living while its datagrams come back, changed. */
  let real: Uint8Array[] = [];

  beforeAll(async () => {
    console.log(`SEED=${random.seed}`);
    server = await MeasuredServer.start({
      hostname: "127.0.0.1",
      workers: 2,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
    });
    relay = await RecordingRelay.start(server.port);
    sender = await HostileSender.open(server.port, random);
  });
  afterAll(async () => {
    sender?.close();
    relay?.close();
    expect(await server?.stop()).toBe(0);
  });

  async function load(count: number): Promise<Downloads> {
    const downloads = new Downloads([server.port, server.port, relay.port]);
    await Bun.sleep(300);
    if (real.length === 0) {
      real = relay.records.map(({ bytes }) => bytes);
    }
    await sender.send(count, real);
    await downloads.stop();
    return downloads;
  }

  async function quiet(): Promise<Measure> {
    await server.until(({ counters }) => counters.live_connections === 0, IDLE_LIMIT_MS);
    await server.ask("collect");
    await Bun.sleep(500);
    return await server.ask("collect");
  }

  test("nobody notices, and nothing stays", async () => {
    await load(WARM_DATAGRAMS);
    expect(relay.of("initial").length).toBeGreaterThan(0);
    expect(relay.of("handshake").length).toBeGreaterThan(0);
    expect(relay.of("short").length).toBeGreaterThan(20);
    const before = await quiet();
    expect(before.counters.live_connections).toBe(0);

    const downloads = await load(DATAGRAMS);
    expect(server.running).toBe(true);
    const loaded = await server.ask("measure");
    const after = await quiet();
    const grown = (name: keyof Measure["counters"]) => after.counters[name] - before.counters[name];
    const rss = after.residentBytes - before.residentBytes;
    console.log(
      `hostile: ${grown("receive_datagrams")} datagrams received, ${downloads.whole} downloads ` +
        `whole; ${grown("accepted")} accepted, ${grown("receive_refused")} refused; native ` +
        `${before.memory.liveBytes} -> ${loaded.memory.liveBytes} -> ${after.memory.liveBytes} ` +
        `bytes, objects ${before.memory.liveObjects} -> ${after.memory.liveObjects}; RSS ` +
        `${before.residentBytes >> 10} KiB ${rss >= 0 ? "+" : ""}${rss >> 10} KiB`,
    );
    expect(downloads.wrong).toEqual([]);
    expect(downloads.whole).toBeGreaterThan(10);
    expect(grown("receive_datagrams")).toBeGreaterThan(DATAGRAMS * 0.9);
    expect(grown("accepted")).toBeGreaterThan(1000);
    expect(grown("handshake_timeouts")).toBeGreaterThan(0);
    // Two origins, one connection each: had one been closed, another would have been made.
    expect(grown("established")).toBe(2);
    expect(after.counters.panics).toBe(0);
    expect(after.counters.live_connections).toBe(0);
    expect(after.counters.live_streams).toBe(0);
    expect(after.counters.chunks_live).toBe(0);
    const { liveBytes, liveObjects } = after.memory;
    expect({ liveBytes, liveObjects }).toEqual({
      liveBytes: before.memory.liveBytes,
      liveObjects: before.memory.liveObjects,
    });
    expect(rss).toBeLessThan(RSS_GROWTH_MAX_BYTES);
  }, 180_000);

  test("version negotiation answers 1200 bytes or more, with less", async () => {
    const asked = new Map<string, number>();
    const answers: { asked: number; got: number }[] = [];
    const socket = await Bun.udpSocket({
      connect: { hostname: "127.0.0.1", port: server.port },
      socket: {
        data: (_socket, bytes) => {
          const id = negotiationFor(bytes);
          if (id !== null) answers.push({ asked: asked.get(id) ?? -1, got: bytes.length });
        },
      },
    });
    for (let i = 0; i < 4000; i++) {
      const length = i % 2 === 0 ? 30 + random.below(1170) : 1200 + random.below(273);
      const probe: VersionProbe = versionProbe(random, i, i < 4 ? 1199 + (i % 2) : length);
      asked.set(probe.sourceId, probe.bytes.length);
      socket.send(probe.bytes);
      if (i % 10 === 9) await Bun.sleep(1);
    }
    await Bun.sleep(300);
    socket.close();
    console.log(`version negotiation: ${answers.length} answers to 2000 that may have one`);
    expect(answers.filter((answer) => answer.asked < 1200)).toEqual([]);
    expect(answers.filter((answer) => answer.got >= answer.asked)).toEqual([]);
    expect(answers.length).toBeGreaterThan(500);
    expect(answers.length).toBeLessThanOrEqual(2000);
  }, 30_000);
});
