/**
 * A server has its clients come to another address of its own (RFC 9000 §9.6): ours with ours, two
 * workers, by every way that datagrams take here.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { freePort } from "../../interop/peers/udp_port.ts";
import type { ConnectOptions, QuicClient } from "../../src/client.ts";
import type { EngineOptions } from "../../src/native/addon.ts";
import type { QuicServer } from "../../src/server.ts";
import { newClient, optionsTo, roundTrip, startLocalServer } from "../support/client_side.ts";
import { usableChoices } from "../support/engine_choices.ts";

const CONNECTIONS = 8;
const LIMIT_MS = 10_000;
const body = crypto.getRandomValues(new Uint8Array(200_000));
const choices = await usableChoices();

let client: QuicClient;
beforeAll(() => {
  client = newClient();
});
afterAll(() => client?.close());

/** The server of 127.0.0.1, and where it wants to be reached. */
const start = (engine: Partial<EngineOptions>, at: { host: string; port: number }) =>
  startLocalServer({ engine: { preferredIpv4: `${at.host}:${at.port}`, ...engine } });

const connectTo = (server: QuicServer, more: Partial<ConnectOptions> = {}) =>
  client.connect(optionsTo(server, "echo", { host: "127.0.0.1", ...more }));

async function until(is: () => boolean): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!is() && performance.now() < deadline) await Bun.sleep(2);
  expect(is()).toBe(true);
}

const sum = (server: QuicServer, name: "rebindings" | "receive_unknown") =>
  Number(server.counters()?.[name]);

describe.each(choices)("$routing, $backend", ({ routing, backend }) => {
  test.each([
    ["its port at another address", "127.0.0.2"],
    ["another port", "127.0.0.1"],
  ])("%s", async (_, host) => {
    const port = await freePort();
    const at = { host, port: host === "127.0.0.1" ? await freePort() : port };
    const server = await start({ routing, backend, port }, at);
    const connections = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => connectTo(server, { socket: "own" })),
    );
    const echoes = connections.map((connection) => roundTrip(connection, body));
    for (const connection of connections)
      await until(() => connection.peerAddress.port === at.port);
    for (const got of await Promise.all(echoes)) expect(Buffer.compare(got, body)).toBe(0);
    for (const connection of connections) {
      expect(connection.peerAddress).toMatchObject({ address: at.host, port: at.port });
      expect(Buffer.compare(await roundTrip(connection, body), body)).toBe(0);
    }
    expect(sum(server, "rebindings")).toBe(CONNECTIONS);
    // Of no connection: nothing that this server gave.
    expect(sum(server, "receive_unknown")).toBe(0);
    await expect(
      connectTo(server, { host: at.host, port: at.port, handshakeTimeoutMs: 500 }),
    ).rejects.toThrow();
    expect(sum(server, "receive_unknown")).toBeGreaterThan(0);
    for (const connection of connections) connection.close();
    await server.stop();
  });
});
