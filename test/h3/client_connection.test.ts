/** The client's half of HTTP/3 over a fake connection: requests out, responses in, every fault. */
import { describe, expect, test } from "bun:test";
import type { ChunkReader } from "../../src/apps/h3/chunk_reader.ts";
import { H3ClientConnection } from "../../src/apps/h3/client/connection.ts";
import { H3ErrorCode } from "../../src/apps/h3/error.ts";
import { FieldSectionDecoder } from "../../src/apps/h3/qpack/field_section_decoder.ts";
import { ByteCursor } from "../../src/wire/cursor.ts";
import { FakeConnection, type FakeStream } from "../support/fake_connection.ts";
import { content, type Fields, frame, headers, settle, text } from "./client.ts";

const SETTINGS = frame(0x04, []);
const OK: Fields = [[":status", "200"]];
const URL_ASKED = new URL("https://example.org/a?b");
const GET = { method: "GET", url: URL_ASKED, fields: ["accept", "*/*"] };

class Asked {
  readonly connection = new FakeConnection("client");
  readonly h3 = new H3ClientConnection(this.connection);
  readonly #control: FakeStream;

  constructor() {
    this.connection.sink = this.h3;
    this.#control = this.connection.peerStream(3);
    this.control([0x00, ...SETTINGS]);
  }

  control(bytes: readonly number[], fin = false): void {
    this.connection.deliver(this.#control, bytes as number[], fin);
  }

  /** The request on stream `id`, once it is asked. */
  stream(id = 0): FakeStream {
    return this.connection.streams.get(id)!;
  }

  answer(bytes: readonly number[], fin = true, id = 0): void {
    this.connection.deliver(this.stream(id), bytes as number[], fin);
  }
}

/** Frames of a request, as the server would read them. */
function framesOf(stream: FakeStream): { type: number; payload: Uint8Array }[] {
  const cursor = new ByteCursor(Uint8Array.from(stream.sent));
  const frames: { type: number; payload: Uint8Array }[] = [];
  while (cursor.remaining > 0) {
    const type = cursor.tryReadVarint();
    const length = cursor.tryReadVarint();
    const payload = cursor.memory.subarray(cursor.offset, cursor.offset + length);
    cursor.offset += length;
    frames.push({ type, payload });
  }
  return frames;
}

function fieldsOf(payload: Uint8Array): Record<string, string> {
  const { names, values } = new FieldSectionDecoder(1 << 20).decode(payload, 0, payload.length);
  return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
}

function pieces(...parts: string[]): ChunkReader & { cancelled: boolean } {
  return {
    cancelled: false,
    async read() {
      const part = parts.shift();
      return part === undefined ? null : new TextEncoder().encode(part);
    },
    cancel() {
      this.cancelled = true;
    },
  };
}

const bodyText = async (body: { collect(): Promise<Uint8Array> }) =>
  new TextDecoder().decode(await body.collect());

describe("a request", () => {
  test("is one HEADERS frame and FIN", async () => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null);
    const [head, ...rest] = framesOf(asked.stream());
    expect(rest).toEqual([]);
    expect(asked.stream().finSent).toBe(true);
    expect(fieldsOf(head!.payload)).toEqual({
      ...{ ":method": "GET", ":scheme": "https", ":authority": "example.org", ":path": "/a?b" },
      accept: "*/*",
    });
    asked.answer([...headers([...OK, ["x", "y"]]), ...content(text("hello"))]);
    const { head: response, body } = await answer;
    expect(response).toMatchObject({ status: 200, fields: ["x", "y"] });
    expect(await bodyText(body)).toBe("hello");
    expect([asked.h3.openRequests, asked.connection.leasesOpen]).toEqual([0, 0]);
  });

  test("carries its content in DATA frames, as it comes", async () => {
    const asked = new Asked();
    const post = { ...GET, method: "POST", fields: ["host", "other", "connection", "close"] };
    const answer = asked.h3.request(post, pieces("one", "two"));
    await settle();
    const [head, ...data] = framesOf(asked.stream());
    expect(Object.keys(fieldsOf(head!.payload))).toHaveLength(4);
    expect(data.map(({ type, payload }) => [type, Buffer.from(payload).toString()])).toEqual([
      [0, "one"],
      [0, "two"],
    ]);
    expect(asked.stream().finSent).toBe(true);
    asked.answer(headers(OK));
    expect(await bodyText((await answer).body)).toBe("");
  });

  test.each<[string, Partial<typeof GET>, string]>([
    ["a field name with a space", { fields: ["a b", "c"] }, "field name"],
    ["a field value with a line feed", { fields: ["a", "b\n"] }, "value of field a"],
  ])("with %s is refused before it is sent", async (_what, changes, message) => {
    const asked = new Asked();
    await expect(asked.h3.request({ ...GET, ...changes }, null)).rejects.toThrow(message);
    expect(asked.stream()).toBeUndefined();
  });

  test("beyond the server's limit is not sent", async () => {
    const control = frame(0x04, [0x06, 0x40, 0x80]);
    const fresh = new FakeConnection("client");
    const h3 = new H3ClientConnection(fresh);
    fresh.sink = h3;
    fresh.deliver(fresh.peerStream(3), [0x00, ...control], false);
    await expect(h3.request(GET, null)).rejects.toThrow("the server takes 128");
  });

  test("without a free stream is told so", async () => {
    const asked = new Asked();
    asked.connection.uniAllowed = false;
    await expect(asked.h3.request(GET, null)).rejects.toThrow("no more streams now");
    expect(asked.h3.openRequests).toBe(0);
  });
});

describe("a response", () => {
  test("comes in any split, after interim ones, with trailers", async () => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null);
    const bytes = [
      ...headers([[":status", "103"]]),
      ...headers([...OK, ["content-length", "10"]]),
      ...frame(0x21, [1, 2, 3]),
      ...content(text("01234")),
      ...content(text("56789")),
      ...headers([["checksum", "1"]]),
    ];
    for (const [index, byte] of bytes.entries()) {
      asked.answer([byte], index === bytes.length - 1);
    }
    const { body } = await answer;
    expect(await bodyText(body)).toBe("0123456789");
    expect(asked.connection.leasesOpen).toBe(0);
    expect(asked.connection.closed).toBeNull();
  });

  test("to HEAD and 304 may promise what does not come", async () => {
    const asked = new Asked();
    const answer = asked.h3.request({ ...GET, method: "HEAD" }, null);
    asked.answer(headers([...OK, ["content-length", "10"]]));
    expect((await answer).head.empty).toBe(true);
    const second = asked.h3.request(GET, null);
    asked.answer(
      headers([
        [":status", "304"],
        ["content-length", "5"],
      ]),
      true,
      4,
    );
    expect((await second).head.status).toBe(304);
  });

  test("given up by its reader stops the stream", async () => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null);
    asked.answer([...headers(OK), ...content(text("part"))], false);
    (await answer).body.cancel();
    expect(asked.stream().stopCode).toBe(H3ErrorCode.RequestCancelled);
    expect([asked.h3.openRequests, asked.connection.leasesOpen]).toEqual([0, 0]);
  });

  test("to a request whose content the server does not want stands", async () => {
    const asked = new Asked();
    const source = pieces("one");
    const read = source.read.bind(source);
    source.read = async () => (await read()) ?? new Promise(() => {});
    const answer = asked.h3.request({ ...GET, method: "POST" }, source);
    await settle();
    asked.answer(headers([[":status", "413"]]), true);
    asked.stream().sink!.onStopped(H3ErrorCode.NoError);
    expect((await answer).head.status).toBe(413);
    expect(source.cancelled).toBe(true);
    expect(asked.h3.openRequests).toBe(0);
  });
});

describe("faults of one response reset its stream", () => {
  test.each<[string, readonly number[], boolean, number]>([
    ["no status", headers([["x", "y"]]), true, H3ErrorCode.MessageError],
    ["status 99", headers([[":status", "099"]]), true, H3ErrorCode.MessageError],
    ["status 101", headers([[":status", "101"]]), true, H3ErrorCode.MessageError],
    ["status twice", headers([...OK, ...OK]), true, H3ErrorCode.MessageError],
    ["a request's field", headers([...OK, [":path", "/"]]), true, H3ErrorCode.MessageError],
    ["upper case", headers([...OK, ["X", "y"]]), true, H3ErrorCode.MessageError],
    ["connection field", headers([...OK, ["upgrade", "x"]]), true, H3ErrorCode.MessageError],
    ["only an interim one", headers([[":status", "100"]]), true, H3ErrorCode.RequestIncomplete],
    ["nothing", [], true, H3ErrorCode.RequestIncomplete],
    [
      "more than content-length",
      [...headers([...OK, ["content-length", "1"]]), ...content([1, 2])],
      ...([false, H3ErrorCode.MessageError] as const),
    ],
    [
      "less than content-length",
      [...headers([...OK, ["content-length", "3"]]), ...content([1, 2])],
      ...([true, H3ErrorCode.MessageError] as const),
    ],
    [
      "content of a 204",
      [...headers([[":status", "204"]]), ...content([1])],
      ...([true, H3ErrorCode.MessageError] as const),
    ],
    [
      "a head above our limit",
      frame(0x01, new Uint8Array(66_000)),
      ...([false, H3ErrorCode.ExcessiveLoad] as const),
    ],
    [
      "interim responses without end",
      Array.from({ length: 40 }, () => headers([[":status", "103"]])).flat(),
      ...([false, H3ErrorCode.ExcessiveLoad] as const),
    ],
  ])("%s", async (_what, bytes, fin, code) => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null).then(({ body }) => body.collect());
    asked.answer(bytes, fin);
    await expect(answer).rejects.toMatchObject({ name: "H3Error", code });
    expect(asked.connection.closed).toBeNull();
    expect(asked.stream().stopCode).toBe(code);
    expect([asked.h3.openRequests, asked.connection.leasesOpen]).toEqual([0, 0]);
  });
});

describe("faults that end the connection", () => {
  const onRequest =
    (bytes: readonly number[], fin = false) =>
    (asked: Asked) =>
      asked.answer(bytes, fin);
  const onControl = (bytes: readonly number[]) => (asked: Asked) => asked.control(bytes);
  const onUni = (type: number) => (asked: Asked) =>
    asked.connection.deliver(asked.connection.peerStream(7), [type], false);

  test.each<[string, (asked: Asked) => void, number]>([
    ["DATA first", onRequest(content([1])), H3ErrorCode.FrameUnexpected],
    [
      "HEADERS after trailers",
      onRequest([...headers(OK), ...headers([]), ...headers([])]),
      H3ErrorCode.FrameUnexpected,
    ],
    ["SETTINGS on a request", onRequest(SETTINGS), H3ErrorCode.FrameUnexpected],
    ["GOAWAY on a request", onRequest(frame(0x07, [0])), H3ErrorCode.FrameUnexpected],
    ["an HTTP/2 frame", onRequest(frame(0x06, [0])), H3ErrorCode.FrameUnexpected],
    ["PUSH_PROMISE", onRequest(frame(0x05, [0, 0, 0])), H3ErrorCode.IdError],
    ["half a frame", onRequest(headers(OK).slice(0, 2), true), H3ErrorCode.FrameError],
    [
      "a dynamic reference",
      onRequest(frame(0x01, [0, 0, 0x80])),
      H3ErrorCode.QpackDecompressionFailed,
    ],
    ["a push stream", onUni(0x01), H3ErrorCode.IdError],
    ["a second control stream", onUni(0x00), H3ErrorCode.StreamCreationError],
    [
      "a bidirectional stream",
      (asked) => void asked.connection.peerStream(1),
      H3ErrorCode.StreamCreationError,
    ],
    ["SETTINGS twice", onControl(SETTINGS), H3ErrorCode.FrameUnexpected],
    ["MAX_PUSH_ID", onControl(frame(0x0d, [1])), H3ErrorCode.FrameUnexpected],
    ["CANCEL_PUSH", onControl(frame(0x03, [1])), H3ErrorCode.IdError],
    ["GOAWAY of no request", onControl(frame(0x07, [2])), H3ErrorCode.IdError],
    [
      "GOAWAY that goes up",
      onControl([...frame(0x07, [4]), ...frame(0x07, [8])]),
      H3ErrorCode.IdError,
    ],
    ["the end of control", (asked) => asked.control([], true), H3ErrorCode.ClosedCriticalStream],
  ])("%s", async (_what, fault, code) => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null).then(({ body }) => body.collect());
    answer.catch(() => {});
    fault(asked);
    expect(asked.connection.closed?.code).toBe(code);
    asked.connection.end({ by: "local", application: true, code, reason: "" });
    await expect(answer).rejects.toThrow();
    await expect(asked.h3.request(GET, null)).rejects.toThrow();
    expect([asked.h3.openRequests, asked.connection.leasesOpen]).toEqual([0, 0]);
  });
});

describe("ends", () => {
  test("the server's reset", async () => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null);
    asked.stream().sink!.onReset(H3ErrorCode.RequestRejected);
    await expect(answer).rejects.toThrow("the server did not process the request (0x10b)");
  });

  test("an abort, before and after the head", async () => {
    const asked = new Asked();
    const controller = new AbortController();
    const answer = asked.h3.request(GET, null, controller.signal);
    controller.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    expect(asked.stream().stopCode).toBe(H3ErrorCode.RequestCancelled);

    const late = new AbortController();
    const second = asked.h3.request(GET, null, late.signal);
    asked.answer([...headers(OK), ...content([1])], false, 4);
    const { body } = await second;
    late.abort(new Error("enough of it"));
    await expect(body.collect()).rejects.toThrow("enough of it");
    expect([asked.h3.openRequests, asked.connection.leasesOpen]).toEqual([0, 0]);
  });

  test("the connection's: every request is told why", async () => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null);
    asked.connection.end({ by: "peer", application: true, code: 0x107, reason: "too much" });
    await expect(answer).rejects.toThrow("by peer, 0x107: too much");
  });

  test("GOAWAY: what it names is rejected, the rest is finished, then it closes", async () => {
    const asked = new Asked();
    const first = asked.h3.request(GET, null);
    const second = asked.h3.request(GET, null);
    asked.control(frame(0x07, [4]));
    await expect(second).rejects.toMatchObject({ code: H3ErrorCode.RequestRejected });
    await expect(asked.h3.request(GET, null)).rejects.toThrow("going away");
    expect(asked.connection.closed).toBeNull();
    asked.answer(headers(OK));
    expect((await first).head.status).toBe(200);
    expect(asked.connection.closed).toMatchObject({ code: 0x100 });
  });

  test("a shutdown closes after the last response", async () => {
    const asked = new Asked();
    const answer = asked.h3.request(GET, null);
    asked.h3.onShutdown();
    expect(asked.connection.closed).toBeNull();
    asked.answer(headers(OK));
    await answer;
    expect(asked.connection.closed?.code).toBe(H3ErrorCode.NoError);
  });
});
