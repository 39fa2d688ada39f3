/** The qlog of real connections: every record is read, and agrees with what the server counted. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { QuicClient } from "../../src/client.ts";
import { type RunningServer, type ServeOptions, serve } from "../../src/server.ts";
import type { QuicAppFactory } from "../../src/transport/app.ts";
import { AppRegistry } from "../../src/transport/registry.ts";
import { testCertificate } from "../support/certificate.ts";
import { get } from "../support/http3_get.ts";

interface LoggedEvent {
  time: number;
  name: string;
  data: { header?: { packet_type: string; packet_number: number }; message?: string };
}

const folder = mkdtempSync(join(tmpdir(), "quicd-qlog-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let places = 0;
function place(): string {
  places += 1;
  return join(folder, String(places));
}

/** The header record, and the events. Throws for what is not JSON-SEQ (RFC 7464) of objects. */
function read(path: string): { header: Header; events: LoggedEvent[] } {
  const text = readFileSync(path, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  const records = text.split("\n").slice(0, -1);
  for (const record of records) expect(record[0]).toBe("\x1e");
  const [header, ...events] = records.map((record) => JSON.parse(record.slice(1)));
  return { header, events };
}

interface Header {
  file_schema: string;
  serialization_format: string;
  title: string;
  trace: { vantage_point: { type: string }; common_fields: { reference_time: unknown } };
}

async function serving(options: ServeOptions): Promise<RunningServer> {
  const { certPath, keyPath } = testCertificate();
  return await serve({
    port: 0,
    hostname: "127.0.0.1",
    tls: { cert: certPath, key: keyPath },
    fetch: () => new Response("x".repeat(100_000)),
    ...options,
  });
}

function logsIn(directory: string): string[] {
  return readdirSync(directory).map((name) => join(directory, name));
}

describe("qlog", () => {
  test("every record is whole, in order, and agrees with the connection's numbers", async () => {
    const qlog = place();
    const server = await serving({ qlog: { directory: qlog, level: "extra" } });
    for (let i = 0; i < 3; i++) expect((await get(server.url.href)).length).toBe(100_000);
    await server.stop(true);
    const counters = server.counters()!;
    const logs = logsIn(qlog);
    expect(logs.length).toBe(counters.accepted);
    let sent = 0;
    for (const log of logs) {
      expect(statSync(log).mode & 0o777).toBe(0o600);
      const { header, events } = read(log);
      expect(header).toMatchObject({
        file_schema: "urn:ietf:params:qlog:file:sequential",
        serialization_format: "JSON-SEQ",
        title: /([0-9a-f]{32})\.sqlog$/.exec(log)![1]!,
        trace: { vantage_point: { type: "server" } },
      });
      let last = 0;
      const numbers = new Map<string, number>();
      for (const event of events) {
        expect(event.name).toBeString();
        expect(event.data).toBeObject();
        expect(event.time).toBeGreaterThanOrEqual(last);
        last = event.time;
        if (event.name !== "quic:packet_sent") continue;
        sent += 1;
        // RFC 9000 §12.3: within a space they only grow.
        const { packet_type, packet_number } = event.data.header!;
        expect(packet_number).toBeGreaterThan(numbers.get(packet_type) ?? -1);
        numbers.set(packet_type, packet_number);
      }
      expect(events.some(({ name }) => name === "quic:packet_received")).toBe(true);
    }
    // Long headers of a datagram are coalesced (§12.2): at least as many packets as datagrams.
    const datagrams = counters.send_datagrams - counters.send_resets;
    expect(sent).toBeGreaterThanOrEqual(datagrams);
    expect(sent).toBeLessThan(datagrams + 4 * logs.length);
  });

  test("a log that reaches its limit ends there and says so", async () => {
    const qlog = place();
    const fileBytes = 65_536;
    const server = await serving({ qlog: { directory: qlog, level: "extra", fileBytes } });
    for (let i = 0; i < 10; i++) await get(server.url.href);
    await server.stop(true);
    const sizes = logsIn(qlog).map((log) => statSync(log).size);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(fileBytes);
    expect(Math.max(...sizes)).toBeGreaterThan(fileBytes - 8192);
    const largest = logsIn(qlog).find((log) => statSync(log).size === Math.max(...sizes))!;
    expect(read(largest).events.at(-1)).toMatchObject({
      name: "loglevel:warning",
      data: { message: "the log ends here: its limit is 65536 bytes" },
    });
  });

  test("a client has its own, and an application turns one on and off", async () => {
    const [served, asked] = [place(), place()];
    const app: QuicAppFactory = {
      acceptsAlpn: () => true,
      async spawnApp(_alpn, _handle, events, transport) {
        let on = false;
        for await (const event of events) {
          if (event.type !== "NewStream") continue;
          on = !on;
          transport.setQlog(on);
          for await (const chunk of event.receive) await event.send?.write(chunk.bytes());
          await event.send?.finish();
        }
      },
    };
    const server = await serving({
      qlog: { directory: served, every: 0 },
      registry: new AppRegistry().register("toggle", app),
      fetch: undefined,
    });
    const keylog = join(folder, "client_keys.log");
    const client = new QuicClient({ qlog: asked });
    const connection = await client.connect({
      ...{ host: "127.0.0.1", port: server.port, alpn: "toggle" },
      tls: { verify: false, keylog },
    });
    // On, off, on again: two logs of the one connection.
    for (let i = 0; i < 3; i++) {
      const { send, receive } = await connection.openBidirectional();
      await send.write(new Uint8Array(3000), true);
      for await (const chunk of receive) chunk.bytes();
    }
    const report = await client.why(connection.connectionId);
    expect(report).toMatchObject({ role: "client", connectionId: connection.connectionId });
    connection.close(0);
    await connection.closed;
    await client.close();
    await server.stop(true);

    expect(logsIn(asked).map((path) => basename(path))).toEqual([
      `${connection.connectionId}.sqlog`,
    ]);
    expect(read(logsIn(asked)[0]!).header.trace.vantage_point.type).toBe("client");
    const [again, first] = logsIn(served).sort();
    expect(basename(again!)).toBe(`${basename(first!, ".sqlog")}-1.sqlog`);
    for (const log of [first!, again!]) {
      const { header, events } = read(log);
      expect(header.title).toBe(basename(first!, ".sqlog"));
      expect(events.some(({ name }) => name === "quic:packet_sent")).toBe(true);
    }
    expect(statSync(keylog).mode & 0o777).toBe(0o600);
    expect(readFileSync(keylog, "utf8")).toMatch(
      /^CLIENT_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]{64,96}$/m,
    );
  });

  test("filters and wrong values are named", async () => {
    const qlog = place();
    const elsewhere = await serving({ qlog: { directory: qlog, peer: "192.0.2.0/24" } });
    await get(elsewhere.url.href);
    await elsewhere.stop(true);
    expect(logsIn(qlog)).toEqual([]);
    expect(serving({ qlog: { directory: qlog, peer: "192.0.2.0/33" } })).rejects.toThrow(
      "must be an IP address",
    );
    expect(serving({ qlog: { directory: qlog, id: "XY" } })).rejects.toThrow("hexadecimal");
  });
});

describe("key log", () => {
  test("whole lines of the format that Wireshark reads, from all workers, 0600", async () => {
    const keylog = join(folder, "keys.log");
    const server = await serving({ keylog, workers: 3 });
    await Promise.all(
      Array.from({ length: 6 }, () => get(server.url.href).then((text) => text.length)),
    );
    await server.stop(true);
    expect(statSync(keylog).mode & 0o777).toBe(0o600);
    const lines = readFileSync(keylog, "utf8").trimEnd().split("\n");
    const labels = new Map<string, number>();
    for (const line of lines) {
      const match = /^([A-Z_0-9]+) ([0-9a-f]{64}) ([0-9a-f]{64}|[0-9a-f]{96})$/.exec(line);
      expect(match, line).not.toBeNull();
      labels.set(match![1]!, (labels.get(match![1]!) ?? 0) + 1);
    }
    const { established } = server.counters()!;
    for (const label of [
      "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
      "SERVER_HANDSHAKE_TRAFFIC_SECRET",
      "CLIENT_TRAFFIC_SECRET_0",
      "SERVER_TRAFFIC_SECRET_0",
    ]) {
      expect(labels.get(label)).toBe(established);
    }
  });
});
