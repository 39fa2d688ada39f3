/**
 * Logs, numbers and the disk under a flood: row 50 of the list of attacks (SECURITY.md). Whoever
 * sends without end gets no more of them than their bounds.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { QuicClient } from "../../src/client.ts";
import { COUNTERS_FIELDS } from "../../src/native/abi.gen.ts";
import type { QlogOptions } from "../../src/server/options.ts";
import { type RunningServer, serve } from "../../src/server.ts";
import { testCertificate } from "../support/certificate.ts";
import { HostileSender } from "../support/hostile_sender.ts";
import { get } from "../support/http3_get.ts";
import { Prng } from "../support/prng.ts";
import { ServerProcess } from "../support/server_process.ts";

const folder = mkdtempSync(join(tmpdir(), "quicd-flood-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const random = new Prng();
const FILES = 12;
const DIRECTORY_BYTES = 600_000;
const FILE_BYTES = 65_536;

test("failures that clients bring about are told at a pace that a person can read", async () => {
  const target = join(folder, "app.ts");
  writeFileSync(target, 'export default { fetch() { throw new Error("on purpose"); } };');
  const server = await ServerProcess.start({ target, flags: ["--quiet"], workers: 2 });
  const before = server.log.split("\n").length;
  const started = performance.now();
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 40 }, () => get(`${server.url}/`)));
  }
  const sender = await HostileSender.open(server.port, random);
  await sender.send(3000, [new Uint8Array(1200)]);
  sender.close();
  const seconds = (performance.now() - started) / 1000;
  expect(await server.stop()).toBe(0);
  const told = server.log.split("on purpose").length - 1;
  expect(told).toBeGreaterThan(0);
  // Ten at once, then one a second; each has the lines of a stack, and 3000 datagrams have none.
  expect(told).toBeLessThanOrEqual(2 * (10 + Math.ceil(seconds)));
  expect(server.log.split("\n").length - before).toBeLessThan(40 * (10 + seconds));
});

/** Bytes and files in the qlog folder. */
function used(directory: string): { files: number; bytes: number } {
  const sizes = readdirSync(directory).map((name) => statSync(join(directory, name)).size);
  return { files: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function flooded(qlog: QlogOptions) {
  const { certPath, keyPath } = testCertificate();
  const server: RunningServer = await serve({
    ...{ port: 0, hostname: "127.0.0.1", workers: 2, qlog },
    tls: { cert: certPath, key: keyPath },
    fetch: () => new Response("x".repeat(100_000)),
  });
  const client = new QuicClient();
  const sender = await HostileSender.open(server.port, random);
  console.log(`SEED=${random.seed}`);
  for (let round = 0; round < 5; round++) {
    const connections = await Promise.all(
      Array.from({ length: 10 }, () =>
        client.connect({
          ...{ host: "127.0.0.1", port: server.port, alpn: "h3" },
          tls: { verify: false },
        }),
      ),
    );
    await get(server.url.href);
    await sender.send(300, [new Uint8Array(1200)]);
    for (const connection of connections) connection.close(0);
  }
  sender.close();
  await client.close();
  await server.stop(true);
  return server.counters()!;
}

test("qlogs stop at the bounds of their folder", async () => {
  const directory = join(folder, "qlog");
  const options: QlogOptions = {
    ...{ directory, files: FILES, fileBytes: FILE_BYTES, directoryBytes: DIRECTORY_BYTES },
    level: "extra",
  };
  const counters = await flooded(options);
  const first = used(directory);
  expect(first.files).toBeGreaterThan(4);
  expect(first.files).toBeLessThanOrEqual(FILES);
  expect(first.bytes).toBeLessThanOrEqual(DIRECTORY_BYTES);
  expect(counters.qlogs).toBe(first.files);
  expect(counters.qlogs_refused).toBeGreaterThan(30);
  // A server that is started again finds the folder as full as it is.
  await flooded(options);
  const second = used(directory);
  expect(second.files).toBeLessThanOrEqual(FILES);
  expect(second.bytes).toBeLessThanOrEqual(DIRECTORY_BYTES);
  // Numbers have names of their own and no labels: a flood makes none.
  expect(Object.keys(counters)).toEqual([...COUNTERS_FIELDS]);
});
