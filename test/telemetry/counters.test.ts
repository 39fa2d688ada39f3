/**
 * The counters add up: after valid, malformed, forged, foreign, refused and forwarded traffic, on
 * both backends and with both ways of routing, every stated relation holds.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { engineOptions } from "../../src/cli/engine_options.ts";
import { QuicClient } from "../../src/client.ts";
import { configSchema } from "../../src/config/schema.ts";
import { EchoFactory, H3Factory } from "../../src/index.ts";
import { COUNTERS_FIELDS } from "../../src/native/abi.gen.ts";
import { type Counters, readCounters } from "../../src/native/counters.ts";
import { readTls } from "../../src/server/tls.ts";
import { QuicServer } from "../../src/server.ts";
import {
  broken,
  COUNTER_RELATIONS,
  RELATIONS_OF_A_WORKER,
} from "../../src/telemetry/counter_relations.ts";
import { AppRegistry } from "../../src/transport/registry.ts";
import { testCertificate } from "../support/certificate.ts";
import { type Choice, usableChoices } from "../support/engine_choices.ts";
import { emptyInitial, versionProbe } from "../support/hostile_datagrams.ts";
import { HostileSender } from "../support/hostile_sender.ts";
import { get } from "../support/http3_get.ts";
import { Prng } from "../support/prng.ts";
import { RecordingRelay } from "../support/recording_relay.ts";

const WORKERS = 3;
const HOSTILE_DATAGRAMS = 1500;
const random = new Prng();
const client = new QuicClient();
afterAll(() => client.close());

async function serving(choice: Choice, retry: "always" | "never"): Promise<QuicServer> {
  const { certPath, keyPath } = testCertificate();
  const config = configSchema.parse({
    netio: { host: "127.0.0.1", port: 0, ...choice },
    quic: { retry, handshake_timeout_ms: 1000, idle_timeout_ms: 5000 },
  });
  const registry = new AppRegistry()
    .register("echo", new EchoFactory())
    .register("h3", new H3Factory({ fetch: () => new Response("x".repeat(50_000)) }));
  const engine = engineOptions(config, {
    workers: WORKERS,
    pin: false,
    certificate: await readTls({ cert: certPath, key: keyPath }),
    secret: null,
    ticketKeys: null,
    alpns: [],
  });
  return await new QuicServer(registry, { engine, shutdownGraceMs: 0 }).start();
}

/** Between a client and the server; {@link rebind} makes the client come from another port. */
class Nat {
  readonly #serverPort: number;
  #client: Bun.udp.Socket<"buffer"> | null = null;
  #upstream: Bun.udp.ConnectedSocket<"buffer"> | null = null;
  #from = { port: 0, address: "" };

  constructor(serverPort: number) {
    this.#serverPort = serverPort;
  }

  /** The port to connect to. */
  async open(): Promise<number> {
    await this.rebind();
    const data = (_socket: unknown, bytes: Buffer, port: number, address: string) => {
      this.#from = { port, address };
      this.#upstream?.send(bytes);
    };
    this.#client = await Bun.udpSocket({ hostname: "127.0.0.1", socket: { data } });
    return this.#client.port;
  }

  async rebind(): Promise<void> {
    const before = this.#upstream;
    const { port, address } = { port: this.#serverPort, address: "127.0.0.1" };
    this.#upstream = await Bun.udpSocket({
      connect: { hostname: address, port },
      socket: {
        data: (_socket, bytes) =>
          void this.#client?.send(bytes, this.#from.port, this.#from.address),
      },
    });
    before?.close();
  }

  close(): void {
    this.#upstream?.close();
    this.#client?.close();
  }
}

/** Streams there and back, from several ports on the way; a port of another worker is forwarded. */
async function echo(serverPort: number): Promise<void> {
  const nat = new Nat(serverPort);
  const connection = await client.connect({
    ...{ host: "127.0.0.1", port: await nat.open(), alpn: "echo" },
    tls: { verify: false },
  });
  for (let round = 0; round < 5; round++) {
    const { send, receive } = await connection.openBidirectional();
    await send.write(new Uint8Array(20_000), true);
    let got = 0;
    for await (const chunk of receive) got += chunk.length;
    expect(got).toBe(20_000);
    await nat.rebind();
  }
  connection.sendDatagram(new Uint8Array(10));
  connection.close(0);
  await connection.closed;
  await Bun.sleep(20);
  nat.close();
}

/** What each relation is about comes to the server, and is real where it can be. */
async function traffic(port: number): Promise<void> {
  const relay = await RecordingRelay.start(port);
  const sender = await HostileSender.open(port, random);
  const probes = await Bun.udpSocket({ connect: { hostname: "127.0.0.1", port } });
  try {
    await Promise.all([get(`https://127.0.0.1:${relay.port}/`), echo(port), echo(port)]);
    await sender.send(
      HOSTILE_DATAGRAMS,
      relay.records.map(({ bytes }) => bytes),
    );
    for (let i = 0; i < 20; i++) {
      probes.send(versionProbe(random, i, 1200).bytes);
      probes.send(emptyInitial(random, 100));
      probes.send(shortHeader());
      probes.send(new Uint8Array(0));
    }
    await Promise.all([get(`https://127.0.0.1:${port}/`), echo(port)]);
  } finally {
    probes.close();
    sender.close();
    relay.close();
  }
}

function shortHeader(): Uint8Array {
  const bytes = Uint8Array.from({ length: 60 }, () => random.below(256));
  bytes[0] = 0x40;
  return bytes;
}

const HAPPENED: readonly (keyof Counters)[] = [
  ...(["accepted", "established", "closed", "rebindings", "connection_rejected"] as const),
  ...(["receive_malformed", "receive_unknown", "receive_version"] as const),
  ...(["receive_short_initial", "commands", "doorbells"] as const),
];

describe("the counters of a server", async () => {
  const choices = await usableChoices();
  test.each(choices)("add up with $routing and $backend", async (choice) => {
    console.log(`SEED=${random.seed}`);
    const server = await serving(choice, "never");
    await traffic(server.port);
    const { workers } = server.engineView!;
    await server.stop();
    const total = server.counters()!;
    expect(broken(total)).toEqual([]);
    for (const worker of workers) {
      expect(broken(readCounters([worker]), RELATIONS_OF_A_WORKER)).toEqual([]);
    }
    for (const name of HAPPENED) expect({ name, n: total[name] }).not.toEqual({ name, n: 0 });
    expect(total.live_connections).toBe(0);
    expect(total.closed).toBe(total.accepted);
    if (choice.routing === "forward") expect(total.receive_forwarded).toBeGreaterThan(0);
  });

  test("add up when every client has to come twice", async () => {
    const server = await serving(choices[0]!, "always");
    await traffic(server.port);
    await server.stop();
    const total = server.counters()!;
    expect(broken(total)).toEqual([]);
    expect(total.receive_retried).toBeGreaterThan(0);
    expect(total.tokens_valid).toBeGreaterThan(0);
  });
});

test("those of a client add up too", async () => {
  for (const counters of await client.counters()) {
    expect(broken(counters)).toEqual([]);
    expect(counters.connects).toBeGreaterThan(0);
  }
});

describe("the relations", () => {
  test("a counter that is off is found, with its numbers", () => {
    const zero = Object.fromEntries(COUNTERS_FIELDS.map((name) => [name, 0])) as Counters;
    expect(broken(zero)).toEqual([]);
    expect(broken({ ...zero, receive_datagrams: 3, receive_malformed: 2 })[0]).toStartWith(
      "every datagram, from the socket or from another worker, has one outcome: " +
        "receive_datagrams 3 + forward_received 0 = receive_truncated 0 + receive_malformed 2",
    );
    expect(broken({ ...zero, half_open: 1 })).toEqual([
      "a connection in its handshake is live: half_open 1 <= live_connections 0",
    ]);
  });

  test("name every counter of a received datagram's fate", () => {
    const named = new Set(COUNTER_RELATIONS.flatMap(({ left, right }) => [...left, ...right]));
    // What is received and has no relation is a size, a time, or not of one datagram.
    const without = COUNTERS_FIELDS.filter(
      (name) => /^(receive|forward|connection)_/.test(name) && !named.has(name),
    );
    expect(without).toEqual([
      ...(["receive_bytes", "receive_errors", "receive_pool_empty"] as const),
      ...(["forward_wait_ns", "receive_copied_bytes"] as const),
    ]);
  });
});
