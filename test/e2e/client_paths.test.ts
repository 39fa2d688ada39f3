/** Sockets and paths of our client: shared and own ports, a server that was restarted. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import type { QuicClient } from "../../src/client.ts";
import type { QuicServer } from "../../src/server.ts";
import {
  newClient,
  optionsTo,
  roundTrip,
  startLocalServer,
  textOf,
} from "../support/client_side.ts";
import { ServerProcess, TemporaryFolder } from "../support/server_process.ts";

let server: QuicServer;
let client: QuicClient;
beforeAll(async () => {
  server = await startLocalServer();
  client = newClient();
});
afterAll(async () => {
  await client?.close();
  await server?.stop();
});

test("connections share a port unless they ask for their own", async () => {
  const open = (socket: "shared" | "own") => client.connect(optionsTo(server, "echo", { socket }));
  const all = await Promise.all([open("shared"), open("shared"), open("own"), open("own")]);
  const [one, two, three, four] = all.map(({ localAddress }) => localAddress.port);
  expect(one).toBe(two!);
  expect(new Set([one, three, four]).size).toBe(3);
  const texts = await Promise.all(all.map((connection, i) => roundTrip(connection, `${i}`)));
  expect(texts.map(textOf)).toEqual(["0", "1", "2", "3"]);
  for (const connection of all) connection.close();
  await Promise.all(all.map(({ closed }) => closed));
});

test.each(["shared", "own"] as const)(
  "a download goes on from another port, %s",
  async (socket) => {
    const body = crypto.getRandomValues(new Uint8Array(6_000_000));
    const connection = await client.connect(optionsTo(server, "echo", { socket }));
    const before = connection.localAddress.port;
    const moves: number[] = [];
    const { send, receive } = await connection.openBidirectional();
    const written = send.write(body, true);
    const hasher = new Bun.CryptoHasher("sha256");
    let received = 0;
    let moving: Promise<unknown> = Promise.resolve();
    for await (const chunk of receive) {
      hasher.update(chunk.bytes());
      received += chunk.length;
      if (moves.length === 2 || received < (moves.length + 1) * 1_500_000) continue;
      moves.push(received);
      moving = moving.then(() => connection.migrate());
    }
    await Promise.all([written, moving]);
    expect([received, hasher.digest("hex")]).toEqual([body.length, Bun.SHA256.hash(body, "hex")]);
    expect(moves).toHaveLength(2);
    expect(connection.localAddress.port).not.toBe(before);
    expect(connection.peerAddress.port).toBe(server.port);
    connection.close();
    await connection.closed;
  },
);

test("a server that was restarted says that it has forgotten us", async () => {
  using folder = new TemporaryFolder();
  const secret = folder.join("secret");
  writeFileSync(secret, "ab".repeat(32));
  chmodSync(secret, 0o600);
  const start = (port: number) =>
    ServerProcess.start({
      ...{ target: folder.path, workers: 2, alpn: "echo" },
      env: { QUICD_TLS_SECRET_FILE: secret },
      flags: ["--port", `${port}`],
    });
  const first = await start(0);
  const options = optionsTo(first, "echo", { idleTimeoutMs: 60_000, keepAliveMs: 100 });
  const connection = await client.connect(options);
  expect(textOf(await roundTrip(connection, "x"))).toBe("x");
  process.kill(first.pid, "SIGKILL");
  while (first.running) await Bun.sleep(5);
  const second = await start(first.port);
  expect(await connection.closed).toMatchObject({ by: "reset" });
  expect(await second.stop()).toBe(0);
}, 20_000);
