/**
 * Well-formed and malformed requests, RFC 9114 §4.1.2, §4.2, §4.3: through a whole connection, so
 * that the codes are those a client sees, and the handler must not run for a malformed one.
 */
import { describe, expect, test } from "bun:test";
import {
  content,
  type Fields,
  frame,
  GET,
  head,
  headers,
  response,
  section,
  serve,
  text,
} from "./client.ts";

function outcome(bytes: readonly number[], fin = true) {
  let ran = 0;
  const served = serve(async (request) => {
    ran++;
    return new Response(`${request.method} ${request.url}`);
  });
  const stream = served.request(bytes, fin);
  return { ...served, stream, ran };
}

const post = (...more: Fields[number][]): Fields => head({ ":method": "POST" }, more);

describe("malformed requests are reset with H3_MESSAGE_ERROR", () => {
  const pseudo = (...fields: Fields[number][]): Fields => fields;
  test.each([
    { name: "no :method", fields: head({ ":method": null }) },
    { name: "no :scheme", fields: head({ ":scheme": null }) },
    { name: "no :path", fields: head({ ":path": null }) },
    { name: "no :authority and no host", fields: head({ ":authority": null }) },
    { name: "empty :method", fields: head({ ":method": "" }) },
    { name: ":method that is no token", fields: head({ ":method": "GE T" }) },
    { name: "empty :path", fields: head({ ":path": "" }) },
    { name: ":path without a slash", fields: head({ ":path": "index.html" }) },
    { name: ":path * with GET", fields: head({ ":path": "*" }) },
    { name: ":path with a space", fields: head({ ":path": "/a b" }) },
    { name: ":path with a fragment", fields: head({ ":path": "/a#b" }) },
    { name: ":path with a control", fields: head({ ":path": "/a\tb" }) },
    { name: "empty :authority", fields: head({ ":authority": "" }) },
    { name: ":authority with user information", fields: head({ ":authority": "u@example.org" }) },
    { name: ":authority with a path", fields: head({ ":authority": "example.org/x" }) },
    { name: ":authority that is no host", fields: head({ ":authority": "exa[mple" }) },
    { name: ":authority with port 70000", fields: head({ ":authority": "example.org:70000" }) },
    { name: ":scheme ftp", fields: head({ ":scheme": "ftp" }) },
    { name: "host that differs", fields: head({}, [["host", "other.org"]]) },
    { name: "two :path", fields: head({}, []).concat([[":path", "/b"]]) },
    { name: "two :method", fields: [[":method", "GET"] as const, ...GET] },
    {
      name: "pseudo-field after a field",
      fields: pseudo(...GET.slice(0, 3), ["a", "b"], [":path", "/"]),
    },
    { name: "unknown pseudo-field", fields: head({}, []).concat([[":foo", "x"]]) },
    { name: ":status in a request", fields: head({}, []).concat([[":status", "200"]]) },
    {
      name: ":protocol, which is not offered",
      fields: head({ ":method": "CONNECT" }).concat([[":protocol", "websocket"]]),
    },
    { name: "upper-case name", fields: head({}, [["X-Upper", "1"]]) },
    { name: "empty name", fields: head({}, [["", "1"]]) },
    { name: "name with a space", fields: head({}, [["a b", "1"]]) },
    { name: "name with a colon", fields: head({}, [["a:b", "1"]]) },
    { name: "value with LF", fields: head({}, [["a", "b\nc: d"]]) },
    { name: "value with CR", fields: head({}, [["a", "b\rc"]]) },
    { name: "value with NUL", fields: head({}, [["a", "b\0"]]) },
    { name: "connection", fields: head({}, [["connection", "close"]]) },
    { name: "keep-alive", fields: head({}, [["keep-alive", "1"]]) },
    { name: "proxy-connection", fields: head({}, [["proxy-connection", "x"]]) },
    { name: "transfer-encoding", fields: head({}, [["transfer-encoding", "chunked"]]) },
    { name: "upgrade", fields: head({}, [["upgrade", "h2c"]]) },
    { name: "te: gzip", fields: head({}, [["te", "gzip"]]) },
    { name: "te: trailers, gzip", fields: head({}, [["te", "trailers, gzip"]]) },
    { name: "content-length that is no number", fields: post(["content-length", "1x"]) },
    { name: "negative content-length", fields: post(["content-length", "-1"]) },
    { name: "empty content-length", fields: post(["content-length", ""]) },
    { name: "two content-lengths", fields: post(["content-length", "0"], ["content-length", "0"]) },
    { name: "content-length without content", fields: post(["content-length", "5"]) },
    { name: "CONNECT with :path", fields: head({ ":method": "CONNECT", ":scheme": null }) },
    { name: "CONNECT with :scheme", fields: head({ ":method": "CONNECT", ":path": null }) },
    {
      name: "CONNECT without :authority",
      fields: [[":method", "CONNECT"] as const, ["host", "a.b"] as const],
    },
  ])("$name", ({ fields }) => {
    const { stream, ran, connection, factory } = outcome(headers(fields));
    expect(stream.resetCode).toBe(0x10e);
    expect(stream.sent).toEqual([]);
    expect(ran).toBe(0);
    expect(connection.closed).toBeNull();
    expect(factory.pendingRequests).toBe(0);
  });

  test.each([
    { name: "less content than announced", body: content(text("1234")) },
    { name: "more content than announced", body: content(text("123456")) },
    { name: "more, in two frames", body: [...content(text("12345")), ...content(text("6"))] },
    {
      name: "pseudo-field in trailers",
      body: [...content(text("12345")), ...headers([[":path", "/"]])],
    },
    { name: "upper case in trailers", body: [...content(text("12345")), ...headers([["A", "b"]])] },
    {
      name: "connection in trailers",
      body: [...content(text("12345")), ...headers([["connection", "x"]])],
    },
  ])("$name", ({ body }) => {
    const { stream, ran, connection } = outcome([
      ...headers(post(["content-length", "5"])),
      ...body,
    ]);
    expect(stream.resetCode).toBe(0x10e);
    expect(ran).toBe(0);
    expect(connection.leasesOpen).toBe(0);
  });
});

describe("well-formed requests reach the handler", () => {
  test.each([
    { fields: GET, url: "GET https://example.org/" },
    { fields: head({ ":scheme": "http" }), url: "GET http://example.org/" },
    {
      fields: head({ ":path": "/a/b?c=d&e=%20#".slice(0, -1) }),
      url: "GET https://example.org/a/b?c=d&e=%20",
    },
    { fields: head({ ":method": "OPTIONS", ":path": "*" }), url: "OPTIONS https://example.org/*" },
    { fields: head({ ":authority": null }, [["host", "h.org"]]), url: "GET https://h.org/" },
    { fields: head({}, [["host", "example.org"]]), url: "GET https://example.org/" },
    { fields: head({ ":authority": "Example.ORG:443" }), url: "GET https://example.org/" },
    { fields: head({ ":authority": "example.org:4433" }), url: "GET https://example.org:4433/" },
    { fields: head({ ":authority": "[::1]:4433" }), url: "GET https://[::1]:4433/" },
    { fields: head({ ":authority": "127.0.0.1:80" }), url: "GET https://127.0.0.1:80/" },
    { fields: head({ ":authority": "0x7f.1" }), url: "GET https://127.0.0.1/" },
    { fields: head({ ":path": "/a/../b/./c" }), url: "GET https://example.org/b/c" },
    { fields: head({ ":path": "/a/%2e%2e/b" }), url: "GET https://example.org/b" },
    {
      fields: head({ ":path": "/gr\xc3\xbc\xc3\x9fe" }),
      url: "GET https://example.org/gr%C3%BC%C3%9Fe",
    },
    { fields: head({ ":method": "PURGE" }), url: "PURGE https://example.org/" },
    {
      fields: head({}, [
        ["te", "trailers"],
        ["a", ""],
        ["b", "  padded\t"],
      ]),
      url: "GET https://example.org/",
    },
    { fields: post(["content-length", "0"]), url: "POST https://example.org/" },
  ])("$url", async ({ fields, url }) => {
    const { stream } = outcome(headers(fields));
    await Bun.sleep(0);
    expect(response(stream)).toMatchObject({ status: 200, text: url, complete: true });
  });

  test("url equals what the URL standard makes of the target", async () => {
    for (const authority of [
      "a.b",
      "A.b",
      "1.2.3.4",
      "1.2.3.04",
      "1.2.3",
      "x.1",
      "a.b:0443",
      "a.b:443",
      "a.b:1",
      "xn--a",
      "a_b.c",
      "a..b",
      "-a.b",
      "a.b.",
    ]) {
      for (const path of [
        "/",
        "/.",
        "/a?x=/../",
        "/a'b?c'd",
        '/a"b',
        "/%zz",
        "/a;b=c",
        "/{x}",
        "/a|b?c|d",
        "/a\\b",
        "/?",
        "//x",
        "/^`",
      ]) {
        const { stream } = outcome(headers(head({ ":authority": authority, ":path": path })));
        await Bun.sleep(0);
        const url = URL.canParse(`https://${authority}${path}`)
          ? new URL(`https://${authority}${path}`).href
          : null;
        if (url === null) expect(stream.resetCode).toBe(0x10e);
        else expect(response(stream).text).toBe(`GET ${url}`);
      }
    }
  });

  test("cookie crumbs are one field again (§4.2.1)", async () => {
    const { request } = serve((incoming) => new Response(incoming.headers.get("cookie")));
    const stream = request(
      headers(
        head({}, [
          ["cookie", "a=b"],
          ["x", "y"],
          ["cookie", "c=d"],
        ]),
      ),
    );
    await Bun.sleep(0);
    expect(response(stream).text).toBe("a=b; c=d");
  });

  test("trailers are taken and dropped", async () => {
    const { request } = serve(async (incoming) => new Response(await incoming.text()));
    const stream = request([
      ...headers(post()),
      ...content(text("body")),
      ...headers([["x-sum", "1"]]),
    ]);
    await Bun.sleep(0);
    await Bun.sleep(0);
    expect(response(stream).text).toBe("body");
  });

  test("CONNECT is not implemented here: 501", () => {
    const { stream, ran } = outcome(
      headers([
        [":method", "CONNECT"],
        [":authority", "a.b:443"],
      ]),
    );
    expect(response(stream)).toMatchObject({ status: 501, complete: true });
    expect(ran).toBe(0);
  });
});

describe("size limits", () => {
  test("a head above 32 KiB decoded is 431, and the rest of the request is not wanted", () => {
    const { stream, ran, connection } = outcome(
      headers(head({}, [["a", "x".repeat(33_000)]])),
      false,
    );
    expect(response(stream)).toMatchObject({ status: 431, complete: true });
    expect(stream.stopCode).toBe(0x100);
    expect(ran).toBe(0);
    expect(connection.closed).toBeNull();
  });
  test("a HEADERS frame that announces 2^40 bytes is 431 at once", () => {
    const { stream } = outcome([0x01, 0xc0, 0, 1, 0, 0, 0, 0, 0], false);
    expect(response(stream).status).toBe(431);
  });
  test("trailers above it reset the stream with H3_EXCESSIVE_LOAD", () => {
    const { stream, connection } = outcome([
      ...headers(post()),
      ...headers([["a", "x".repeat(33_000)]]),
    ]);
    expect(stream.resetCode).toBe(0x107);
    expect(connection.closed).toBeNull();
  });
  test("a head of 32,768 bytes exactly is served", async () => {
    const pseudo = GET.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    const fields = head({}, [["a", "x".repeat(32_768 - pseudo - 33)]]);
    const { stream } = outcome(headers(fields));
    await Bun.sleep(0);
    expect(response(stream).status).toBe(200);
  });
  test("announced or received content above the limit is 413", () => {
    const announced = serve(() => new Response("x"), { maxRequestBodyBytes: 10 });
    const first = announced.request(headers(post(["content-length", "11"])), false);
    expect(response(first)).toMatchObject({ status: 413, complete: true });
    expect(first.stopCode).toBe(0x100);
    const second = announced.request([...headers(post()), ...content(text("12345678901"))], false);
    expect(response(second)).toMatchObject({ status: 413, complete: true });
    expect(announced.connection.leasesOpen).toBe(0);
  });
});

test("a section that QPACK can't decode closes the connection with 0x200", () => {
  const { connection } = outcome(frame(0x01, [0x00, 0x00, 0x80]));
  expect(connection.closed?.code).toBe(0x200);
  expect(section(GET).length).toBeGreaterThan(0);
});
