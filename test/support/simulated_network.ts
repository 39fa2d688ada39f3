/**
 * A server behind the network simulator: in a network namespace of its own where they can be made,
 * else on loopback.
 *
 * 15 ms each way, 10 Mbit/s and a queue of 25 packets are what the QUIC interop runner uses.
 */
import {
  inNamespace,
  NAT_ADDRESSES,
  type Namespaces,
  namespacesUnavailable,
  openNamespaces,
  RELAY_ADDRESS,
  SERVER_ADDRESS,
} from "../../interop/netsim/namespaces.ts";
import type { RelayCounters } from "../../interop/netsim/relay.ts";
import { startNetsim } from "../../interop/netsim/spawn.ts";
import { skipReason } from "./peer.ts";
import { type ServerOptions, ServerProcess } from "./server_process.ts";

export const ROUND_TRIP_MS = 30;
const PATH = ["--delay", "15ms", "--rate", "10mbit", "--queue", "25"];

/** Where a client finds the relay, and the words to put before its command. */
export interface Entrance {
  host: string;
  port: number;
  prefix: string[];
}

export class SimulatedNetwork {
  private constructor(
    readonly server: ServerProcess,
    private readonly spaces: Namespaces | null,
  ) {}

  static async open(options: ServerOptions): Promise<SimulatedNetwork> {
    const spaces = skipReason(namespacesUnavailable()) ? null : await openNamespaces();
    const place = spaces === null ? {} : { namespace: spaces.server, host: SERVER_ADDRESS };
    try {
      return new SimulatedNetwork(await ServerProcess.start({ ...options, ...place }), spaces);
    } catch (error) {
      await spaces?.close();
      throw error;
    }
  }

  /** Runs `client` through a simulator of its own; `flags` are those of netsim.ts. */
  async through<T>(
    flags: readonly string[],
    client: (entrance: Entrance) => Promise<T>,
  ): Promise<{ result: T; counters: RelayCounters }> {
    const { server, spaces } = this;
    const place = ["--listen", `${RELAY_ADDRESS}:0`, "--addresses", NAT_ADDRESSES.join(",")];
    const netsim = await startNetsim(
      [
        ...["--server", `${server.host}:${server.port}`],
        ...(spaces === null ? [] : place),
        ...PATH,
        ...flags,
      ],
      spaces?.middle,
    );
    const { host, port } = netsim;
    try {
      const result = await client({ host, port, prefix: inNamespace(spaces?.client) });
      return { result, counters: await netsim.stop() };
    } catch (error) {
      console.log(`netsim: ${JSON.stringify(await netsim.stop())}`);
      throw error;
    }
  }

  /** The server's exit code. */
  async close(): Promise<number | null> {
    const code = await this.server.stop();
    await this.spaces?.close();
    return code;
  }
}
