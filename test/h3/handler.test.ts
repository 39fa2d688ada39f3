/** Handlers that fail, are slow, are lean, and what is told to the program about them. */
import { describe, expect, test } from "bun:test";
import type { H3Handler, RequestInfo } from "../../src/apps/h3/handler.ts";
import { HeaderBlock } from "../../src/apps/h3/lean.ts";
import { KnownResponse } from "../../src/apps/h3/response.ts";
import { content, GET, head, headers, response, serve, settle, text } from "./client.ts";

const Lazy = KnownResponse as unknown as typeof Response;
const POST = headers(head({ ":method": "POST" }));

interface FailureCase extends H3Handler {
  name: string;
  errors?: number;
}

describe("failures become a 500 that says nothing, told to onError once", () => {
  test.each([
    {
      name: "throws",
      fetch: () => {
        throw new Error("secret");
      },
    },
    { name: "rejects", fetch: () => Promise.reject(new Error("secret")) },
    {
      name: "throws null",
      fetch: () => {
        throw null;
      },
    },
    { name: "returns nothing", fetch: () => undefined as unknown as Response },
    { name: "returns a string", fetch: () => "text" as unknown as Response },
    { name: "resolves to a number", fetch: async () => 5 as unknown as Response },
    {
      name: "returns a read Response",
      fetch: async () => {
        const r = new Response("x");
        await r.text();
        return r;
      },
    },
    {
      name: "lean throws",
      lean: () => {
        throw new Error("secret");
      },
    },
    {
      name: "lean rejects",
      lean: async () => {
        throw new Error("secret");
      },
    },
    { name: "lean ends without a response", lean: () => {} },
    { name: "lean resolves without a response", lean: async () => {} },
    {
      name: "error() throws too",
      fetch: () => {
        throw new Error("a");
      },
      error: () => {
        throw new Error("b");
      },
      errors: 2,
    },
    {
      name: "error() rejects too",
      fetch: () => {
        throw new Error("a");
      },
      error: () => Promise.reject(new Error("b")),
      errors: 2,
    },
  ] as FailureCase[])("$name", async ({ fetch, lean, error, errors: expected }) => {
    const { request, errors, connection, factory } = serve({ fetch, lean, error });
    const stream = request(headers(GET));
    await settle();
    expect(response(stream)).toMatchObject({
      status: 500,
      text: "Internal Server Error",
      complete: true,
    });
    expect(errors.length).toBe(expected ?? 1);
    expect(connection.closed).toBeNull();
    expect(factory.pendingRequests).toBe(0);
    expect(stream.sent.length).toBeLessThan(200);
  });

  test("error() makes the response", async () => {
    const { request } = serve({
      fetch: () => {
        throw new Error("why");
      },
      error: (error) => new Lazy(`sorry: ${(error as Error).message}`, { status: 503 }),
    });
    expect(response(request(headers(GET)))).toMatchObject({ status: 503, text: "sorry: why" });
  });

  test("after the head is out: RESET_STREAM with H3_INTERNAL_ERROR", async () => {
    const { request, errors } = serve(() => {
      const generate = async function* () {
        yield "part";
        throw new Error("in the middle");
      };
      return new Lazy(generate() as unknown as ReadableStream);
    });
    const stream = request(headers(GET));
    await settle();
    expect([stream.resetCode, stream.finSent, errors.length]).toEqual([0x102, false, 1]);
  });

  test("lean: twice is an error, and cuts nothing", () => {
    const { request, errors } = serve({
      lean: (ctx) => {
        ctx.respond(200, {}, "first");
        ctx.respond(200, {}, "second");
      },
    });
    const stream = request(headers(GET));
    expect(response(stream)).toMatchObject({ text: "first", complete: true });
    expect(errors.length).toBe(1);
  });
});

describe("lean", () => {
  test("sees method, path, fields, content, peer; responds in one Write", async () => {
    const block = new HeaderBlock({ "content-type": "application/x-lean" });
    const { request } = serve({
      lean: async (ctx) => {
        const body = Buffer.from(await ctx.bytes()).toString();
        const seen = [
          ctx.method,
          ctx.path,
          ctx.authority,
          ctx.header("x-a"),
          ctx.header("x-b"),
          ctx.peerAddress.port,
          body,
        ];
        ctx.respond(201, block, seen.join(" "));
      },
    });
    const stream = request([
      ...headers(head({ ":method": "POST", ":path": "/p?q" }, [["x-a", "1"]])),
      ...content(text("in")),
    ]);
    await settle();
    expect(response(stream)).toMatchObject({
      status: 201,
      text: "POST /p?q example.org 1  5555 in",
    });
    expect(response(stream).fields["content-type"]).toBe("application/x-lean");
    expect(stream.writes.length).toBe(1);
  });
});

describe("uploads", () => {
  test("wait as leases while nobody reads, and each is released once read", async () => {
    const gate = Promise.withResolvers<void>();
    let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
    const { connection, open } = serve(async (request) => {
      reader = request.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
      await gate.promise;
      return new Response("done");
    });
    const stream = open();
    connection.deliver(stream, POST, false);
    for (let i = 0; i < 10; i++)
      connection.deliver(stream, content(new Uint8Array(1000).fill(i)), i === 9);
    await settle(1);
    expect(connection.leasesOpen).toBe(10);
    for (let i = 0; i < 10; i++) {
      const { value } = await reader!.read();
      expect(value).toEqual(new Uint8Array(1000).fill(i));
      await settle(1);
      expect(connection.leasesOpen).toBe(9 - i);
    }
    gate.resolve();
    await settle();
    expect(response(stream).text).toBe("done");
  });

  test("an early response stops the request with H3_NO_ERROR (RFC 9114 §4.1)", async () => {
    const { connection, open } = serve(() => new Lazy("early"));
    const stream = open();
    connection.deliver(stream, [...POST, ...content(text("begin"))], false);
    expect(response(stream)).toMatchObject({ text: "early", complete: true });
    expect(stream.stopCode).toBe(0x100);
    connection.deliver(stream, content(text("more")), false);
    connection.deliver(stream, [0x04], true);
    expect(connection.leasesOpen).toBe(0);
    expect(connection.closed).toBeNull();
  });

  test("a reset midway aborts the signal, fails the reader, releases the leases", async () => {
    const seen: unknown[] = [];
    const { connection, open, factory, errors } = serve(async (request) => {
      request.signal.addEventListener("abort", () => seen.push(request.signal.reason));
      const reading = request.text();
      await Bun.sleep(0);
      return new Response(await reading);
    });
    const stream = open();
    connection.deliver(stream, [...POST, ...content(text("half"))], false);
    await settle(2);
    connection.deliver(stream, content(text("unread")), false);
    stream.sink!.onReset(0x10c);
    await settle(2);
    expect(seen).toEqual([expect.objectContaining({ name: "AbortError" })]);
    expect(connection.leasesOpen).toBe(0);
    expect(factory.pendingRequests).toBe(0);
    expect(stream.resetCode).toBe(0x10c);
    expect(stream.sent).toEqual([]);
    expect(errors.length).toBe(1);
  });

  test("reading on behind the response fails instead of ending short", async () => {
    const late = Promise.withResolvers<unknown>();
    const { connection, open } = serve((request) => {
      setTimeout(() => request.text().then(late.resolve, late.reject), 2);
      return new Lazy("early");
    });
    const stream = open();
    connection.deliver(stream, [...POST, ...content(text("begin"))], false);
    expect(late.promise).rejects.toThrow("the response is complete");
    await Bun.sleep(5);
    expect(connection.leasesOpen).toBe(0);
  });

  test("STOP_SENDING while the handler thinks, and the end of the connection", async () => {
    for (const end of ["stop", "close"]) {
      let signal: AbortSignal | null = null;
      const { connection, open, factory } = serve(async (request) => {
        signal = request.signal;
        await Bun.sleep(5);
        return new Response("too late");
      });
      const stream = open();
      connection.deliver(stream, [...POST, ...content(text("half"))], false);
      if (end === "stop") stream.sink!.onStopped(0x10c);
      else connection.end();
      expect(signal!.aborted).toBe(true);
      await Bun.sleep(10);
      expect(stream.sent).toEqual([]);
      expect([connection.leasesOpen, factory.pendingRequests]).toEqual([0, 0]);
    }
  });

  test("a handler that cancels the body stops the client, and still answers", async () => {
    const { connection, open } = serve(async (request) => {
      await request.body!.cancel();
      return new Response("enough");
    });
    const stream = open();
    connection.deliver(stream, [...POST, ...content(text("half"))], false);
    await settle();
    expect(stream.stopCode).toBe(0x100);
    expect(response(stream).text).toBe("enough");
    expect(connection.leasesOpen).toBe(0);
  });

  test("100 (Continue) is sent when the handler starts to read (RFC 9110 §10.1.1)", async () => {
    const gate = Promise.withResolvers<void>();
    const { connection, open } = serve(async (request) => {
      await gate.promise;
      return new Response(await request.text());
    });
    const stream = open();
    connection.deliver(
      stream,
      headers(head({ ":method": "POST" }, [["expect", "100-continue"]])),
      false,
    );
    await settle(2);
    expect(stream.sent).toEqual([]);
    gate.resolve();
    await settle(2);
    expect(response(stream).interim).toEqual([100]);
    connection.deliver(stream, content(text("content")), true);
    await settle();
    expect(response(stream)).toMatchObject({ status: 200, text: "content", interim: [100] });
  });
});

test("onRequest is told of each request once", async () => {
  const log: RequestInfo[] = [];
  const { request, open, connection } = serve(
    (incoming) => new Lazy(incoming.url.length > 25 ? "hello" : null),
    {
      onRequest: (info) => log.push(info),
    },
  );
  request(headers(head({ ":path": "/a-path" })));
  request(
    headers([
      [":method", "CONNECT"],
      [":authority", "a:1"],
    ]),
  );
  const stream = open();
  connection.deliver(stream, headers(head({}, [["x", "y".repeat(40_000)]])), true);
  expect(log.map(({ method, path, status, bytes }) => [method, path, status, bytes])).toEqual([
    ["GET", "/a-path", 200, 5],
    ["CONNECT", "", 501, 15],
    ["", "", 431, 31],
  ]);
  expect(log[0]).toMatchObject({
    connectionId: connection.connectionId,
    peer: connection.peerAddress,
  });
  expect(log[0]!.durationUs).toBeGreaterThanOrEqual(0);
});

test("the server argument", async () => {
  const { request } = serve(
    (incoming, server) =>
      new Lazy(`${server.requestIP(incoming)?.address} ${server.pendingRequests}`),
  );
  expect(response(request(headers(GET))).text).toBe("192.0.2.7 1");
});
