/** The qlog of real connections: every record is read, and agrees with what the server counted. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, type ServeOptions, serve } from "../../src/server.ts";
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
    expect(sent).toBeGreaterThanOrEqual(counters.send_datagrams);
    expect(sent).toBeLessThan(counters.send_datagrams + 4 * logs.length);
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
