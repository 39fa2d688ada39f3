/** HTTP/3 for `connect`: serves one connection and gives out what requests are sent with. */
import { assert } from "../../../assert.ts";
import type { QuicAppFactory, SinkConnection } from "../../../transport/app.ts";
import { H3ClientConnection } from "./connection.ts";

export class H3ClientFactory implements QuicAppFactory {
  readonly #connections = new WeakMap<object, H3ClientConnection>();

  acceptsAlpn(alpn: string): boolean {
    return alpn === "h3";
  }

  attach(connection: SinkConnection): H3ClientConnection {
    const made = new H3ClientConnection(connection);
    this.#connections.set(connection, made);
    return made;
  }

  /** What was attached to this connection. */
  of(connection: object): H3ClientConnection {
    const made = this.#connections.get(connection);
    assert(made !== undefined, "HTTP/3 was not attached");
    return made;
  }

  async spawnApp(): Promise<void> {
    assert(false, "HTTP/3 is attached, never spawned");
  }
}
