/**
 * What may come on a request stream and in which order, RFC 9114 §4.1, §7: in every split, with
 * reserved frames anywhere, and the code for each thing that may not.
 */
import { describe, expect, test } from "bun:test";
import { content, frame, GET, head, headers, response, serve, settle, text } from "./client.ts";

const echo = async (request: Request) => new Response(`${request.method}:${await request.text()}`);
const POST = headers(head({ ":method": "POST" }, [["content-length", "10"]]));
const GREASE = frame(0x21 + 0x1f * 3, new Array(90).fill(0x55));
const UPLOAD = [
  ...GREASE,
  ...POST,
  ...content(text("hello")),
  ...GREASE,
  ...content([]),
  ...content(text("world")),
  ...headers([["x-trailer", "1"]]),
  ...GREASE,
];

describe("one upload", () => {
  async function expectEcho(
    deliver: (served: ReturnType<typeof serve>) => ReturnType<ReturnType<typeof serve>["open"]>,
  ) {
    const served = serve(echo);
    const stream = deliver(served);
    await settle(2);
    expect(response(stream)).toMatchObject({
      status: 200,
      text: "POST:helloworld",
      complete: true,
    });
    expect(served.connection.closed).toBeNull();
    expect(served.connection.leasesOpen).toBe(0);
    expect(served.factory.pendingRequests).toBe(0);
    expect(stream.stopCode).toBe(-1);
  }

  test("in two, at every byte, with FIN on the last piece or behind it", async () => {
    for (let at = 0; at <= UPLOAD.length; at++) {
      for (const finAlone of [false, true]) {
        await expectEcho(({ connection, open }) => {
          const stream = open();
          connection.deliver(stream, UPLOAD.slice(0, at), false);
          connection.deliver(stream, UPLOAD.slice(at), !finAlone);
          if (finAlone) connection.deliver(stream, [], true);
          return stream;
        });
      }
    }
  });

  test("byte by byte", async () => {
    await expectEcho(({ connection, open }) => {
      const stream = open();
      UPLOAD.forEach((byte, i) => connection.deliver(stream, [byte], i === UPLOAD.length - 1));
      return stream;
    });
  });

  test("whole", () => expectEcho(({ request }) => request(UPLOAD)));
});

test("an end at each byte has the code of its place", async () => {
  const boundaries: Record<number, number> = {};
  let at = 0;
  for (const [bytes, codeAfter] of [
    [GREASE, 0x10d],
    [POST, 0x10e],
    [content(text("hello")), 0x10e],
    [GREASE, 0x10e],
    [content([]), 0x10e],
  ] as const) {
    at += bytes.length;
    boundaries[at] = codeAfter;
  }
  boundaries[0] = 0x10d;
  for (let size = 0; size <= at; size++) {
    const { connection, request } = serve(echo);
    const stream = request(UPLOAD.slice(0, size));
    await settle(1);
    const expected = boundaries[size];
    if (expected === undefined) {
      expect({ size, code: connection.closed?.code }).toEqual({ size, code: 0x106 });
      connection.end();
    } else {
      expect({ size, code: stream.resetCode }).toEqual({ size, code: expected });
      expect(connection.closed).toBeNull();
    }
    expect(connection.leasesOpen).toBe(0);
  }
});

describe("frames out of place close the connection with H3_FRAME_UNEXPECTED", () => {
  test.each([
    { name: "DATA before HEADERS", bytes: content([1]) },
    {
      name: "DATA after trailers",
      bytes: [...headers(head({ ":method": "POST" })), ...headers([]), ...content([1])],
    },
    { name: "HEADERS after trailers", bytes: [...headers(GET), ...headers([]), ...headers([])] },
    { name: "CANCEL_PUSH", bytes: frame(0x03, [0]) },
    { name: "SETTINGS", bytes: frame(0x04, []) },
    { name: "PUSH_PROMISE", bytes: frame(0x05, [0, 0, 0]) },
    { name: "GOAWAY", bytes: frame(0x07, [0]) },
    { name: "MAX_PUSH_ID", bytes: frame(0x0d, [0]) },
    { name: "PRIORITY of HTTP/2", bytes: frame(0x02, []) },
    { name: "PING of HTTP/2", bytes: frame(0x06, []) },
    { name: "WINDOW_UPDATE of HTTP/2", bytes: frame(0x08, []) },
    { name: "CONTINUATION of HTTP/2", bytes: frame(0x09, []) },
    { name: "PUSH_PROMISE behind a request", bytes: [...headers(GET), ...frame(0x05, [0])] },
  ])("$name", ({ bytes }) => {
    for (const fin of [false, true]) {
      const { connection, request } = serve(echo);
      request(bytes, fin);
      expect(connection.closed?.code).toBe(0x105);
    }
  });
});

test("empty streams are H3_REQUEST_INCOMPLETE", () => {
  const { request, connection } = serve(echo);
  expect(request([]).resetCode).toBe(0x10d);
  expect(connection.closed).toBeNull();
});

test("a reserved frame of a gigabyte in front of a request takes no memory", async () => {
  const { connection, open } = serve(echo);
  const stream = open();
  const block = new Uint8Array(1 << 16);
  connection.deliver(stream, [0x21, 0xc0, 0, 0, 0, 0x40, 0, 0, 0], false);
  for (let i = 0; i < 1 << 14; i++) connection.deliver(stream, block, false);
  connection.deliver(stream, headers(GET), true);
  await settle(2);
  expect(response(stream)).toMatchObject({ status: 200, text: "GET:" });
  expect(connection.leasesOpen).toBe(0);
}, 30_000);

test("floods of empty frames are H3_EXCESSIVE_LOAD (§10.5)", () => {
  for (const cheap of [content([]), frame(0x21, []), content([1])]) {
    const { connection, open } = serve(echo);
    const stream = open();
    connection.deliver(stream, headers(head({ ":method": "POST" })), false);
    for (let i = 0; i < 1100 && connection.closed === null; i++)
      connection.deliver(stream, cheap, false);
    expect(connection.closed?.code).toBe(0x107);
  }
});

test("a head of 60 KiB in 16-byte pieces is 431 without quadratic work", () => {
  const { connection, open } = serve(echo);
  const stream = open();
  const bytes = headers(head({}, [["a", "~".repeat(33_000)]]));
  for (let at = 0; at < bytes.length; at += 16)
    connection.deliver(stream, bytes.slice(at, at + 16), false);
  expect(response(stream).status).toBe(431);
});

test("50 requests at once, each answered with its own", async () => {
  const { connection, open, factory } = serve(async (request) => {
    const body = await request.text();
    await Bun.sleep(Number(body) % 5);
    return new Response(`${new URL(request.url).pathname} ${body}`);
  });
  const streams = Array.from({ length: 50 }, open);
  streams.forEach((stream, i) =>
    connection.deliver(stream, headers(head({ ":method": "POST", ":path": `/${i}` })), false),
  );
  expect(factory.pendingRequests).toBe(50);
  for (const digit of [0, 1]) {
    streams.toReversed().forEach((stream) => {
      const index = stream.id / 4;
      const part = String(index).padStart(2, "0")[digit]!;
      connection.deliver(stream, content(text(part)), digit === 1);
    });
  }
  await Bun.sleep(30);
  streams.forEach((stream, i) => {
    expect(response(stream).text).toBe(`/${i} ${String(i).padStart(2, "0")}`);
  });
  expect(factory.pendingRequests).toBe(0);
  expect(connection.leasesOpen).toBe(0);
});

test("the header cache: near collisions on several connections stay apart", () => {
  const seen: string[] = [];
  const handler = (request: Request) => {
    seen.push(`${request.method} ${request.url} ${request.headers.get("a")}`);
    return new Response("");
  };
  const connections = [serve(handler), serve(handler)];
  const shared = connections[0]!.factory;
  connections[1]!.connection.sink = shared.attach(connections[1]!.connection);
  const requests = ["x", "y", "xy", "yx", ""].flatMap((value) =>
    ["/p", "/q", "/pp"].map((path) => ({ path, value })),
  );
  for (let round = 0; round < 4; round++) {
    for (const { path, value } of requests) {
      for (const { request } of connections)
        request(headers(head({ ":path": path }, [["a", value]])));
      expect(seen.splice(0)).toEqual(new Array(2).fill(`GET https://example.org${path} ${value}`));
    }
  }
});

test("a path behind a regular field stays malformed, whatever was cached before (§4.3)", () => {
  const { request } = serve(() => new Response(""));
  const good = [
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", "e.org"],
    [":path", "/1"],
    ["accept", "*/*"],
    ["age", "7"],
  ] as const;
  const bad = [good[0], good[1], good[2], good[4], [":path", "/2"], good[5]] as const;
  for (let i = 0; i < 4; i++) {
    const path = [":path", `/${i}`] as const;
    expect(request(headers([good[0], good[1], good[2], path, good[4], good[5]])).resetCode).toBe(
      -1,
    );
  }
  expect(request(headers(bad)).resetCode).toBe(0x10e);
});

describe("priority (RFC 9218 §5)", () => {
  test.each([
    { field: "u=1", priority: { urgency: 1, incremental: false } },
    { field: "u=5, i", priority: { urgency: 5, incremental: true } },
    { field: "i=?1", priority: { urgency: 3, incremental: true } },
    { field: "u=3", priority: null },
    { field: "i=?0", priority: null },
    { field: "u=9, nonsense", priority: null },
  ])("$field", ({ field, priority }) => {
    const { request } = serve(() => new Response(""));
    expect(request(headers(head({}, [["priority", field]]))).priority).toEqual(priority);
  });
});
