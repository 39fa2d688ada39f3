/**
 * Which application serves which ALPN (RFC 7301). What is registered is what is offered; the first
 * of the client's list that is registered wins. Frozen once a server runs with it.
 */
import type { QuicAppFactory } from "./app.ts";

/** RFC 7301 §3.1: a name is 1 to 255 bytes. */
const ALPN_BYTES_MAX = 255;

export class AppRegistry {
  readonly #factories = new Map<string, QuicAppFactory>();
  #frozen = false;

  /**
   * @throws Error for a name that is taken, malformed or not accepted by `factory`, or once frozen.
   */
  register(alpn: string, factory: QuicAppFactory): this {
    const bytes = new TextEncoder().encode(alpn).length;
    if (this.#frozen) throw new Error(`cannot register "${alpn}": the server already runs`);
    if (bytes < 1 || bytes > ALPN_BYTES_MAX) throw new Error(`ALPN "${alpn}": 1 to 255 bytes`);
    if (this.#factories.has(alpn)) throw new Error(`ALPN "${alpn}" is registered twice`);
    if (!factory.acceptsAlpn(alpn)) throw new Error(`this factory does not accept ALPN "${alpn}"`);
    this.#factories.set(alpn, factory);
    return this;
  }

  /** No more registrations. @throws Error when there is none: nothing could be served. */
  freeze(): this {
    if (this.#factories.size === 0) throw new Error("no application is registered");
    this.#frozen = true;
    return this;
  }

  /** In the order of registration; the index is what the native side calls an ALPN by. */
  get alpns(): string[] {
    return [...this.#factories.keys()];
  }

  /** Undefined for a name that is not registered. */
  factory(alpn: string): QuicAppFactory | undefined {
    return this.#factories.get(alpn);
  }
}
