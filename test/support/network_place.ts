/**
 * Where server, simulator and client run: in network namespaces of their own where they can be
 * made, else on loopback.
 */
import {
  type Addresses,
  gatherTrains,
  IPV4,
  IPV6,
  inNamespace,
  type Namespaces,
  namespacesUnavailable,
  openNamespaces,
} from "../../interop/netsim/namespaces.ts";
import type { RelayCounters } from "../../interop/netsim/relay.ts";
import { type Netsim, startNetsim } from "../../interop/netsim/spawn.ts";
import { skipReason } from "./peer.ts";

export type Family = 4 | 6;

/** Loopback has one IPv6 address, so there an IPv6 client can change its port only. */
const LOOPBACK: Record<Family, Addresses> = {
  4: {
    client: "127.0.0.1",
    relay: "127.0.0.1",
    server: "127.0.0.1",
    nat: Array.from({ length: 64 }, (_, i) => `127.0.1.${i + 1}`),
  },
  6: { client: "::1", relay: "::1", server: "::1", nat: ["::1"] },
};

/** Where a client finds the relay, and the words to put before its command. */
export interface Entrance {
  host: string;
  port: number;
  /** Of URLs: an IPv6 address has brackets there. */
  authority: string;
  prefix: string[];
  netsim: Netsim;
}

/** What of a server the relay needs. */
interface Listener {
  host: string;
  port: number;
}

export function authorityOf(host: string, port: number): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export class NetworkPlace {
  private constructor(private readonly spaces: Namespaces | null) {}

  static async open(): Promise<NetworkPlace> {
    const spaces = skipReason(namespacesUnavailable()) ? null : await openNamespaces();
    return new NetworkPlace(spaces);
  }

  addresses(family: Family): Addresses {
    if (this.spaces === null) return LOOPBACK[family];
    return family === 4 ? IPV4 : IPV6;
  }

  /** Whether the simulator can show the server more than one address. */
  hasAddresses(family: Family): boolean {
    return this.addresses(family).nat.length > 1;
  }

  get serverNamespace(): string | undefined {
    return this.spaces?.server;
  }

  /** The words before a server's command. */
  get serverPrefix(): string[] {
    return inNamespace(this.serverNamespace);
  }

  /** Before that of a client that reaches the server without a relay. */
  get neighbourPrefix(): string[] {
    return inNamespace(this.spaces?.middle);
  }

  /** Null when the server's device now makes trains of what comes in; else why not. */
  gatherTrains(): string | null {
    return this.spaces === null ? "no network namespaces" : gatherTrains(this.spaces);
  }

  /** Runs `client` through a simulator of its own; `flags` are those of netsim.ts. */
  async through<T>(
    server: Listener,
    flags: readonly string[],
    client: (entrance: Entrance) => Promise<T>,
  ): Promise<{ result: T; counters: RelayCounters }> {
    const { spaces } = this;
    const { relay, nat } = this.addresses(server.host.includes(":") ? 6 : 4);
    const netsim = await startNetsim(
      [
        ...["--server", authorityOf(server.host, server.port)],
        ...["--listen", authorityOf(relay, 0), "--addresses", nat.join(",")],
        ...flags,
      ],
      spaces?.middle,
    );
    const { host, port } = netsim;
    const authority = authorityOf(host, port);
    const prefix = inNamespace(spaces?.client);
    try {
      const result = await client({ host, port, authority, prefix, netsim });
      return { result, counters: await netsim.stop() };
    } catch (error) {
      console.log(`netsim: ${JSON.stringify(await netsim.stop())}`);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.spaces?.close();
  }
}
