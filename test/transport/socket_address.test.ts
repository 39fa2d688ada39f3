/** Addresses as text: RFC 5952 §4 for IPv6. */
import { expect, test } from "bun:test";
import { ipv6Text, socketAddress } from "../../src/transport/socket_address.ts";

const bytesOf = (groups: number[]) =>
  Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));

test.each([
  ["::", [0, 0, 0, 0, 0, 0, 0, 0]],
  ["::1", [0, 0, 0, 0, 0, 0, 0, 1]],
  ["2001:db8::1", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]],
  ["2001:db8:0:1:1:1:1:1", [0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]],
  ["2001:0:0:1::1", [0x2001, 0, 0, 1, 0, 0, 0, 1]],
  ["2001:db8::1:0:0:1", [0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]],
  ["fe80::", [0xfe80, 0, 0, 0, 0, 0, 0, 0]],
  ["1:2:3:4:5:6:7:8", [1, 2, 3, 4, 5, 6, 7, 8]],
])("%s", (text, groups) => {
  expect(ipv6Text(bytesOf(groups))).toBe(text);
});

test("IPv4 lies in the first four bytes", () => {
  const bytes = Uint8Array.of(192, 0, 2, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9);
  expect(socketAddress(4, bytes, 443)).toEqual({ family: 4, address: "192.0.2.1", port: 443 });
});
