/**
 * Rules that span streams: unidirectional streams, SETTINGS, push ids, GOAWAY and shutdown; RFC
 * 9114 §5.2, §6.2, §7.2.
 */
import { describe, expect, test } from "bun:test";
import { H3Factory } from "../../src/apps/h3/factory.ts";
import { FakeConnection } from "../support/fake_connection.ts";
import { content, frame, GET, head, headers, response, serve, settle, text } from "./client.ts";

const SETTINGS = frame(0x04, [0x06, 0x44, 0x00, 0x21, 0x05]);
const CONTROL = [0x00, ...SETTINGS];

/**
 * Delivers on client-initiated unidirectional streams, one after another, in two pieces split at
 * `at`.
 */
function uni(streams: readonly (readonly number[])[], at = 1 << 20) {
  const served = serve(() => new Response("ok"));
  const opened = streams.map((bytes, i) => {
    const stream = served.connection.peerStream(2 + 4 * i);
    served.connection.deliver(stream, bytes.slice(0, at) as number[], false);
    if (at < bytes.length) served.connection.deliver(stream, bytes.slice(at) as number[], false);
    return stream;
  });
  return { ...served, opened };
}

test("our control stream opens with SETTINGS, and nothing else is opened", () => {
  const { connection } = serve(() => new Response(""));
  expect([...connection.streams.keys()]).toEqual([3]);
  const sent = connection.streams.get(3)!.sent;
  expect(sent.slice(0, 2)).toEqual([0x00, 0x04]);
  expect(connection.streams.get(3)!.finSent).toBe(false);
});

test("SETTINGS wait for credit, byte by byte", () => {
  const connection = new FakeConnection();
  connection.streamCredit = 0;
  connection.sink = new H3Factory({ fetch: () => new Response("") }).attach(connection);
  const control = connection.streams.get(3)!;
  for (let i = 0; i < 40; i++) control.grant(1);
  const whole = serve(() => new Response("")).connection.streams.get(3)!;
  expect(control.sent).toEqual(whole.sent);
});

test("a peer that allows no stream of ours is told so", () => {
  const connection = new FakeConnection();
  connection.uniAllowed = false;
  connection.sink = new H3Factory({ fetch: () => new Response("") }).attach(connection);
  expect(connection.closed?.code).toBe(0x101);
});

describe("what a client may open", () => {
  test.each([
    { name: "control with SETTINGS", bytes: CONTROL },
    {
      name: "control with MAX_PUSH_ID going up",
      bytes: [...CONTROL, ...frame(0x0d, [4]), ...frame(0x0d, [4]), ...frame(0x0d, [9])],
    },
    {
      name: "control with GOAWAY going down",
      bytes: [...CONTROL, ...frame(0x07, [9]), ...frame(0x07, [9]), ...frame(0x07, [0])],
    },
    {
      name: "control with reserved and unknown frames",
      bytes: [...CONTROL, ...frame(0x21, new Array(5000).fill(1)), ...frame(0x0f, [1])],
    },
    {
      name: "control with PRIORITY_UPDATE",
      bytes: [...CONTROL, 0x80, 0x0f, 0x07, 0x00, 0x01, 0x00],
    },
    { name: "QPACK encoder, capacity 0", bytes: [0x02, 0x20] },
    { name: "QPACK decoder, cancellation", bytes: [0x03, 0x44] },
  ])("$name, in every split", ({ bytes }) => {
    for (let at = 0; at <= Math.min(bytes.length, 40); at++) {
      const { connection, opened } = uni([bytes], at);
      expect(connection.closed).toBeNull();
      expect(opened[0]!.stopCode).toBe(-1);
    }
  });

  test.each([
    [[0x21]],
    [[0x40, 0x54]],
    [[0xc0, 0, 0, 0, 0xff, 0, 0, 0]],
    [[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ])(
    "unknown type %p is stopped with H3_STREAM_CREATION_ERROR and the connection goes on (§6.2)",
    (type) => {
      for (let at = 0; at <= type.length; at++) {
        const { connection, opened, request } = uni([[...type, 1, 2, 3]], at);
        expect(opened[0]!.stopCode).toBe(0x103);
        connection.deliver(opened[0]!, [4, 5], true);
        expect(connection.closed).toBeNull();
        expect(response(request(headers(GET))).status).toBe(200);
      }
    },
  );

  test("streams closed or reset before their type are tolerated", () => {
    const { connection, opened } = uni([[], [0xc0]]);
    connection.deliver(opened[0]!, [], true);
    opened[1]!.sink!.onReset(0x100);
    expect(connection.closed).toBeNull();
  });
});

describe("connection errors", () => {
  test.each([
    { name: "push stream", streams: [[0x01, 0x00]], code: 0x103 },
    { name: "second control stream", streams: [CONTROL, [0x00]], code: 0x103 },
    { name: "second encoder stream", streams: [[0x02], [0x02]], code: 0x103 },
    { name: "second decoder stream", streams: [[0x03], [0x03]], code: 0x103 },
    { name: "no SETTINGS first", streams: [[0x00, ...frame(0x07, [0])]], code: 0x10a },
    { name: "reserved frame before SETTINGS", streams: [[0x00, ...frame(0x21, [])]], code: 0x10a },
    { name: "DATA before SETTINGS", streams: [[0x00, ...content([])]], code: 0x10a },
    { name: "second SETTINGS", streams: [[...CONTROL, ...SETTINGS]], code: 0x105 },
    { name: "DATA on control", streams: [[...CONTROL, ...content([])]], code: 0x105 },
    { name: "HEADERS on control", streams: [[...CONTROL, ...headers(GET)]], code: 0x105 },
    { name: "PUSH_PROMISE on control", streams: [[...CONTROL, ...frame(0x05, [0])]], code: 0x105 },
    { name: "HTTP/2 frame on control", streams: [[...CONTROL, ...frame(0x06, [])]], code: 0x105 },
    { name: "HTTP/2 setting", streams: [[0x00, ...frame(0x04, [0x02, 0])]], code: 0x109 },
    { name: "duplicate setting", streams: [[0x00, ...frame(0x04, [6, 1, 6, 1])]], code: 0x109 },
    { name: "SETTINGS cut inside", streams: [[0x00, ...frame(0x04, [6])]], code: 0x106 },
    { name: "SETTINGS of a megabyte", streams: [[0x00, 0x04, 0x80, 0x10, 0, 0]], code: 0x107 },
    {
      name: "MAX_PUSH_ID going down",
      streams: [[...CONTROL, ...frame(0x0d, [4]), ...frame(0x0d, [3])]],
      code: 0x108,
    },
    {
      name: "GOAWAY going up",
      streams: [[...CONTROL, ...frame(0x07, [4]), ...frame(0x07, [5])]],
      code: 0x108,
    },
    { name: "CANCEL_PUSH of nothing", streams: [[...CONTROL, ...frame(0x03, [0])]], code: 0x108 },
    {
      name: "GOAWAY with a byte too many",
      streams: [[...CONTROL, ...frame(0x07, [4, 4])]],
      code: 0x106,
    },
    { name: "GOAWAY without id", streams: [[...CONTROL, ...frame(0x07, [])]], code: 0x106 },
    {
      name: "MAX_PUSH_ID with half an id",
      streams: [[...CONTROL, ...frame(0x0d, [0x40])]],
      code: 0x106,
    },
    { name: "insert on the encoder stream", streams: [[0x02, 0xc0, 0x00]], code: 0x201 },
    { name: "capacity on the encoder stream", streams: [[0x02, 0x3f, 0x09]], code: 0x201 },
    { name: "acknowledgement on the decoder stream", streams: [[0x03, 0x80]], code: 0x202 },
    { name: "increment on the decoder stream", streams: [[0x03, 0x01]], code: 0x202 },
  ])("$name is $code, in every split", ({ streams, code }) => {
    for (let at = 0; at <= 24; at++) expect(uni(streams, at).connection.closed?.code).toBe(code);
  });

  test.each([CONTROL, [0x02], [0x03]])(
    "FIN and RESET of critical stream %p are 0x104",
    (...bytes) => {
      const finished = uni([bytes]);
      finished.connection.deliver(finished.opened[0]!, [], true);
      expect(finished.connection.closed?.code).toBe(0x104);
      const reset = uni([bytes]);
      reset.opened[0]!.sink!.onReset(0);
      expect(reset.connection.closed?.code).toBe(0x104);
    },
  );

  test("STOP_SENDING on our control stream is 0x104", () => {
    const { connection } = serve(() => new Response(""));
    connection.streams.get(3)!.sink!.onStopped(0);
    expect(connection.closed?.code).toBe(0x104);
  });

  test("after it, streams are ignored", () => {
    const { connection, request } = uni([[0x01]]);
    expect(connection.closed?.code).toBe(0x103);
    expect(request(headers(GET)).sent).toEqual([]);
  });
});

test("rapid reset: a flood of requests broken off is H3_EXCESSIVE_LOAD, a few are not", () => {
  const { connection, open } = serve(() => new Promise<Response>(() => {}));
  let broken = 0;
  while (connection.closed === null && broken < 5000) {
    const stream = open();
    connection.deliver(stream, headers(GET), false);
    stream.sink!.onReset(0x10c);
    broken++;
  }
  expect(connection.closed?.code).toBe(0x107);
  expect(broken).toBeGreaterThan(256);
});

describe("shutdown (§5.2)", () => {
  const goaway = (connection: FakeConnection) => connection.streams.get(3)!.sent.slice(-3);

  test("without requests: GOAWAY 0, then H3_NO_ERROR", async () => {
    const { connection } = serve(() => new Response(""));
    connection.sink!.onShutdown();
    expect(goaway(connection)).toEqual([0x07, 0x01, 0x00]);
    expect(connection.closed?.code).toBe(0x100);
  });

  test("open requests finish, new ones are rejected, then the connection closes", async () => {
    const gate = Promise.withResolvers<string>();
    const { connection, request, open } = serve(async () => new Response(await gate.promise));
    request(headers(GET));
    const stream = request(headers(GET));
    const half = open();
    connection.deliver(half, headers(head({ ":method": "POST" })), false);
    connection.sink!.onShutdown();
    connection.sink!.onShutdown();
    expect(goaway(connection)).toEqual([0x07, 0x01, 0x0c]);
    const late = request(headers(GET));
    expect([late.resetCode, late.stopCode]).toEqual([0x10b, 0x10b]);
    await settle(1);
    expect(connection.closed).toBeNull();
    gate.resolve("late but whole");
    await settle(1);
    connection.deliver(half, content(text("x")), true);
    await settle(1);
    expect(response(stream).text).toBe("late but whole");
    // What the transport still has to send must not be cut by the close.
    expect(connection.closed).toEqual({ code: 0x100, reason: "shutdown", whenDelivered: true });
  });

  test("a connection that ends meanwhile is left alone", async () => {
    const gate = Promise.withResolvers<string>();
    const { connection, request } = serve(async () => new Response(await gate.promise));
    request(headers(GET));
    connection.sink!.onShutdown();
    connection.end();
    gate.resolve("too late");
    await settle(1);
    expect(connection.closed).toBeNull();
  });
});

test("ALPNs", () => {
  const factory = new H3Factory({ fetch: () => new Response("") });
  expect(
    ["h3", "h3-29", "h2", "h3-30", "hq-interop"].map((alpn) => factory.acceptsAlpn(alpn)),
  ).toEqual([true, true, false, false, false]);
  expect(() => new H3Factory({})).toThrow(TypeError);
});
