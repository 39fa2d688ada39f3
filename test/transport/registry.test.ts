/** What may be registered, and that nothing may be once a server runs. */
import { expect, test } from "bun:test";
import type { QuicAppFactory } from "../../src/transport/app.ts";
import { AppRegistry } from "../../src/transport/registry.ts";

const factory: QuicAppFactory = {
  acceptsAlpn: (alpn) => alpn.startsWith("x"),
  spawnApp: async () => {},
};

test("chains, keeps the order and finds factories", () => {
  const registry = new AppRegistry().register("x2", factory).register("x1", factory).freeze();
  expect(registry.alpns).toEqual(["x2", "x1"]);
  expect(registry.factory("x1")).toBe(factory);
  expect(registry.factory("x3")).toBeUndefined();
});

test.each([
  ["a name that the factory does not accept", "h3"],
  ["an empty name", ""],
  ["more than 255 bytes (RFC 7301 §3.1)", "x".repeat(256)],
  ["more than 255 bytes of UTF-8", `x${"é".repeat(128)}`],
])("refuses %s", (_why, alpn) => {
  expect(() => new AppRegistry().register(alpn, factory)).toThrow("ALPN");
});

test("refuses a name twice", () => {
  expect(() => new AppRegistry().register("x", factory).register("x", factory)).toThrow("twice");
});

test("is frozen by a server, and refuses to run empty", () => {
  const registry = new AppRegistry().register("x", factory).freeze();
  expect(() => registry.register("x1", factory)).toThrow("already runs");
  expect(() => new AppRegistry().freeze()).toThrow("no application");
});
