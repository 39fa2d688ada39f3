/** Host names to addresses, in the order in which they are tried. */
import { lookup } from "node:dns/promises";
import type { PeerEndpoint } from "../transport/connect_request.ts";
import { ConnectError } from "./error.ts";
import { endpointOf } from "./ip_address.ts";

/** At least one. @throws {ConnectError} for a name that has none. */
export async function resolveHost(host: string, port: number): Promise<PeerEndpoint[]> {
  const numeric = endpointOf(host, port);
  if (numeric !== null) return [numeric];
  const found = await lookup(host, { all: true }).catch((error: Error) => {
    const code = "code" in error ? String(error.code) : error.message;
    throw new ConnectError("resolve", "local", `there is no address for "${host}" (${code})`);
  });
  const endpoints = found.flatMap(({ address }) => endpointOf(address, port) ?? []);
  if (endpoints.length > 0) return alternate(endpoints);
  throw new ConnectError("resolve", "local", `there is no address for "${host}"`);
}

/** Both families in turn, the resolver's first one first (RFC 8305 §4). */
export function alternate(endpoints: readonly PeerEndpoint[]): PeerEndpoint[] {
  const first = endpoints.filter(({ family }) => family === endpoints[0]?.family);
  const second = endpoints.filter(({ family }) => family !== endpoints[0]?.family);
  const longest = Math.max(first.length, second.length);
  const turns = Array.from({ length: longest }, (_, i) => [first[i], second[i]]);
  return turns.flat().filter((endpoint) => endpoint !== undefined);
}
