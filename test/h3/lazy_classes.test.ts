/** Our Request and Response against the real ones: the same answers to the same questions. */
import { afterAll, describe, expect, test } from "bun:test";
import { installKnownResponse } from "../../src/apps/h3/globals.ts";
import { connectionOf, nativeRequest } from "../../src/apps/h3/request.ts";
import { KnownResponse } from "../../src/apps/h3/response.ts";
import { content, head, headers, response, serve, settle, text } from "./client.ts";

const Native = { Request, Response, fetch };
const Lazy = KnownResponse as unknown as typeof Response;

afterAll(() => {
  Object.assign(globalThis, Native);
});

describe("Response", () => {
  const cases: ((R: typeof Response) => Response)[] = [
    (R) => new R("text"),
    (R) => new R(),
    (R) => new R(null, { status: 204 }),
    (R) =>
      new R("x", {
        status: 404,
        statusText: "Nope",
        headers: { a: "b", "Content-Type": "text/html" },
      }),
    (R) =>
      new R("x", {
        headers: [
          ["a", "b"],
          ["a", "c"],
        ],
      }),
    (R) => new R("x", { headers: new Headers({ a: "b" }) }),
    (R) => new R(new Blob(["blob"], { type: "text/css" })),
    (R) => new R(new URLSearchParams("a=b")),
    (R) => new R(new Uint8Array([65, 66])),
    (R) => R.json({ a: [1] }),
    (R) => R.json([1], { status: 201, headers: { "content-type": "application/x" } }),
    (R) => R.redirect("https://example.org/x"),
    (R) => R.redirect("/y", 307),
  ];
  test.each(cases.map((make, i) => ({ i, make })))(
    "case $i answers as the real one",
    async ({ make }) => {
      const lazy = make(Lazy);
      const real = make(Native.Response);
      const about = async (r: Response) => ({
        status: r.status,
        statusText: r.statusText,
        ok: r.ok,
        redirected: r.redirected,
        bodyUsed: r.bodyUsed,
        headers: Object.fromEntries(
          [...r.headers].map(([name, value]) => [name, value.toLowerCase()]),
        ),
        null: r.body === null,
        text: await r.clone().text(),
        bytes: [...(await r.bytes())],
        after: r.bodyUsed,
      });
      const expected = await about(real);
      // Bun's own leaves the implied type to Bun.serve; the Fetch standard and the lazy one do not.
      if (lazy.headers.get("content-type") === "text/plain;charset=utf-8") {
        expected.headers["content-type"] ??= "text/plain;charset=utf-8";
      }
      expect(await about(lazy)).toEqual(expected);
    },
  );

  test("both are instances of both", () => {
    expect(new Lazy("") instanceof Native.Response).toBe(true);
    expect(new Lazy("") instanceof Lazy).toBe(true);
    expect(new Native.Response("") instanceof Lazy).toBe(true);
    expect({} instanceof (Lazy as unknown as typeof Object)).toBe(false);
    expect(String(new Lazy(""))).toBe("[object Response]");
  });

  test("wrong statuses throw as the real one does", () => {
    for (const status of [0, 99, 199, 600, 1000]) {
      expect(() => new Lazy("", { status })).toThrow(RangeError);
      expect(() => new Native.Response("", { status })).toThrow(RangeError);
    }
  });

  test("headers changed later are sent; a body read by the handler is an error", async () => {
    const { request, errors } = serve(async (incoming) => {
      const made = new Lazy("x");
      made.headers.set("x-late", "1");
      if (incoming.url.endsWith("read")) await made.text();
      return made;
    });
    const good = request(headers(head({})));
    const bad = request(headers(head({ ":path": "/read" })));
    await settle();
    expect(response(good).fields["x-late"]).toBe("1");
    expect(response(bad).status).toBe(500);
    expect(errors.length).toBe(1);
  });

  test("made from another's body and init, as frameworks do", async () => {
    const { request } = serve(() => {
      const first = new Lazy("inner", { status: 202, headers: { a: "b" } });
      return new Lazy(first.body, first as ResponseInit);
    });
    const stream = request(headers(head({})));
    await settle();
    expect(response(stream)).toMatchObject({ status: 202, text: "inner" });
    expect(response(stream).fields.a).toBe("b");
  });
});

describe("Request", () => {
  /** What the handler makes of a request. */
  async function ask<T>(
    look: (request: Request) => T | Promise<T>,
    fields = head({ ":method": "POST", ":path": "/p?q=1" }, [
      ["x-a", "1"],
      ["x-a", "2"],
      ["content-type", "text/x"],
    ]),
    body: number[] = content(text('{"a":1}')),
  ): Promise<T> {
    const answer = Promise.withResolvers<T>();
    const { request } = serve(async (incoming) => {
      try {
        answer.resolve(await look(incoming));
      } catch (error) {
        answer.reject(error);
      }
      return new Response("");
    });
    request([...headers(fields), ...body]);
    return await answer.promise;
  }

  test("method, url, headers", async () => {
    const seen = await ask((request) => ({
      method: request.method,
      url: request.url,
      one: request.headers.get("X-A"),
      none: request.headers.get("nope"),
      has: [request.headers.has("x-a"), request.headers.has("X-B")],
      all: [...request.headers],
      keys: [...request.headers.keys()],
      is: [request instanceof Request, request.headers instanceof Headers],
      tag: [String(request), String(request.headers)],
    }));
    expect(seen).toEqual({
      method: "POST",
      url: "https://example.org/p?q=1",
      one: "1, 2",
      none: null,
      has: [true, false],
      all: [
        ["content-type", "text/x"],
        ["x-a", "1, 2"],
      ],
      keys: ["content-type", "x-a"],
      is: [true, true],
      tag: ["[object Request]", "[object Headers]"],
    });
  });

  test("headers can be changed without touching another request's", async () => {
    for (let i = 0; i < 4; i++) {
      expect(
        await ask((request) => {
          request.headers.append("x-a", String(i));
          return request.headers.get("x-a");
        }),
      ).toBe(`1, 2, ${i}`);
    }
  });

  test("each way to read the content", async () => {
    expect(await ask((request) => request.text())).toBe('{"a":1}');
    expect(await ask((request) => request.json())).toEqual({ a: 1 });
    expect(await ask(async (request) => (await request.arrayBuffer()).byteLength)).toBe(7);
    expect(await ask(async (request) => [...(await request.bytes())].length)).toBe(7);
    expect(
      await ask(async (request) => {
        const blob = await request.blob();
        return [blob.size, blob.type];
      }),
    ).toEqual([7, "text/x"]);
    expect(
      await ask(async (request) => {
        let read = "";
        for await (const chunk of request.body!) read += Buffer.from(chunk).toString();
        return read;
      }),
    ).toBe('{"a":1}');
    expect(
      await ask(async (request) => [await request.clone().text(), await request.text()]),
    ).toEqual(['{"a":1}', '{"a":1}']);
    expect(await ask((request) => new Native.Response(request.body).text())).toBe('{"a":1}');
    expect(await ask((request) => nativeRequest(request).text())).toBe('{"a":1}');
  });

  test("form data", async () => {
    const fields = head({ ":method": "POST" }, [
      ["content-type", "application/x-www-form-urlencoded"],
    ]);
    expect(
      await ask(
        async (request) => (await request.formData()).get("a"),
        fields,
        content(text("a=b")),
      ),
    ).toBe("b");
  });

  test("content is read once", async () => {
    expect(
      await ask(async (request) => {
        const before = request.bodyUsed;
        await request.text();
        return [before, request.bodyUsed];
      }),
    ).toEqual([false, true]);
    expect(ask(async (request) => [await request.text(), await request.text()])).rejects.toThrow(
      TypeError,
    );
    expect(ask(async (request) => [await request.text(), request.clone()])).rejects.toThrow(
      TypeError,
    );
  });

  test("without content: body null, every reader empty", async () => {
    const fields = head({});
    expect(
      await ask(
        async (request) => [request.body, await request.text(), request.bodyUsed],
        fields,
        [],
      ),
    ).toEqual([null, "", false]);
    expect(await ask((request) => nativeRequest(request).url, fields, [])).toBe(
      "https://example.org/",
    );
  });

  test("the connection behind it", async () => {
    expect(await ask((request) => connectionOf(request)?.peerAddress.port)).toBe(5555);
    expect(connectionOf(new Request("https://example.org/"))).toBeNull();
  });
});

describe("installed", () => {
  test("Hono answers through both", async () => {
    installKnownResponse();
    const { Hono } = await import("hono");
    const app = new Hono();
    app.use(async (c, next) => {
      await next();
      c.res.headers.set("x-after", "1");
    });
    app.get("/hi/:name", (c) => c.text(`hi ${c.req.param("name")} ${c.req.query("q")}`));
    app.post("/json", async (c) => c.json(await c.req.json(), 201));
    const { request } = serve(app.fetch as (incoming: Request) => Promise<Response>);
    const get = request(headers(head({ ":path": "/hi/bun?q=1" })));
    const post = request([
      ...headers(head({ ":method": "POST", ":path": "/json" })),
      ...content(text('{"a":1}')),
    ]);
    const none = request(headers(head({ ":path": "/none" })));
    await settle(20);
    expect(response(get)).toMatchObject({ status: 200, text: "hi bun 1", complete: true });
    expect(response(get).fields["x-after"]).toBe("1");
    expect(response(post)).toMatchObject({ status: 201, text: '{"a":1}' });
    expect(response(none)).toMatchObject({ status: 404, text: "404 Not Found" });
  });

  test("Response remembers, and Request takes a handler's request", async () => {
    installKnownResponse();
    installKnownResponse();
    expect(KnownResponse.body(new Response("x"))).toBe("x");
    expect(KnownResponse.body(Response.json({}))).toBe("{}");
    expect(new Request("https://a.b/") instanceof Request).toBe(true);
    const { request } = serve(async (incoming) => {
      const copy = new Request(incoming, { headers: { "x-new": "1" } });
      return new Response(
        `${copy.method} ${copy.url} ${copy.headers.get("x-new")} ${await copy.text()}`,
      );
    });
    const stream = request([...headers(head({ ":method": "POST" })), ...content(text("body"))]);
    await settle();
    expect(response(stream).text).toBe("POST https://example.org/ 1 body");
  });
});
