/** Numeric addresses as the native side takes them. */
import { isIPv4, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { PeerEndpoint } from "../transport/connect_request.ts";

const GROUPS = 8;

/** Null for a name. `[::1]` counts as `::1`; `fe80::1%eth0` names an interface (RFC 4007 §11). */
export function endpointOf(host: string, port: number): PeerEndpoint | null {
  const ip = new Uint8Array(16);
  if (isIPv4(host)) {
    ip.set(host.split(".").map(Number));
    return { family: 4, ip, port, scopeId: 0 };
  }
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (!isIPv6(bare)) return null;
  const [address = "", zone = ""] = bare.split("%");
  writeGroups(address, ip);
  return { family: 6, ip, port, scopeId: scopeOf(zone) };
}

/** An IPv6 address without its zone, valid as `isIPv6` says. */
function writeGroups(address: string, ip: Uint8Array): void {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text =
    dotted === null
      ? address
      : `${dotted[1]}${hexPair(dotted[2]!, dotted[3]!)}:${hexPair(dotted[4]!, dotted[5]!)}`;
  const [before = "", after] = text.split("::");
  const left = before === "" ? [] : before.split(":");
  const right = after === undefined || after === "" ? [] : after.split(":");
  const groups = [...left, ...Array(GROUPS - left.length - right.length).fill("0"), ...right];
  for (const [index, group] of groups.entries()) {
    const value = Number.parseInt(group, 16);
    ip[2 * index] = value >> 8;
    ip[2 * index + 1] = value & 0xff;
  }
}

function hexPair(high: string, low: string): string {
  return (Number(high) * 256 + Number(low)).toString(16);
}

/** A number, or an interface's name; 0 when there is none. */
function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find(({ family }) => family === "IPv6");
  return found?.scopeid ?? 0;
}
