/**
 * A server behind the network simulator.
 *
 * 15 ms each way, 10 Mbit/s and a queue of 25 packets are what the QUIC interop runner uses.
 */
import type { RelayCounters } from "../../interop/netsim/relay.ts";
import { type Entrance, NetworkPlace } from "./network_place.ts";
import { type ServerOptions, ServerProcess } from "./server_process.ts";

export const ROUND_TRIP_MS = 30;
export const USUAL_PATH = ["--delay", "15ms", "--rate", "10mbit", "--queue", "25"];

export class SimulatedNetwork {
  private constructor(
    readonly server: ServerProcess,
    private readonly place: NetworkPlace,
  ) {}

  static async open(options: ServerOptions): Promise<SimulatedNetwork> {
    const place = await NetworkPlace.open();
    const namespace = place.serverNamespace;
    const where = {
      host: place.addresses(4).server,
      ...(namespace === undefined ? {} : { namespace }),
    };
    try {
      return new SimulatedNetwork(await ServerProcess.start({ ...options, ...where }), place);
    } catch (error) {
      await place.close();
      throw error;
    }
  }

  /** Runs `client` through a simulator of its own; `flags` are those of netsim.ts. */
  through<T>(
    flags: readonly string[],
    client: (entrance: Entrance) => Promise<T>,
  ): Promise<{ result: T; counters: RelayCounters }> {
    return this.place.through(this.server, [...USUAL_PATH, ...flags], client);
  }

  /** The server's exit code. */
  async close(): Promise<number | null> {
    const code = await this.server.stop();
    await this.place.close();
    return code;
  }
}
