/**
 * Bun.serve in the place of the native part: HTTP/3 on the JavaScript thread, HTTP/2 and HTTP/1.1
 * beside it, with the handlers and the surface of a {@link RunningServer}.
 */
import type { H3Handler } from "../apps/h3/handler.ts";
import type { WhyList } from "../telemetry/why_desk.ts";
import type { SocketAddress } from "../transport/app.ts";
import { BunHandler, type BunHandlerOptions } from "./bun_handler.ts";
import { type Listening, type ListenOptions, listen } from "./bun_listen.ts";
import { addressOf, type RunningServer, urlOf } from "./running_server.ts";
import { within } from "./within.ts";

/** For answers to what was abandoned, and goodbyes, to leave. */
const CLOSE_MS = 500;
/** A second signal within this time is the same one: a terminal's Ctrl-C may reach us twice. */
const SIGNAL_PAUSE_MS = 1000;
const FORCED_EXIT_CODE = 130;
const IPV4_IN_IPV6 = "::ffff:";

export interface BunServerOptions extends Omit<ListenOptions, "fetch"> {
  /** What connections have left at a stop. */
  shutdownGraceMs: number;
  /** SIGINT and SIGTERM stop the server gracefully, a second one ends the process. */
  signals: boolean;
  /** Why this server runs, one line. */
  fallback: string;
  onError?: BunHandlerOptions["onError"];
  onRequest?: BunHandlerOptions["onRequest"];
}

export class BunServer implements RunningServer {
  readonly fallback: string;
  readonly engineView = null;
  readonly connections = null;
  readonly threads = [];
  readonly #options: BunServerOptions;
  readonly #handler: BunHandler;
  readonly #stopping = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #forced = Promise.withResolvers<void>();
  #listening: Listening | null = null;
  #stop: Promise<void> | null = null;
  #signalledMs = 0;

  /** Opens nothing yet: {@link start} does. @throws {TypeError} for a handler without functions */
  constructor(handler: H3Handler, options: BunServerOptions) {
    this.#options = options;
    this.fallback = options.fallback;
    const { onError, onRequest } = options;
    this.#handler = new BunHandler(handler, {
      serverFacade: this,
      ...(onError === undefined ? {} : { onError }),
      ...(onRequest === undefined ? {} : { onRequest }),
    });
  }

  /** @throws Error with cause and remedy: port in use, certificate and key that do not match. */
  async start(): Promise<this> {
    this.#listening = await listen({ ...this.#options, fetch: this.#handler.fetch });
    if (this.#options.signals) for (const name of SIGNALS) process.on(name, this.#onSignal);
    return this;
  }

  get port(): number {
    return this.#listening?.server.port ?? this.#options.port;
  }

  get hostname(): string {
    return this.#options.host;
  }

  get url(): URL {
    return urlOf(this.hostname, this.port);
  }

  get address(): SocketAddress {
    return addressOf(this.hostname, this.port);
  }

  get alpns(): readonly string[] {
    const others = ["h2", "http/1.1"];
    return this.#listening?.http3Refusal === null ? ["h3", ...others] : others;
  }

  /** Why Bun serves without HTTP/3; null: with it. */
  get http3Refusal(): string | null {
    return this.#listening?.http3Refusal ?? null;
  }

  get pendingRequests(): number {
    return this.#listening?.server.pendingRequests ?? 0;
  }

  counters(): null {
    return null;
  }

  steering(): null {
    return null;
  }

  why(): Promise<null> {
    return Promise.resolve(null);
  }

  whyAll(): Promise<WhyList> {
    return Promise.resolve({ reports: [], more: 0 });
  }

  ref(): void {
    this.#listening?.server.ref();
  }

  unref(): void {
    this.#listening?.server.unref();
  }

  get stopping(): Promise<void> {
    return this.#stopping.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Null for a request of the program's own making, or whose connection is over. */
  requestIP(request: Request): SocketAddress | null {
    const peer = this.#listening?.server.requestIP(request) ?? null;
    if (peer === null) return null;
    const mapped = peer.address.startsWith(IPV4_IN_IPV6);
    const address = mapped ? peer.address.slice(IPV4_IN_IPV6.length) : peer.address;
    return { family: address.includes(":") ? 6 : 4, address, port: peer.port };
  }

  stop(force = false): Promise<void> {
    this.#stopping.resolve();
    if (force) this.#forced.resolve();
    this.#stop ??= this.#finish(this.#options.shutdownGraceMs);
    return this.#stop;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #finish(graceMs: number): Promise<void> {
    const server = this.#listening?.server;
    if (server !== undefined) {
      const idle = server.stop();
      await within(graceMs, [idle, this.#forced.promise]);
      this.#handler.abandon();
      await within(CLOSE_MS, [idle]);
      await server.stop(true);
    }
    for (const name of SIGNALS) process.off(name, this.#onSignal);
    this.#closed.resolve();
  }

  readonly #onSignal = (): void => {
    const nowMs = performance.now();
    if (this.#signalledMs === 0) {
      this.#signalledMs = nowMs;
      void this.stop();
    } else if (nowMs - this.#signalledMs > SIGNAL_PAUSE_MS) {
      process.exit(FORCED_EXIT_CODE);
    }
  };
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;
