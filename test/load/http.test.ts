/** HTTP/3 load against our server: what was counted is what the server counted. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { PATTERN } from "../../src/load/pattern.ts";
import type { Expectation } from "../../src/load/plan.ts";
import type { QuicServer } from "../../src/server.ts";
import { startLocalServer } from "../support/client_side.ts";
import { loaded, planTo } from "./case.ts";

/** Seconds, on a machine of one's own. */
setDefaultTimeout(60_000);

const LARGE_BYTES = 300_000;
const large = PATTERN.subarray(0, 64_256);
let server: QuicServer;
let seen = 0;
let seenBytes = 0;
let otherBodies = 0;

beforeAll(async () => {
  server = await startLocalServer({
    fetch: async (request) => {
      seen++;
      const { pathname } = new URL(request.url);
      if (pathname === "/large") return new Response(Buffer.concat([large, large]));
      if (pathname === "/count") return new Response(String(seen));
      if (pathname === "/missing") return new Response("no", { status: 404 });
      const body = Buffer.from(await request.arrayBuffer());
      seenBytes += body.length;
      if (!body.equals(PATTERN.subarray(0, body.length))) otherBodies++;
      return new Response(`${request.headers.get("x-name")} ${body.length}`);
    },
  });
});
afterAll(() => server.stop(true));

function url(path: string): { url: string } {
  return { url: `https://127.0.0.1:${server.port}${path}` };
}

test.each([1, 2])("requests and bytes are the server's, on %d app threads", async (threads) => {
  const [before, accepted] = [seen, server.counters()!.accepted];
  const body = "joe 0";
  const report = await loaded(
    planTo(server, {
      ...{ threads, fields: ["x-name", "joe"] },
      expect: { kind: "content", content: new TextEncoder().encode(body) },
    }),
  );
  expect(report).toMatchObject({ operations: 300, errorCount: 0, errors: {}, threads });
  expect(report.receivedBytes).toBe(300 * body.length);
  expect(seen - before).toBe(300);
  expect(server.counters()!.accepted - accepted).toBe(3);
  const { userSeconds, systemSeconds, threads: used } = report.cpu;
  expect(userSeconds + systemSeconds).toBeGreaterThan(0);
  expect(used.filter(({ name }) => name === "quicd-0")).not.toBeEmpty();
  for (const thread of used) {
    // Ticks of 10 ms beside nanoseconds.
    expect(thread.systemSeconds).toBeLessThanOrEqual(thread.cpuSeconds + 0.02);
  }
  expect(report.latencyUs!.p50).toBeLessThanOrEqual(report.latencyUs!.max);
});

test("what is sent arrives as it is, POST with its length", async () => {
  const before = seenBytes;
  const payloadBytes = 70_000;
  const expectation: Expectation = { kind: "content", content: Buffer.from("null 70000") };
  const shape = { method: "POST", payloadBytes, operations: 20, expect: expectation };
  const report = await loaded(planTo(server, shape));
  expect(report).toMatchObject({ operations: 20, errorCount: 0, sentBytes: 20 * payloadBytes });
  expect(seenBytes - before).toBe(20 * payloadBytes);
  expect(otherBodies).toBe(0);
});

describe("answers that are not as expected are failures", () => {
  const two = Buffer.concat([large, large]);
  const hash = new Bun.CryptoHasher("sha256").update(two).digest("hex");
  test.each([
    ["/large", { kind: "pattern" }, null, ""],
    ["/large", { kind: "length", bytes: two.length }, null, ""],
    ["/large", { kind: "length", bytes: 7 }, null, "body is not what was expected"],
    ["/large", { kind: "length", bytes: LARGE_BYTES }, null, `body of ${two.length} bytes`],
    ["/large", { kind: "first", sha256: hash }, null, ""],
    ["/large", { kind: "any" }, 204, "status 200"],
    ["/missing", { kind: "any" }, null, "status 404"],
    ["/missing", { kind: "any" }, 404, ""],
    ["/count", { kind: "first", sha256: "" }, null, "body is not what was expected"],
  ] as [string, Expectation, number | null, string][])(
    "%s expecting %o and %p: %p",
    async (path, expectation, status, said) => {
      const shape = { expect: expectation, status, operations: 12 };
      const report = await loaded(planTo(server, { ...shape, ...url(path) }));
      const kinds = Object.keys(report.errors);
      expect(kinds).toHaveLength(said === "" ? 0 : 1);
      if (said !== "") expect(kinds[0]).toContain(said);
      expect(report.operations + report.errorCount).toBe(12);
    },
  );
});

test("a first response of another hash ends it before it began", async () => {
  const shape = { expect: { kind: "first", sha256: "0".repeat(64) } as const, ...url("/large") };
  const refused = loaded(planTo(server, shape));
  expect(refused).rejects.toThrow("body with another SHA-256");
});

test("more streams than the server allows wait for each other", async () => {
  const before = seen;
  // 256 at a time (docs/application_interface.md), and as many again are asked for in advance.
  const report = await loaded(planTo(server, { connections: 1, streams: 250, operations: 1000 }));
  expect(report).toMatchObject({ operations: 1000, errorCount: 0 });
  expect(seen - before).toBe(1000);
});

test("as many are under way as were asked for, never more", async () => {
  let underWay = 0;
  let most = 0;
  await using slow = await startLocalServer({
    fetch: async () => {
      most = Math.max(most, ++underWay);
      await Bun.sleep(5);
      underWay--;
      return new Response("ok");
    },
  });
  const shape = { connections: 2, streams: 3, operations: 200, warmUpSeconds: 0.05 };
  expect(await loaded(planTo(slow, shape))).toMatchObject({ operations: 200, errorCount: 0 });
  expect(most).toBe(6);
});
