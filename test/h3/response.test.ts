/**
 * Responses of every kind, as real and as lazy Response, with as much room as they like, one byte
 * of credit at a time, and a full ring: the client must see the same.
 */
import { describe, expect, test } from "bun:test";
import { attachBodySource, type BodySource } from "../../src/apps/h3/body.ts";
import { KnownResponse } from "../../src/apps/h3/response.ts";
import type { FakeConnection, FakeStream } from "../support/fake_connection.ts";
import { GET, head, headers, response, serve, settle } from "./client.ts";

const Lazy = KnownResponse as unknown as typeof Response;
const KINDS = [
  { kind: "real", R: Response },
  { kind: "lazy", R: Lazy },
];
const BIG = "0123456789abcdef".repeat(3000);
const HEAD = headers(head({ ":method": "HEAD" }));
const encoder = new TextEncoder();

function pieces(...chunks: (string | Uint8Array)[]): ReadableStream {
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(0);
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
    },
  });
}

/** Reads from `bytes`; `length` as told, failing or ending where told. */
class TestSource implements BodySource {
  closed = 0;
  #offset = 0;
  constructor(
    readonly bytes: Uint8Array,
    readonly length: number | null,
    readonly failAt = Number.POSITIVE_INFINITY,
  ) {}
  read(memory: Uint8Array, offset: number, capacity: number): number {
    if (this.#offset >= this.failAt) return -1;
    const end = Math.min(
      this.#offset + capacity,
      this.bytes.length,
      this.failAt,
      this.#offset + 5000,
    );
    memory.set(this.bytes.subarray(this.#offset, end), offset);
    const read = end - this.#offset;
    this.#offset = end;
    return read;
  }
  close(): void {
    this.closed++;
  }
}

type Pressure = (connection: FakeConnection, stream: FakeStream) => Promise<void>;
const PRESSURES: { name: string; credit: number; relieve: Pressure }[] = [
  { name: "with room", credit: 1 << 20, relieve: () => settle(12) },
  {
    name: "with a drip of credit",
    credit: 0,
    relieve: async (_connection, stream) => {
      for (let i = 0; i < 3000 && !stream.finSent; i++) {
        stream.grant(i < 300 ? 1 : 97);
        if (i % 20 === 0) await Bun.sleep(0);
      }
      await settle(4);
    },
  },
  {
    name: "with a ring that is full again and again",
    credit: 1 << 20,
    relieve: async (connection, stream) => {
      connection.full = true;
      for (let i = 0; i < 60 && !stream.finSent; i++) {
        await Bun.sleep(0);
        connection.drained();
        connection.full = true;
      }
    },
  },
];

describe.each(KINDS)("$kind Response", ({ R }) => {
  describe.each(PRESSURES)("$name", ({ credit, relieve }) => {
    async function answer(make: () => Response, request = headers(GET)) {
      const served = serve(make);
      const stream = served.open();
      stream.credit = credit;
      served.connection.full = credit > 0 && relieve !== PRESSURES[0]!.relieve;
      served.connection.deliver(stream, request, true);
      await relieve(served.connection, stream);
      expect(stream.resetCode).toBe(-1);
      expect(served.factory.pendingRequests).toBe(0);
      expect(served.errors).toEqual([]);
      const parsed = response(stream);
      expect(parsed.complete).toBe(true);
      expect(parsed.fields.date).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
      return parsed;
    }

    test("text", async () => {
      const parsed = await answer(() => new R("hello"));
      expect(parsed).toMatchObject({ status: 200, text: "hello" });
      // Bun's own Response does not say what it was made of before Bun.serve sends it.
      const type = R === Lazy ? "text/plain;charset=utf-8" : undefined;
      expect(parsed.fields["content-type"]).toBe(type!);
    });

    test("text beyond ASCII", async () => {
      expect((await answer(() => new R("grüße 日本語 😀"))).text).toBe("grüße 日本語 😀");
    });

    test("48,000 bytes of text", async () => {
      expect((await answer(() => new R(BIG))).text).toBe(BIG);
    });

    test("text around the size of one buffer", async () => {
      for (let size = 16_250; size <= 16_390; size += 7) {
        expect((await answer(() => new R(BIG.slice(0, size)))).body.length).toBe(size);
        if (credit === 0) return;
      }
    });

    test("nothing", async () => {
      expect(await answer(() => new R(null))).toMatchObject({ status: 200, text: "" });
      expect(await answer(() => new R(""))).toMatchObject({ status: 200, text: "" });
    });

    test("bytes, buffers and views", async () => {
      const bytes = encoder.encode(BIG);
      expect((await answer(() => new R(bytes))).text).toBe(BIG);
      expect((await answer(() => new R(bytes.buffer))).text).toBe(BIG);
      expect((await answer(() => new R(bytes.subarray(3, 9)))).text).toBe(BIG.slice(3, 9));
      expect((await answer(() => new R(new DataView(bytes.buffer, 3, 6)))).text).toBe(
        BIG.slice(3, 9),
      );
    });

    test("Blob with its type", async () => {
      const parsed = await answer(() => new R(new Blob(["a", BIG], { type: "text/x-blob" })));
      expect(parsed.text).toBe(`a${BIG}`);
      expect(parsed.fields["content-type"]).toContain("text/x-blob");
    });

    test("Bun.file", async () => {
      const path = `${import.meta.dir}/frame.test.ts`;
      expect((await answer(() => new R(Bun.file(path)))).text).toBe(await Bun.file(path).text());
    });

    test("URLSearchParams", async () => {
      const parsed = await answer(() => new R(new URLSearchParams({ a: "b c" })));
      expect(parsed.text).toBe("a=b+c");
      expect(parsed.fields["content-type"]?.toLowerCase()).toBe(
        "application/x-www-form-urlencoded;charset=utf-8",
      );
    });

    test("FormData with its boundary", async () => {
      const form = new FormData();
      form.set("field", "value");
      const parsed = await answer(() => new R(form));
      const type = { "content-type": parsed.fields["content-type"]! };
      const back = await new Response(parsed.body, { headers: type }).formData();
      expect(back.get("field")).toBe("value");
    });

    test("ReadableStream", async () => {
      const parsed = await answer(() => new R(pieces("one ", BIG, "", " two")));
      expect(parsed.text).toBe(`one ${BIG} two`);
      expect(parsed.fields["content-length"]).toBeUndefined();
      expect((await answer(() => new R(pieces()))).text).toBe("");
    });

    test("async generator", async () => {
      const generate = async function* () {
        yield "a";
        await Bun.sleep(0);
        yield encoder.encode("b");
      };
      const parsed = await answer(() => new R(generate() as unknown as ReadableStream));
      expect(parsed.text).toBe("ab");
    });

    test("a source of known length, and of unknown", async () => {
      const bytes = encoder.encode(BIG);
      for (const length of [bytes.length, null]) {
        const source = new TestSource(bytes, length);
        const parsed = await answer(() => {
          const made = new R(null, { status: 203, headers: { "x-file": "1" } });
          attachBodySource(made, source);
          return made;
        });
        expect(parsed).toMatchObject({ status: 203, text: BIG });
        expect(parsed.fields["x-file"]).toBe("1");
        expect(parsed.fields["content-length"]).toBe(length === null ? undefined : "48000");
        expect(source.closed).toBe(1);
      }
    });

    test("HEAD, 204 and 304 have no content", async () => {
      const toHead = await answer(() => new R("hello"), HEAD);
      expect(toHead).toMatchObject({ status: 200, text: "" });
      for (const status of [204, 304]) {
        const parsed = await answer(() => new R(null, { status, headers: { etag: '"x"' } }));
        expect(parsed).toMatchObject({ status, text: "" });
        expect(parsed.fields["content-length"]).toBeUndefined();
      }
      const source = new TestSource(encoder.encode(BIG), 48000);
      const parsed = await answer(() => {
        const made = new R(null);
        attachBodySource(made, source);
        return made;
      }, HEAD);
      expect(parsed.fields["content-length"]).toBe("48000");
      expect(source.closed).toBe(1);
    });

    test("a head of 40 KiB", async () => {
      const fields = { "x-large": "v".repeat(40_000) };
      const parsed = await answer(() => new R("small", { headers: fields }));
      expect(parsed.fields["x-large"]).toBe(fields["x-large"]);
      expect(parsed.text).toBe("small");
    });
  });

  test("status, fields, several set-cookies; fields of one connection are dropped", async () => {
    const { request } = serve(() => {
      const made = new R("x", {
        status: 418,
        headers: { "X-Upper": "1", connection: "close", "keep-alive": "5", upgrade: "h2" },
      });
      made.headers.append("set-cookie", "a=1");
      made.headers.append("set-cookie", "b=2");
      return made;
    });
    const stream = request(headers(GET));
    await settle();
    const { status, fields } = response(stream);
    expect(status).toBe(418);
    expect(fields).toMatchObject({ "x-upper": "1", "set-cookie": "a=1|b=2" });
    for (const name of ["connection", "keep-alive", "upgrade"])
      expect(fields[name]).toBeUndefined();
  });

  test("content-length of the handler's own counts where the body knows none", async () => {
    const run = async (make: () => Response, request = headers(GET)) => {
      const served = serve(make);
      const stream = served.request(request);
      await settle(16);
      return { stream, ...response(stream), errors: served.errors };
    };
    const five = { "content-length": "5" };
    expect(
      (await run(() => new R(pieces("he", "llo"), { headers: five }))).fields["content-length"],
    ).toBe("5");
    expect((await run(() => new R(null, { headers: five }), HEAD)).fields["content-length"]).toBe(
      "5",
    );
    for (const body of ["hell", "hello!"]) {
      const { stream, errors } = await run(() => new R(pieces(body), { headers: five }));
      expect(stream.resetCode).toBe(0x102);
      expect(errors.length).toBe(1);
    }
  });

  test.each([{ failAt: 0 }, { failAt: 20_000 }])(
    "a source that fails at $failAt resets, H3_INTERNAL_ERROR",
    ({ failAt }) => {
      for (const length of [48_000, null]) {
        const source = new TestSource(encoder.encode(BIG), length, failAt);
        const { request, errors, factory } = serve(() => {
          const made = new R(null);
          attachBodySource(made, source);
          return made;
        });
        const stream = request(headers(GET));
        if (stream.sent.length === 0) throw new Error("nothing at all was sent");
        const parsed = response(stream);
        expect(parsed.status === 500 || stream.resetCode === 0x102).toBe(true);
        expect(errors.length).toBe(1);
        expect(source.closed).toBe(1);
        expect(factory.pendingRequests).toBe(0);
      }
    },
  );

  test("a source that ends before its length (a file that shrank) resets", () => {
    const source = new TestSource(encoder.encode(BIG), 48_001);
    const { request } = serve(() => {
      const made = new R(null);
      attachBodySource(made, source);
      return made;
    });
    const stream = request(headers(GET));
    expect([stream.resetCode, stream.finSent, source.closed]).toEqual([0x102, false, 1]);
  });

  test("STOP_SENDING, reset and the end of the connection cancel the body", async () => {
    const ways: ((connection: FakeConnection, stream: FakeStream) => void)[] = [
      (_connection, stream) => stream.sink!.onStopped(0x10c),
      (connection) => connection.end(),
    ];
    for (const stop of ways) {
      let reason: unknown = null;
      const body = new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
        cancel: (given) => {
          reason = given;
        },
      });
      const { connection, open, factory } = serve(() => new R(body));
      const stream = open();
      stream.credit = 5000;
      connection.deliver(stream, headers(GET), true);
      await settle(4);
      stop(connection, stream);
      await settle(4);
      expect(reason).toBeInstanceOf(DOMException);
      expect(factory.pendingRequests).toBe(0);
      const sent = stream.sent.length;
      stream.grant(10_000);
      expect(stream.sent.length).toBe(sent);
    }
  });

  test("a stream that fails before its first byte still resets: its head is out", async () => {
    const { request, errors } = serve(
      () =>
        new R(new ReadableStream({ pull: (controller) => controller.error(new Error("boom")) })),
    );
    const stream = request(headers(GET));
    await settle();
    expect([stream.resetCode, errors.length]).toEqual([0x102, 1]);
  });
});

describe("lazy Response only", () => {
  test("a small response is one Write", () => {
    const { request } = serve(() => new Lazy("hello", { headers: { "x-a": "b" } }));
    expect(request(headers(GET)).writes.length).toBe(1);
    const bytes = serve(() => new Lazy(new Uint8Array(15_000))).request(headers(GET));
    expect(bytes.writes.length).toBe(1);
  });

  test("101 is a 500: HTTP/3 switches no protocols (RFC 9114 §4.5)", () => {
    const stream = serve(() => new Lazy(null, { status: 101 })).request(headers(GET));
    expect(response(stream).status).toBe(500);
  });

  test("content-length is what is sent", () => {
    for (const [body, length] of [
      ["hello", "5"],
      ["ü", "2"],
      [null, "0"],
      ["", "0"],
      [BIG, "48000"],
    ] as const) {
      const stream = serve(() => new Lazy(body)).request(headers(GET));
      expect(response(stream).fields["content-length"]).toBe(length);
    }
    const stream = serve(() => new Lazy("hello", { headers: { "content-length": "99" } })).request(
      headers(GET),
    );
    expect(response(stream).fields["content-length"]).toBe("5");
  });

  test("a missing Bun.file is 500, not an empty success", async () => {
    const { request, errors } = serve(() => new Lazy(Bun.file("/nonexistent/file")));
    const stream = request(headers(GET));
    await settle(20);
    expect(response(stream)).toMatchObject({
      status: 500,
      text: "Internal Server Error",
      complete: true,
    });
    expect(errors.length).toBe(1);
  });

  test("bytes changed behind its back are not sent", async () => {
    const shared = encoder.encode("first");
    const { request } = serve(async () => {
      const made = new Lazy(shared);
      await Bun.sleep(0);
      shared.set(encoder.encode("other"));
      return made;
    });
    const stream = request(headers(GET));
    await settle(4);
    expect(response(stream).text).toBe("first");
  });

  test("fields are cached by all of status, names, values", () => {
    let made: Response = new Lazy("");
    const { request } = serve(() => made);
    const variants = [
      [200, { a: "1" }],
      [200, { a: "2" }],
      [200, { b: "1" }],
      [201, { a: "1" }],
      [200, { a: "1", b: "2" }],
      [200, { b: "2", a: "1" }],
      [200, { vary: "content-type" }],
    ] as const;
    for (let round = 0; round < 3; round++) {
      for (const [status, fields] of variants) {
        made = new Lazy("x", { status, headers: fields as Record<string, string> });
        const parsed = response(request(headers(GET)));
        expect(parsed.status).toBe(status);
        expect(parsed.fields).toMatchObject(fields);
        expect(parsed.fields["content-type"]).toBe("text/plain;charset=utf-8");
        expect(Object.keys(parsed.fields).length).toBe(Object.keys(fields).length + 3);
      }
    }
  });
});

describe("what can't be sent is a 500, never a split response (RFC 9110 §5.5)", () => {
  test.each([
    { "x-a": "b\r\nset-cookie: c=d" },
    { "x-a": "b\0" },
    { "x a": "b" },
    { "x:a": "b" },
    { "": "b" },
    { "x-a": "日本" },
  ])("%j", (fields) => {
    const { request, errors } = serve(
      () => new Lazy("x", { headers: fields as unknown as Record<string, string> }),
    );
    const stream = request(headers(GET));
    expect(response(stream)).toMatchObject({ status: 500, text: "Internal Server Error" });
    expect(errors[0]).toBeInstanceOf(TypeError);
  });
});
