/** Socket addresses as text: dotted quads, and RFC 5952 for IPv6. */
import type { SocketAddress } from "./app.ts";

const GROUPS = 8;

/**
 * RFC 5952 §4: lower case, no leading zeros, the longest run of zero groups (two at least) as "::".
 */
export function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: GROUPS }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  let bestStart = 0;
  let bestLength = 1;
  for (let start = 0; start < GROUPS; start++) {
    let end = start;
    while (end < GROUPS && groups[end] === 0) end++;
    if (end - start > bestLength) {
      bestStart = start;
      bestLength = end - start;
    }
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (bestLength < 2) return hex(groups);
  return `${hex(groups.slice(0, bestStart))}::${hex(groups.slice(bestStart + bestLength))}`;
}

/** @param bytes 16 of them; an IPv4 address is in the first 4. */
export function socketAddress(family: number, bytes: Uint8Array, port: number): SocketAddress {
  if (family === 4) return { family: 4, address: bytes.subarray(0, 4).join("."), port };
  return { family: 6, address: ipv6Text(bytes), port };
}
