/** `connection.stats()`: both ends of a real connection, against what the workers counted. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { QuicClient } from "../../src/client.ts";
import { type RunningServer, serve } from "../../src/server.ts";
import type {
  AppEvent,
  ConnectionHandle,
  ConnectionStats,
  QuicAppFactory,
} from "../../src/transport/app.ts";
import { AppRegistry } from "../../src/transport/registry.ts";
import { testCertificate } from "../support/certificate.ts";

const BYTES = 2_000_000;
const DATAGRAMS = 5;

/** Answers each stream with {@link BYTES} and each datagram with itself. */
class Downloads implements QuicAppFactory {
  handle: ConnectionHandle | null = null;

  /** The connection that began last: its client may know of it before this side does. */
  async begun(): Promise<ConnectionHandle> {
    while (this.handle === null) await Bun.sleep(1);
    return this.handle;
  }

  acceptsAlpn(): boolean {
    return true;
  }

  async spawnApp(_alpn: string, handle: ConnectionHandle, events: AsyncIterable<AppEvent>) {
    this.handle = handle;
    for await (const event of events) {
      if (event.type === "NewStream") await event.send?.write(new Uint8Array(BYTES), true);
      if (event.type !== "Datagram") continue;
      handle.sendDatagram(event.chunk.bytes());
      event.chunk.release();
    }
  }
}

const app = new Downloads();
const client = new QuicClient();
let server: RunningServer;
beforeAll(async () => {
  const { certPath, keyPath } = testCertificate();
  server = await serve({
    ...{ port: 0, hostname: "127.0.0.1", workers: 2 },
    tls: { cert: certPath, key: keyPath },
    registry: new AppRegistry().register("downloads", app),
  });
});
afterAll(async () => {
  await client.close();
  await server.stop(true);
});

/** Asks until the numbers say so; a question is answered soon, not at once. */
async function until(
  handle: ConnectionHandle,
  holds: (stats: ConnectionStats) => boolean,
): Promise<ConnectionStats> {
  const started = performance.now();
  while (performance.now() - started < 10_000) {
    const stats = handle.stats();
    if (holds(stats)) return stats;
    await Bun.sleep(2);
  }
  throw new Error(`not in ten seconds: ${JSON.stringify(handle.stats())}`);
}

test("numbers of a download, at both ends", async () => {
  const connection = await client.connect({
    ...{ host: "127.0.0.1", port: server.port, alpn: "downloads" },
    tls: { verify: false },
  });
  const { send, receive } = await connection.openBidirectional();
  await send.write(new Uint8Array(10), true);
  let got = 0;
  let during: ConnectionStats | null = null;
  for await (const chunk of receive) {
    got += chunk.length;
    during ??= app.handle!.stats();
  }
  expect(got).toBe(BYTES);
  for (let i = 0; i < DATAGRAMS; i++) connection.sendDatagram(new Uint8Array(100));

  const sender = await until(app.handle!, (stats) => stats.datagramsSent === DATAGRAMS);
  const idle = await until(app.handle!, (stats) => stats.bytesInFlight === 0);
  expect(idle.acknowledgedBytes).toBeGreaterThan(BYTES);
  expect(idle).toMatchObject({ paths: 1, rebindings: 0, queuedBytes: 0, openStreams: 0 });
  expect(idle.datagramsReceived).toBe(DATAGRAMS);
  expect(idle.droppedDatagrams).toBe(0);
  expect(idle.minimumRoundTripUs).toBeGreaterThan(0);
  expect(idle.roundTripUs).toBeGreaterThanOrEqual(idle.minimumRoundTripUs);
  expect(idle.congestionWindowBytes).toBeGreaterThan(13_000);
  expect(idle.deliveryRate).toBeGreaterThan(0);
  expect(idle.pathMtuBytes).toBeGreaterThanOrEqual(1200);
  expect(idle.ageMs).toBeGreaterThan(during!.ageMs);
  expect(idle.ageMs).toBeGreaterThanOrEqual(sender.ageMs);
  // All that the server sent and received was of this connection.
  const counters = server.counters()!;
  const last = await until(app.handle!, ({ sentBytes }) => sentBytes === counters.send_bytes);
  expect(last.sentPackets).toBe(counters.send_datagrams);
  expect(last.receivedPackets).toBe(counters.connection_datagrams);
  expect(last.lostBytes === 0).toBe(last.lostPackets === 0);
  expect(last.retransmittedBytes).toBeLessThanOrEqual(last.lostBytes);

  const receiver = await until(connection, (stats) => stats.datagramsReceived === DATAGRAMS);
  expect(receiver.receivedBytes).toBeGreaterThan(BYTES);
  connection.close(0);
  await connection.closed;
  // The last numbers stay.
  expect(connection.stats().receivedBytes).toBeGreaterThanOrEqual(receiver.receivedBytes);
});

test("a stream that is not read shows in the sender's numbers", async () => {
  app.handle = null;
  const connection = await client.connect({
    ...{ host: "127.0.0.1", port: server.port, alpn: "downloads" },
    tls: { verify: false },
  });
  const { send } = await connection.openBidirectional();
  await send.write(new Uint8Array(10), true);
  const handle = await app.begun();
  const waiting = await until(handle, ({ queuedBytes }) => queuedBytes > 0);
  expect(waiting.openStreams).toBe(1);
  const report = await server.why(handle.connectionId);
  expect(report?.connectionId).toBe(handle.connectionId);
  connection.close(0);
  await connection.closed;
});
