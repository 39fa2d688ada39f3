/**
 * `server.why`: what live connections wait for, with real clients; and the words for each cause.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { CAUSE_COUNT, STATE_COUNT } from "../../src/native/abi.gen.ts";
import { type RunningServer, serve } from "../../src/server.ts";
import { WhyDesk, type WhyEngine } from "../../src/telemetry/why_desk.ts";
import { CAUSES, whyLine, whyReport, whyText } from "../../src/telemetry/why_report.ts";
import type { LiveConnection, WhyNumbers } from "../../src/transport/engine.ts";
import { testCertificate } from "../support/certificate.ts";
import { get } from "../support/http3_get.ts";

const UNKNOWN = "00000000000000000000000000000000";

describe("a server", () => {
  let server: RunningServer;
  let release = Promise.withResolvers<void>();
  beforeAll(async () => {
    const { certPath, keyPath } = testCertificate();
    server = await serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert: certPath, key: keyPath },
      async fetch(request) {
        if (new URL(request.url).pathname === "/wait") await release.promise;
        return new Response("x".repeat(100_000));
      },
    });
  });
  afterAll(() => server.stop(true));

  test("without connections knows none", async () => {
    expect(await server.whyAll()).toEqual({ reports: [], more: 0 });
    expect(await server.why(UNKNOWN)).toBeNull();
    expect(server.why("XY")).rejects.toThrow("up to 32 hex digits");
  });

  test("says when the application owes an answer, and when all is quiet", async () => {
    release = Promise.withResolvers<void>();
    const body = get(`${server.url.href}wait`);
    const seen = await until(async () => {
      const { reports } = await server.whyAll();
      return reports.find(({ cause }) => cause === "application");
    });
    expect(seen).toMatchObject({ role: "server", state: "established", alpn: "h3" });
    expect(seen.unansweredStreams).toBe(1);
    expect(seen.streams[0]).toMatchObject({ id: 0, queuedBytes: 0, chunks: 0 });
    expect(seen.verdict).toBe(
      "the application: it has not answered 1 stream that the peer has finished (0)",
    );
    expect(seen.peerAddress).toMatchObject({ family: 4, address: "127.0.0.1" });
    release.resolve();
    expect((await body).length).toBe(100_000);
    const quiet = await until(async () => {
      const report = await server.why(seen.connectionId.slice(0, 8));
      return report?.cause === "idle" ? report : undefined;
    });
    expect(quiet.connectionId).toBe(seen.connectionId);
    expect(quiet.verdict).toStartWith("nothing: it is idle");
  });

  test("answers many at a time, each rightly", async () => {
    const { reports } = await server.whyAll();
    const ids = reports.map(({ connectionId }) => connectionId);
    const answers = await Promise.all([...ids, ...ids, ...ids].map((id) => server.why(id)));
    expect(answers.map((answer) => answer?.connectionId)).toEqual([...ids, ...ids, ...ids]);
  });
});

/** Tries for at most ten seconds. */
async function until<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  const started = performance.now();
  while (performance.now() - started < 10_000) {
    const found = await look();
    if (found !== undefined) return found;
    await Bun.sleep(5);
  }
  throw new Error("not in ten seconds");
}

const LIVE: LiveConnection = {
  worker: 0,
  slot: 0,
  generation: 1,
  id: "ab".repeat(16),
  view: new Uint8Array(1024),
};

function numbers(cause: number, extra: Partial<WhyNumbers> = {}): WhyNumbers {
  const none = new Proxy({}, { get: (_target, name) => (name === "named" ? [] : 0) });
  const fields = { id: LIVE.id, cause, causes: 1 << cause, named: [], ...extra };
  return new Proxy(fields, {
    get: (target, name) => Reflect.get(name in target ? target : none, name),
  }) as WhyNumbers;
}

describe("the words", () => {
  test("there is a sentence for every cause of native/abi.h", () => {
    expect(CAUSES.length).toBe(CAUSE_COUNT);
    for (const [cause, name] of CAUSES.entries()) {
      const report = whyReport(numbers(cause), LIVE, []);
      expect(report).toMatchObject({ cause: name, causes: [name] });
      expect(report.verdict).not.toContain("undefined");
      expect(whyText(report).split("\n")[0]).toBe(`waits for ${report.verdict}`);
      expect(whyLine(report)).toStartWith(LIVE.id);
      expect(whyLine(report)).not.toContain("\n");
    }
  });

  test("and a name for every state", () => {
    for (let state = 0; state < STATE_COUNT; state++) {
      expect(whyReport(numbers(0, { state }), LIVE, []).state).toBeString();
    }
  });

  test("all causes that hold are named, the verdict's first", () => {
    const window = CAUSES.indexOf("peer-stream-window");
    const congestion = CAUSES.indexOf("congestion");
    const report = whyReport(
      numbers(window, {
        causes: (1 << window) | (1 << congestion),
        streams_blocked: 5,
        queued_bytes: 5 * 1024 * 1024,
        named: [0, 4, 8, 12].map((stream_id) => ({
          ...{ stream_id, queued_bytes: 1024 * 1024, window_bytes: 0, chunks: 0 },
        })),
        received_us: Number.POSITIVE_INFINITY,
      }),
      LIVE,
      ["h3"],
    );
    expect(report.causes).toEqual(["peer-stream-window", "congestion"]);
    expect(report.verdict).toStartWith(
      "the peer's window: it takes no more data of 5 streams (0, 4, 8, ...) (MAX_STREAM_DATA), " +
        "5.0 MiB wait",
    );
    expect(whyText(report)).toContain("\nalso: congestion\n");
    expect(report).toMatchObject({ alpn: "h3", receivedMsAgo: null });
  });
});

describe("the desk", () => {
  const engineOf = (ids: string[]): WhyEngine => ({
    live: (prefix) =>
      ids.filter((id) => id.startsWith(prefix)).map((id, slot) => ({ ...LIVE, id, slot })),
    why: (_worker, first, _generation, most) => {
      const whys = ids.slice(first, first + most).map((id) => ({ ...numbers(16), id }));
      const next = first + most < ids.length ? first + most : null;
      return Promise.resolve({ whys, next });
    },
  });
  const ids = Array.from({ length: 300 }, (_, i) => i.toString(16).padStart(32, "0"));

  test("refuses to choose among several", () => {
    const desk = new WhyDesk(engineOf(ids), []);
    expect(desk.why("0000")).rejects.toThrow("300 connections begin with 0000");
    expect(desk.why("")).rejects.toBeInstanceOf(RangeError);
  });

  test("lists 256 and counts the rest", async () => {
    const { reports, more } = await new WhyDesk(engineOf(ids), []).list();
    expect([new Set(reports.map((report) => report.connectionId)).size, more]).toEqual([256, 44]);
  });
});
