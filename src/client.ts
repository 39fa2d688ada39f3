/**
 * The client side: {@link connect} opens a connection to a server. The same applications serve it
 * as on a server, or its events are read from the connection itself.
 */

import { ClientEngine, type ClientEngineOptions } from "./client/engine.ts";
import { ConnectError, handshakeFailure, moreTelling, notStarted } from "./client/error.ts";
import { type CheckedOptions, type ConnectOptions, checkOptions } from "./client/options.ts";
import { type Attempt, race } from "./client/race.ts";
import { resolveHost } from "./client/resolve.ts";
import type { Counters } from "./native/counters.ts";
import { WhyDesk } from "./telemetry/why_desk.ts";
import type { WhyReport } from "./telemetry/why_report.ts";
import type { QuicAppFactory, QuicConnection } from "./transport/app.ts";
import { ClientConnection } from "./transport/client_connection.ts";
import type { PeerEndpoint } from "./transport/connect_request.ts";
import { logFailure } from "./transport/failure.ts";
import { socketAddress } from "./transport/socket_address.ts";

export type { ClientEngineOptions } from "./client/engine.ts";
export { ConnectError, type ConnectFailure } from "./client/error.ts";
export type { ClientTlsOptions, ConnectOptions } from "./client/options.ts";

/** RFC 8305 §5, "Connection Attempt Delay". */
const HEAD_START_MS = 250;
/** What connections have left when the client is closed. */
const CLOSE_GRACE_MS = 2000;

/** Without an application of its own: its events go to who holds the connection. */
const HANDLE_APP: QuicAppFactory = {
  acceptsAlpn: () => true,
  async spawnApp(_alpn, handle, events, _transport, shutdown) {
    if (handle instanceof ClientConnection) handle.events = events;
    // The end of this task would throw away what was not read yet.
    if (shutdown.aborted) return;
    await new Promise((resolve) => shutdown.addEventListener("abort", resolve));
  },
};

/** Opens connections over engines of its own; {@link connect} has one for each thread. */
export class QuicClient {
  readonly #options: ClientEngineOptions;
  /** By the path of their key log, which is the engine's. */
  readonly #engines = new Map<string, Promise<ClientEngine>>();

  constructor(options: ClientEngineOptions = {}) {
    this.#options = options;
  }

  /**
   * Resolves once application data may flow: the handshake is complete, or 0-RTT may be sent.
   *
   * @throws {ConnectError} who ended it and why; TypeError for an option; the signal's reason
   */
  async connect(options: ConnectOptions): Promise<QuicConnection> {
    const { signal, app = HANDLE_APP } = options;
    signal?.throwIfAborted();
    const checked = await checkOptions(options);
    const engine = await this.#engine(checked.keylogPath);
    engine.use();
    const limit = new AbortController();
    const fail = () => limit.abort(timeoutOf(checked));
    const timer = setTimeout(fail, checked.handshakeTimeoutMs);
    const both = signal === undefined ? limit.signal : AbortSignal.any([signal, limit.signal]);
    try {
      const profile = engine.profile(checked.profile);
      const endpoints = await abortable(resolveHost(checked.host, checked.port), both);
      const begin = endpoints.map(
        (peer) => () => this.#attempt(engine, { checked, profile, peer, app, options }),
      );
      const connection = await race(begin, HEAD_START_MS, both, moreTelling);
      if (checked.keepAliveMs > 0) connection.setKeepAlive(checked.keepAliveMs);
      return connection;
    } finally {
      clearTimeout(timer);
      engine.release();
    }
  }

  /**
   * What the live connection whose ID begins with `id` waits for (docs/observability.md); null:
   * there is none.
   *
   * @throws RangeError when there are several, TypeError when `id` is not lower-case hex
   */
  async why(id: string): Promise<WhyReport | null> {
    for (const started of this.#engines.values()) {
      const report = await new WhyDesk((await started).engine, []).why(id);
      if (report !== null) return report;
    }
    return null;
  }

  /** Of all engines that run now, one after the other. */
  async counters(): Promise<Counters[]> {
    const engines = await Promise.all(this.#engines.values());
    return engines.map(({ engine }) => engine.counters());
  }

  /** Tells every connection to finish, closes what is left after 2 s, ends the threads. */
  async close(): Promise<void> {
    const engines = [...this.#engines.values()];
    this.#engines.clear();
    await Promise.all(engines.map(async (engine) => (await engine).stop(CLOSE_GRACE_MS)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #engine(keylogPath: string): Promise<ClientEngine> {
    const known = this.#engines.get(keylogPath);
    if (known !== undefined) return known;
    const started = ClientEngine.start(this.#options, keylogPath);
    this.#engines.set(keylogPath, started);
    started.catch(() => this.#engines.delete(keylogPath));
    return started;
  }

  #attempt(engine: ClientEngine, wish: Wish): Attempt<ClientConnection> {
    const { checked, profile, peer, app, options } = wish;
    const { promise, resolve, reject } = Promise.withResolvers<ClientConnection>();
    const target = targetText(checked, peer);
    let connection: ClientConnection | null = null;
    let cancelled = false;
    engine.use();
    engine.connect({
      ...{ profile, peer, factory: app, alpns: checked.profile.alpn },
      ...{ serverName: checked.serverName, session: checked.session },
      ...{ early: checked.earlyData && checked.session !== null, ownSocket: checked.ownSocket },
      followPreferred: checked.followPreferred,
      observer: {
        started(begun) {
          connection = begun;
          if (cancelled) begun.close(0, "", false);
        },
        refused(refusal, errno) {
          engine.release();
          reject(notStarted(refusal, errno, target));
        },
        connected: resolve,
        session(bytes) {
          try {
            options.onSession?.(bytes);
          } catch (error) {
            logFailure("onSession", error);
          }
        },
        ended(info) {
          engine.release();
          reject(handshakeFailure(info, target));
        },
      },
    });
    const cancel = () => {
      cancelled = true;
      connection?.close(0, "", false);
    };
    return { result: promise, cancel };
  }
}

interface Wish {
  checked: CheckedOptions;
  profile: number;
  peer: PeerEndpoint;
  app: QuicAppFactory;
  options: ConnectOptions;
}

let shared: QuicClient | null = null;

/**
 * Opens a connection; see {@link QuicClient.connect}. Its engine starts with the first one and
 * ends with this JavaScript thread; without connections it does not keep the process alive.
 */
export function connect(options: ConnectOptions): Promise<QuicConnection> {
  shared ??= new QuicClient();
  return shared.connect(options);
}

function targetText({ host, port }: CheckedOptions, peer: PeerEndpoint): string {
  const { address } = socketAddress(peer.family, peer.ip, peer.port);
  const place =
    host.includes(":") && !host.startsWith("[") ? `[${host}]:${port}` : `${host}:${port}`;
  return address === host || `[${address}]` === host ? place : `${place} (${address})`;
}

function timeoutOf({ host, port, handshakeTimeoutMs }: CheckedOptions): ConnectError {
  const text = `cannot connect to ${host}:${port}: no answer within ${handshakeTimeoutMs} ms`;
  return new ConnectError("timeout", "timeout", text);
}

async function abortable<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
