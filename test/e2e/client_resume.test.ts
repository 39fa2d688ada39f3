/**
 * Sessions that our client keeps: resumption and 0-RTT with our own server, taken and not taken.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connectH3, type H3ConnectOptions } from "../../src/client/h3.ts";
import type { ConnectOptions } from "../../src/client/options.ts";
import type { QuicClient } from "../../src/client.ts";
import type { QuicServer } from "../../src/server.ts";
import type { QuicAppFactory } from "../../src/transport/app.ts";
import {
  newClient,
  optionsTo,
  readAll,
  roundTrip,
  startLocalServer,
  textOf,
} from "../support/client_side.ts";
import { NatRelay } from "../support/nat_relay.ts";

/** Long enough for 0-RTT to be under way before the handshake is complete. */
const DELAY_MS = 20;

/** Echoes, and notes which streams came early. */
class Watching implements QuicAppFactory {
  readonly early: boolean[] = [];
  acceptsAlpn(alpn: string): boolean {
    return alpn === "watching";
  }
  async spawnApp(...[, , events]: Parameters<QuicAppFactory["spawnApp"]>): Promise<void> {
    for await (const event of events) {
      if (event.type !== "NewStream" || event.send === null) continue;
      this.early.push(event.early);
      await event.send.write(await readAll(event.receive), true);
    }
  }
}

const watching = new Watching();
let server: QuicServer;
let client: QuicClient;
beforeAll(async () => {
  server = await startLocalServer({
    engine: { earlyData: true },
    apps: { watching },
    fetch: (request) => new Response(`${request.method} ${request.headers.get("early-data")}`),
  });
  client = newClient();
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

/** The first session of a connection that did nothing else. */
async function sessionFrom(
  port: number,
  alpn = "watching",
  more: Partial<ConnectOptions> = {},
): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const options = optionsTo({ port }, alpn, { onSession: resolve, ...more });
  const connection = await client.connect(options);
  const session = await promise;
  expect(connection.sessions.some((kept) => kept === session)).toBe(true);
  connection.close();
  return session;
}

test("a session resumes, without early data unless that is asked for", async () => {
  const session = await sessionFrom(server.port);
  const connection = await client.connect(optionsTo(server, "watching", { session }));
  expect(connection).toMatchObject({ resumed: true, early: false });
  expect(await connection.handshakeCompleted).toEqual({ earlyAccepted: false });
  connection.close();
});

test("0-RTT: what is written first arrives first, marked, and is answered", async () => {
  using relay = await NatRelay.start(server.port, DELAY_MS);
  const session = await sessionFrom(relay.port);
  watching.early.length = 0;
  const options = optionsTo(relay, "watching", { session, earlyData: true });
  const started = performance.now();
  const connection = await client.connect(options);
  // The network alone takes more than that for any answer.
  expect(performance.now() - started).toBeLessThan(2 * DELAY_MS);
  expect(connection.early).toBe(true);
  expect(textOf(await roundTrip(connection, "early bird"))).toBe("early bird");
  expect(await connection.handshakeCompleted).toEqual({ earlyAccepted: true });
  expect(connection).toMatchObject({ resumed: true, early: false, alpn: "watching" });
  expect(textOf(await roundTrip(connection, "late"))).toBe("late");
  expect(watching.early).toEqual([true, false]);
  expect(relay.toServer.zerortt).toBeGreaterThan(0);
  connection.close();
});

test("0-RTT leaves with the first flight, however long the application's turn takes", async () => {
  const session = await sessionFrom(server.port);
  watching.early.length = 0;
  // A machine that stands still is not waited for: one of them is enough.
  for (let i = 0; i < 5 && !watching.early.includes(true); i++) {
    const options = optionsTo(server, "watching", { session, earlyData: true });
    const connection = await client.connect(options);
    // Many round trips of this machine.
    const until = performance.now() + DELAY_MS;
    while (performance.now() < until);
    expect(textOf(await roundTrip(connection, "slow bird"))).toBe("slow bird");
    connection.close();
  }
  expect(watching.early).toContain(true);
});

test("0-RTT beyond the server's streams does not wait for them", async () => {
  const few = await startLocalServer({
    apps: { watching },
    engine: { earlyData: true, streamsBidi: 2 },
  });
  const session = await sessionFrom(few.port);
  const options = optionsTo(few, "watching", { session, earlyData: true });
  const connection = await client.connect(options);
  expect(connection.early).toBe(true);
  const texts = ["a", "b", "c", "d", "e"];
  const answers = await Promise.all(texts.map((text) => roundTrip(connection, text)));
  expect(answers.map(textOf)).toEqual(texts);
  expect(await connection.handshakeCompleted).toEqual({ earlyAccepted: true });
  connection.close();
  await few.stop(true);
});

test("0-RTT that the server does not take arrives all the same, once", async () => {
  const other = await startLocalServer({ apps: { watching }, engine: { earlyData: true } });
  using relay = await NatRelay.start(other.port, DELAY_MS);
  const session = await sessionFrom(server.port);
  watching.early.length = 0;
  const options = optionsTo(relay, "watching", { session, earlyData: true });
  const connection = await client.connect(options);
  expect(connection.early).toBe(true);
  expect(textOf(await roundTrip(connection, "who are you?"))).toBe("who are you?");
  expect(await connection.handshakeCompleted).toEqual({ earlyAccepted: false });
  expect(connection.resumed).toBe(false);
  expect(watching.early).toEqual([false]);
  connection.close();
  await other.stop(true);
});

test.each([
  ["bytes that are no session", new Uint8Array(200).fill(7)],
  ["nothing", new Uint8Array(0)],
])("%s make a whole handshake", async (_what, session) => {
  const options = optionsTo(server, "watching", { session, earlyData: true });
  const connection = await client.connect(options);
  expect(connection).toMatchObject({ resumed: false, early: false });
  expect(textOf(await roundTrip(connection, "x"))).toBe("x");
  connection.close();
});

describe("HTTP/3", () => {
  async function early(port: number) {
    const session = await sessionFrom(port, "h3");
    const { tls } = optionsTo({ port }, "h3");
    const options: H3ConnectOptions = {
      ...{ url: `https://localhost:${port}`, client, session, earlyData: true },
      ...(tls === undefined ? {} : { tls }),
    };
    const h3 = await connectH3(options);
    expect(h3.connection.early).toBe(true);
    return h3;
  }

  test("safe requests go early, and the handler can see that", async () => {
    using relay = await NatRelay.start(server.port, DELAY_MS);
    const h3 = await early(relay.port);
    expect(await (await h3.fetch("/")).text()).toBe("GET 1");
    expect(await h3.connection.handshakeCompleted).toEqual({ earlyAccepted: true });
    expect(await (await h3.fetch("/")).text()).toBe("GET null");
    await h3.close();
  });

  test("others wait for the handshake: nothing unsafe can be replayed", async () => {
    using relay = await NatRelay.start(server.port, DELAY_MS);
    const h3 = await early(relay.port);
    expect(await (await h3.fetch("/", { method: "POST", body: "x" })).text()).toBe("POST null");
    await h3.close();
  });
});
