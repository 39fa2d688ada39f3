/** Requests that came as 0-RTT, RFC 8470: what is run before the handshake is complete. */
import { describe, expect, test } from "bun:test";
import { content, type Fields, head, headers, response, serve, text } from "./client.ts";

interface Seen {
  method: string;
  early: string | null;
}

function started(early: boolean) {
  const seen: Seen[] = [];
  const served = serve((request) => {
    seen.push({ method: request.method, early: request.headers.get("early-data") });
    return new Response("ok");
  });
  served.connection.early = early;
  return { ...served, seen };
}

const withMethod = (method: string, more: Fields = []) =>
  headers(head({ ":method": method }, more));

describe("while the handshake is not complete", () => {
  test.each(["GET", "HEAD", "OPTIONS", "TRACE"])("%s runs, and says so", (method) => {
    const { request, seen } = started(true);
    expect(response(request(withMethod(method), true)).status).toBe(200);
    expect(seen).toEqual([{ method, early: "1" }]);
  });

  test.each(["POST", "PUT", "DELETE", "PATCH", "MERGE"])(
    "%s gets 425 and does not run",
    (method) => {
      const { request, seen } = started(true);
      const stream = request(withMethod(method), true);
      expect(response(stream)).toMatchObject({ status: 425, complete: true });
      expect(seen).toEqual([]);
    },
  );

  test("content that goes with a 425 is not read on", () => {
    const { request, seen, connection } = started(true);
    const stream = request([...withMethod("POST"), ...content(text("12345"))], false);
    expect(response(stream)).toMatchObject({ status: 425, complete: true });
    expect(stream.stopCode).toBe(0x100);
    expect(seen).toEqual([]);
    expect(connection.leasesOpen).toBe(0);
  });

  test("a field that the client sent itself is not doubled", () => {
    const { request, seen } = started(true);
    request(withMethod("GET", [["early-data", "1"]]), true);
    expect(seen).toEqual([{ method: "GET", early: "1" }]);
  });
});

test("once it is complete nothing is early, not even a stream that began before", () => {
  const { request, connection, seen } = started(true);
  const stream = request(withMethod("POST").slice(0, 3), false);
  connection.early = false;
  connection.deliver(stream, withMethod("POST").slice(3), true);
  expect(response(stream).status).toBe(200);
  expect(seen).toEqual([{ method: "POST", early: null }]);
});

test("the same head later on is not marked", () => {
  const { request, connection, seen } = started(true);
  request(withMethod("GET"), true);
  connection.early = false;
  request(withMethod("GET"), true);
  expect(seen.map(({ early }) => early)).toEqual(["1", null]);
});
