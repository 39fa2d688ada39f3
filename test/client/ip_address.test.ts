/** Addresses in numbers, against what the system's own URL parser makes of them. */
import { describe, expect, test } from "bun:test";
import { endpointOf } from "../../src/client/ip_address.ts";
import { alternate } from "../../src/client/resolve.ts";
import { ipv6Text } from "../../src/transport/socket_address.ts";

describe("IPv6, all ways to write it", () => {
  test.each([
    "::",
    "::1",
    "[::1]",
    "1::",
    "2001:db8::5",
    "2001:DB8:0:0:1:0:0:1",
    "fe80::1:2:3:4",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "::2:3:4:5:6:7:8",
    "::ffff:192.0.2.1",
    "64:ff9b::203.0.113.9",
  ])("%s", (text) => {
    const endpoint = endpointOf(text, 443)!;
    const bare = text.replace(/^\[|\]$/g, "");
    expect(endpoint).toMatchObject({ family: 6, port: 443, scopeId: 0 });
    expect(`[${ipv6Text(endpoint.ip)}]`).toBe(new URL(`http://[${bare}]/`).hostname);
  });
});

test("IPv4 lies in the first four bytes", () => {
  expect([...endpointOf("192.0.2.255", 1)!.ip]).toEqual([192, 0, 2, 255, ...Array(12).fill(0)]);
});

test("a zone is an interface, by number or name", () => {
  expect(endpointOf("fe80::1%7", 1)!.scopeId).toBe(7);
  expect(endpointOf("fe80::1%no-such-interface", 1)!.scopeId).toBe(0);
});

test.each(["localhost", "", "1.2.3", "1.2.3.4.5", "::g", "[::1", "1:2"])("%j is a name", (text) => {
  expect(endpointOf(text, 1)).toBeNull();
});

test("families take turns, the resolver's first one first", () => {
  const at = (host: string) => endpointOf(host, 1)!;
  const given = [at("::1"), at("::2"), at("::3"), at("127.0.0.1")];
  const order = alternate(given).map(({ family, ip }) => `${family}.${ip[family === 6 ? 15 : 3]}`);
  expect(order).toEqual(["6.1", "4.1", "6.2", "6.3"]);
});
