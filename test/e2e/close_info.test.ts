/**
 * What an application hears of its connection, for real: who closed it, how and why; that the
 * peer's path changed; and what the server says when its rings were full.
 */
import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { ConnectError, type QuicClient } from "../../src/client.ts";
import type { QuicServer } from "../../src/server.ts";
import type {
  AppEvent,
  CloseInfo,
  ConnectionHandle,
  QuicAppFactory,
  QuicConnection,
} from "../../src/transport/app.ts";
import { newClient, optionsTo, startLocalServer } from "../support/client_side.ts";
import { NatRelay } from "../support/nat_relay.ts";

interface Served {
  handle: ConnectionHandle;
  fail(): void;
  closing: Promise<CloseInfo>;
  path: Promise<Extract<AppEvent, { type: "PathChanged" }>>;
}

/** Hands each connection to the test. */
class Witness implements QuicAppFactory {
  next = Promise.withResolvers<Served>();

  acceptsAlpn(alpn: string): boolean {
    return alpn === "witness";
  }

  async spawnApp(...[, handle, events]: Parameters<QuicAppFactory["spawnApp"]>): Promise<void> {
    const failing = Promise.withResolvers<void>();
    const closing = Promise.withResolvers<CloseInfo>();
    const path = Promise.withResolvers<Extract<AppEvent, { type: "PathChanged" }>>();
    const fail = () => failing.reject(new Error("on purpose"));
    this.next.resolve({ handle, fail, closing: closing.promise, path: path.promise });
    const watch = async () => {
      for await (const event of events) {
        if (event.type === "ConnectionClosing") closing.resolve(event.info);
        if (event.type === "PathChanged") path.resolve(event);
        if (event.type === "Datagram") event.chunk.release();
      }
    };
    await Promise.race([watch(), failing.promise]);
  }
}

const witness = new Witness();
let server: QuicServer;
let client: QuicClient;

beforeAll(async () => {
  server = await startLocalServer({ apps: { witness } });
  client = newClient();
});

afterAll(async () => {
  await client?.close();
  await server?.stop();
});

async function meet(
  to: { port: number } = server,
  more: Parameters<typeof optionsTo>[2] = {},
): Promise<{ ours: QuicConnection; theirs: Served }> {
  witness.next = Promise.withResolvers<Served>();
  const ours = await client.connect(optionsTo(to, "witness", more));
  return { ours, theirs: await witness.next.promise };
}

const local = (application: boolean, code: number, reason: string): CloseInfo => ({
  ...{ by: "local", application, code, reason },
});

describe("whose close, and why", () => {
  test.each([true, false])("the peer's; of the application: %p", async (application) => {
    const { ours, theirs } = await meet();
    ours.close(7, "enough", application);
    const info = local(application, 7, "enough");
    expect(await ours.closed).toEqual(info);
    expect(await theirs.closing).toEqual({ ...info, by: "peer" });
  });

  test.each([true, false])("the server's own; of the application: %p", async (application) => {
    const { ours, theirs } = await meet();
    theirs.handle.close(9, "no more", application);
    const info = local(application, 9, "no more");
    expect(await theirs.closing).toEqual(info);
    expect(await ours.closed).toEqual({ ...info, by: "peer" });
  });

  test("an application that fails: INTERNAL_ERROR, and only for its connection", async () => {
    const beside = await meet();
    const { ours, theirs } = await meet();
    theirs.fail();
    expect(await ours.closed).toMatchObject({ by: "peer", application: false, code: 1 });
    expect(beside.ours.open).toBe(true);
    beside.ours.close();
    await beside.theirs.closing;
  });

  test("the idle timer: nobody's", async () => {
    const { ours, theirs } = await meet(server, { idleTimeoutMs: 200 });
    const info = { by: "timeout", application: false, code: 0, reason: "" } as const;
    expect(await ours.closed).toMatchObject(info);
    expect(await theirs.closing).toMatchObject(info);
  });

  test("the handshake timer: there never was a connection", async () => {
    const silent = await Bun.udpSocket({ hostname: "127.0.0.1", socket: { data() {} } });
    try {
      const failure: unknown = await meet(silent, { handshakeTimeoutMs: 200 }).catch((e) => e);
      expect(failure).toBeInstanceOf(ConnectError);
      expect(failure).toMatchObject({ reason: "timeout", by: "timeout", code: 0 });
    } finally {
      silent.close();
    }
  });

  test("a server that stops", async () => {
    const other = await startLocalServer({ apps: { witness } });
    const { ours, theirs } = await meet(other);
    const stopped = other.stop();
    expect(await theirs.closing).toEqual(local(true, 0, "stopping"));
    expect(await ours.closed).toMatchObject({ by: "peer", application: true, code: 0 });
    await stopped;
  });
});

describe("PathChanged", () => {
  test("a NAT gives the peer another port", async () => {
    using relay = await NatRelay.start(server.port);
    const { ours, theirs } = await meet(relay);
    const before = theirs.handle.peerAddress.port;
    await relay.rebind();
    ours.sendDatagram(new Uint8Array(10));
    const { peer, local: here } = await theirs.path;
    expect(peer.port).not.toBe(before);
    expect(peer).toEqual(theirs.handle.peerAddress);
    expect(here.port).toBe(server.port);
    ours.close();
    await theirs.closing;
  });

  test("a peer that migrates", async () => {
    const { ours, theirs } = await meet();
    const before = theirs.handle.peerAddress.port;
    await ours.migrate();
    const { peer } = await theirs.path;
    expect(peer.port).not.toBe(before);
    expect(peer.port).toBe(ours.localAddress.port);
    ours.close();
    await theirs.closing;
  });
});

test("a full event ring is told, with what to do", async () => {
  const log = spyOn(console, "error").mockImplementation(() => {});
  const engine = { workers: 1, ringCapacity: 256, connectionEvents: 1024 };
  const other = await startLocalServer({ engine, apps: { witness } });
  try {
    const { ours, theirs } = await meet(other);
    const opens = Array.from({ length: 250 }, () => ours.openBidirectional());
    for (const { send } of await Promise.all(opens)) {
      void send.write(new Uint8Array(10), true).catch(() => {});
    }
    // The server's JavaScript is this one: its worker goes on alone, into a ring nobody empties.
    for (let i = 0; i < 5; i++) {
      Bun.sleepSync(100);
      await Bun.sleep(0);
    }
    expect(other.counters()!.event_ring_full).toBeGreaterThan(0);
    const deadline = performance.now() + 15_000;
    const said = () => log.mock.calls.flat().join("\n");
    while (!said().includes("event ring") && performance.now() < deadline) await Bun.sleep(50);
    expect(said()).toMatch(/quicd: an event ring was full [1-9]\d* times\. Remedy: /);
    expect(said()).toContain("[limits] ring_capacity above 256");
    ours.close();
    await theirs.closing;
  } finally {
    log.mockRestore();
    await other.stop(true);
  }
}, 20_000);
