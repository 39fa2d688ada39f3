/** Handshakes, echoes and datagrams against our server. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Handshake } from "../../src/load/plan.ts";
import type { QuicServer } from "../../src/server.ts";
import type { ConnectionSink, QuicAppFactory, SinkConnection } from "../../src/transport/app.ts";
import { startLocalServer } from "../support/client_side.ts";
import { loaded, planTo } from "./case.ts";

/** Seconds, on a machine of one's own. */
setDefaultTimeout(60_000);

/** Sends back two of three datagrams, and of those every tenth with another last byte. */
class LossyEcho implements QuicAppFactory {
  dropped = 0;
  spoilt = 0;
  #seen = 0;
  acceptsAlpn(alpn: string): boolean {
    return alpn === "echo";
  }
  attach(connection: SinkConnection): ConnectionSink {
    return {
      onStream: () => ({
        onData() {},
        onReset() {},
        onStopped() {},
        onWritable() {},
        onConnectionClosed() {},
      }),
      onDatagram: ({ memory, offset, length }) => {
        this.#seen++;
        if (this.#seen % 3 === 0) {
          this.dropped++;
          return;
        }
        const bytes = memory.slice(offset, offset + length);
        if (this.#seen % 10 === 0) {
          this.spoilt++;
          bytes[length - 1]! ^= 1;
        }
        connection.sendDatagram(bytes);
      },
      onShutdown: () => connection.close(0),
      onClosed() {},
    };
  }
  async spawnApp(): Promise<void> {}
}

const lossy = new LossyEcho();
let server: QuicServer;
let lossyServer: QuicServer;
let earlyServer: QuicServer;

beforeAll(async () => {
  server = await startLocalServer();
  lossyServer = await startLocalServer({ apps: { echo: lossy }, echo: false });
  earlyServer = await startLocalServer({ engine: { earlyData: true } });
});
afterAll(() => Promise.all([server, lossyServer, earlyServer].map((each) => each.stop(true))));

describe("handshakes are what they are called", () => {
  test.each([
    ["full", { established: 41, resumed: 0, early: 0 }],
    // Four slots, each of which first needs a session.
    ["resumed", { established: 44, resumed: 40, early: 0 }],
    ["0-rtt", { established: 44, resumed: 40, early: 40 }],
  ] as [Handshake, { established: number; resumed: number; early: number }][])(
    "%s",
    async (handshake, counted) => {
      const before = earlyServer.counters()!;
      const shape = { mode: "handshakes", handshake, connections: 4, operations: 40 } as const;
      const report = await loaded(planTo(earlyServer, shape));
      expect(report).toMatchObject({ operations: 40, errorCount: 0, handshake });
      const after = earlyServer.counters()!;
      const since = (name: keyof typeof before) => after[name] - before[name];
      expect({
        established: since("established"),
        resumed: since("resumed"),
        early: since("early"),
      }).toEqual(counted);
    },
  );

  test("0-RTT that a server does not offer is a failure of every one", async () => {
    const shape = { mode: "handshakes", handshake: "0-rtt", connections: 2 } as const;
    const report = await loaded(planTo(server, { ...shape, operations: 6 }));
    expect(report.operations).toBe(0);
    expect(report.errors["no early data could be sent"]).toBeGreaterThan(0);
  });
});

test.each([0, 64, 100_000])("echoed streams of %d bytes come back whole", async (payloadBytes) => {
  const operations = payloadBytes > 1000 ? 30 : 300;
  const report = await loaded(planTo(server, { mode: "echo", payloadBytes, operations }));
  expect(report).toMatchObject({ operations, errorCount: 0 });
  expect(report.sentBytes).toBe(operations * payloadBytes);
  expect(report.receivedBytes).toBe(operations * payloadBytes);
});

test("datagrams come back", async () => {
  const shape = { mode: "datagrams", payloadBytes: 100, operations: 500 } as const;
  const report = await loaded(planTo(server, shape));
  // The network of a machine loses none; a queue that is full for a moment may.
  expect(report.operations + report.lost).toBe(500);
  expect(report.operations).toBeGreaterThan(450);
  expect(report.errorCount).toBe(0);
});

test("datagrams that do not come back are lost, spoilt ones failures", async () => {
  const shape = { mode: "datagrams", payloadBytes: 100, streams: 30, operations: 300 } as const;
  const report = await loaded(planTo(lossyServer, { ...shape, timeoutMs: 500 }));
  expect(lossy.dropped).toBeGreaterThan(50);
  expect(report.lost).toBe(lossy.dropped);
  expect(report.errors["datagram is not what was sent"]).toBe(lossy.spoilt);
  expect(report.operations + report.lost + report.errorCount).toBe(300);
});

test("one that is larger than a packet is refused, in words", async () => {
  const shape = { mode: "datagrams", payloadBytes: 5000, operations: 5 } as const;
  const report = await loaded(planTo(server, shape));
  expect(report.errors).toEqual({ "datagram not sent: too-large": 5 });
});
