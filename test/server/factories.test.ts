/** Which application `serve` has for an ALPN, and what it says when it has none. */
import { expect, test } from "bun:test";
import { EchoFactory } from "../../src/apps/echo/factory.ts";
import { H3Factory } from "../../src/apps/h3/factory.ts";
import { HqFactory } from "../../src/apps/hq/factory.ts";
import { factoryFor } from "../../src/server/factories.ts";

const handler = { fetch: () => new Response() };
const h3 = new H3Factory(handler);

test.each(["h3", "h3-29"])("%s is the handler's", (alpn) => {
  expect(factoryFor(alpn, h3, handler)).toBe(h3);
});

test("echo needs nothing, hq-interop files", () => {
  expect(factoryFor("echo", h3, handler)).toBeInstanceOf(EchoFactory);
  const files = { ...handler, resolveFile: () => null };
  expect(factoryFor("hq-interop", h3, files)).toBeInstanceOf(HqFactory);
});

test.each([
  ["hq-interop", "serves files: it needs resolveFile(path) beside fetch"],
  ["x", 'no application for ALPN "x": use QuicServer'],
])("%s without an application", (alpn, text) => {
  expect(() => factoryFor(alpn, h3, handler)).toThrow(text);
});
