/**
 * Servers: {@link QuicServer} runs any registry of applications, {@link serve} is the short way to
 * HTTP/3 in the shape of `Bun.serve`.
 *
 * Stopping: accept no more, tell every connection (HTTP/3 sends GOAWAY), wait for what runs, close
 * the rest, end the workers.
 */
import { resolve as resolvePath } from "node:path";
import { pathToFileURL } from "node:url";
import { H3Factory } from "./apps/h3/factory.ts";
import { installKnownResponse } from "./apps/h3/globals.ts";
import { connectionOf } from "./apps/h3/request.ts";
import type { EngineOptions, EngineView, SteeringCounters } from "./native/addon.ts";
import type { Counters } from "./native/counters.ts";
import { type AppHandler, importHandler } from "./server/app_handler.ts";
import { AppThread } from "./server/app_thread.ts";
import type { AppThreadView } from "./server/app_thread_view.ts";
import { factoryFor } from "./server/factories.ts";
import { missingNative, serveOnBun } from "./server/fallback.ts";
import {
  DEFAULT_REQUEST_BODY_BYTES,
  engineOptionsOf,
  type ServeOptions,
  SHUTDOWN_GRACE_MS,
} from "./server/options.ts";
import { addressOf, type RunningServer, urlOf } from "./server/running_server.ts";
import { readTls } from "./server/tls.ts";
import { FailureLog } from "./telemetry/failure_log.ts";
import { LossWatch } from "./telemetry/loss_watch.ts";
import { RoomWatch } from "./telemetry/room_watch.ts";
import { WatchTimer } from "./telemetry/watch_timer.ts";
import { WhyDesk, type WhyList } from "./telemetry/why_desk.ts";
import type { WhyReport } from "./telemetry/why_report.ts";
import type { SocketAddress } from "./transport/app.ts";
import { AttachedApp } from "./transport/attached_app.ts";
import { Engine } from "./transport/engine.ts";
import { AppRegistry } from "./transport/registry.ts";

export type { AppThreadView } from "./server/app_thread_view.ts";
export type { ServeOptions } from "./server/options.ts";
export type { RunningServer } from "./server/running_server.ts";

export interface QuicServerOptions {
  /** `alpn` is the registry's. */
  engine: Omit<EngineOptions, "alpn">;
  /** What connections have left at a stop, and tasks after ConnectionClosing. Default 30 s. */
  shutdownGraceMs?: number;
  /** SIGINT and SIGTERM stop the server gracefully. */
  signals?: boolean;
  /**
   * App threads in Workers that import `module`; without it the calling thread runs the registry.
   */
  threads?: AppThreadsOptions;
}

export interface AppThreadsOptions {
  count: number;
  module: string;
  maxRequestBodyBytes: number;
  /** Gets whole lines of the access log, those of some requests at a time. Default: no log. */
  onLog?: (lines: string) => void;
}

export class QuicServer implements RunningServer {
  readonly #registry: AppRegistry;
  readonly #options: QuicServerOptions;
  readonly #graceMs: number;
  readonly #stopping = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #engine: Engine | null = null;
  #watches: WatchTimer | null = null;
  #why: WhyDesk | null = null;
  #app: AttachedApp | null = null;
  #threads: AppThread[] = [];
  #stop: Promise<void> | null = null;

  /** Opens nothing yet: {@link start} does. */
  constructor(registry: AppRegistry, options: QuicServerOptions) {
    this.#registry = registry;
    this.#options = options;
    this.#graceMs = options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS;
  }

  /**
   * Opens the port and serves. Freezes the registry.
   *
   * @throws Error with cause and remedy: port in use, certificate and key that do not match, native
   *   library missing, an app module that fails.
   */
  async start(): Promise<this> {
    const registry = this.#registry.freeze();
    const engine = new Engine({ ...this.#options.engine, alpn: registry.alpns });
    this.#engine = engine;
    this.#why = new WhyDesk(engine, registry.alpns);
    try {
      await this.#startApps(engine);
    } catch (error) {
      await this.stop(true);
      throw error;
    }
    if (this.#options.signals === true) engine.takeSignals();
    const warn = (line: string) => console.error(line);
    this.#watches = new WatchTimer([
      new LossWatch({
        drops: () => engine.counter("socket_drops"),
        receiveBufferBytes: Math.min(...engine.view.workers.map((w) => w.receiveBufferBytes)),
        warn,
      }),
      new RoomWatch({
        counters: () => engine.fullness(),
        ringCapacity: this.#options.engine.ringCapacity,
        warn,
      }),
    ]);
    return this;
  }

  get port(): number {
    return this.#engine?.view.port ?? this.#options.engine.port;
  }

  get hostname(): string {
    return this.#options.engine.host;
  }

  get url(): URL {
    return urlOf(this.hostname, this.port);
  }

  get address(): SocketAddress {
    return addressOf(this.hostname, this.port);
  }

  get alpns(): readonly string[] {
    return this.#registry.alpns;
  }

  readonly fallback = null;

  /** What the native side made of the options; null before {@link start}. */
  get engineView(): EngineView | null {
    return this.#engine?.view ?? null;
  }

  /** Requests without a complete response, on this thread. */
  get pendingRequests(): number {
    let sum = 0;
    for (const alpn of this.#registry.alpns) {
      const factory = this.#registry.factory(alpn);
      if (alpn === "h3" && factory instanceof H3Factory) sum += factory.pendingRequests;
    }
    return sum;
  }

  /** Connections of this thread that are not over. */
  get connections(): number {
    return this.#app?.dispatcher.liveConnections ?? 0;
  }

  get threads(): readonly AppThreadView[] {
    return this.#threads.map((thread) => thread.view);
  }

  /** Test hook: app thread `app` ends at once, as by a crash, and is started again. */
  failThread(app: number): void {
    this.#threads[app]?.fail();
  }

  /** The server alone keeps the process alive (the default). */
  ref(): void {
    this.#app?.ref(true);
  }

  /** The process may end although the server runs. */
  unref(): void {
    this.#app?.ref(false);
  }

  /** Resolves when a stop begins, whoever asked for it. */
  get stopping(): Promise<void> {
    return this.#stopping.promise;
  }

  /** Resolves when the server has stopped, for whatever reason. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Of all workers since the start. */
  counters(): Counters | null {
    return this.#engine?.counters() ?? null;
  }

  async why(id: string): Promise<WhyReport | null> {
    return (await this.#why?.why(id)) ?? null;
  }

  async whyAll(): Promise<WhyList> {
    return (await this.#why?.list()) ?? { reports: [], more: 0 };
  }

  /** What the eBPF program did since the start; null without one. */
  steering(): SteeringCounters | null {
    return this.#engine?.steering() ?? null;
  }

  /** Null for a request that did not come by HTTP/3 or whose connection is forgotten. */
  requestIP(request: Request): SocketAddress | null {
    return connectionOf(request)?.peerAddress ?? null;
  }

  /** Resolves when all is over. `force` waits for nobody. Also after an earlier, patient stop. */
  stop(force = false): Promise<void> {
    this.#stopping.resolve();
    this.#stop ??= this.#finish(force ? 0 : this.#graceMs);
    if (force) {
      this.#app?.detach();
      for (const thread of this.#threads) thread.end();
    }
    return this.#stop;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #startApps(engine: Engine): Promise<void> {
    const { threads } = this.#options;
    const { streamChunks } = this.#options.engine;
    const shared = { streamChunks, closingGraceMs: this.#graceMs };
    if (threads === undefined) {
      this.#app = await AttachedApp.attach(engine.view.engine, 0, {
        ...shared,
        registry: this.#registry,
        poison: process.env.QUICD_DEBUG_LEASES === "1",
        onStopRequested: () => void this.stop(),
      });
      return;
    }
    const { module, maxRequestBodyBytes, onLog } = threads;
    const log = onLog !== undefined;
    const common = { ...shared, module, maxRequestBodyBytes, log, url: this.url.href };
    const { alpns } = this.#registry;
    const owner = {
      failures: new FailureLog(),
      onStopRequested: () => void this.stop(),
      onLog: (lines: string) => onLog?.(lines),
    };
    this.#threads = Array.from({ length: threads.count }, (_, app) => {
      const order = { type: "start", engine: engine.view.engine, app, alpns, ...common } as const;
      return new AppThread(order, owner);
    });
    await Promise.all(this.#threads.map((thread) => thread.ready));
  }

  async #finish(graceMs: number): Promise<void> {
    const engine = this.#engine;
    this.#watches?.stop();
    if (engine !== null) {
      engine.drain();
      const threads = this.#threads.map((thread) => thread.finish(graceMs));
      if (graceMs > 0) await this.#app?.finish(graceMs);
      await Promise.all(threads);
      this.#app?.detach();
      await engine.stop();
    }
    this.#closed.resolve();
  }
}

/**
 * Serves HTTP/3 (and what else `alpn` names) with the handlers of `Bun.serve`. Where the native
 * part is missing Bun.serve takes its place, unless QUICD_FALLBACK is "never".
 *
 * @throws Error or TypeError that names the option or resource at fault.
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { app, appThreads = 0 } = options;
  // Before the module is loaded, so that what it captures is what is sent fastest.
  installKnownResponse();
  if (appThreads > 0 && app === undefined) {
    throw new TypeError("appThreads needs app: a module; functions cannot cross to other threads");
  }
  const module = app === undefined ? null : pathToFileURL(resolvePath(app)).href;
  const engine = engineOptionsOf(options, await readTls(options.tls));
  const missing = missingNative();
  if (missing !== null) return serveOnBun(options, engine, module, missing);
  const maxRequestBodyBytes = options.maxRequestBodySize ?? DEFAULT_REQUEST_BODY_BYTES;
  const registry = options.registry ?? new AppRegistry();
  const server = new QuicServer(registry, {
    engine,
    shutdownGraceMs: options.shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
    signals: options.signals ?? false,
    ...(appThreads > 0 && module !== null
      ? { threads: { count: appThreads, module, maxRequestBodyBytes } }
      : {}),
  });
  const handled = module !== null || options.fetch !== undefined || options.lean !== undefined;
  if (options.registry !== undefined && !handled) return server.start();
  const handler = await handlerOf(options, module);
  const h3 = new H3Factory(handler, { serverFacade: server, maxRequestBodyBytes });
  for (const alpn of options.alpn ?? ["h3"]) registry.register(alpn, factoryFor(alpn, h3, handler));
  return server.start();
}

/** For this thread; app threads import their own, and here only what they offer counts. */
async function handlerOf(options: ServeOptions, module: string | null): Promise<AppHandler> {
  if (module === null) return options;
  const { appThreads = 0 } = options;
  return appThreads > 0 ? ON_APP_THREADS : await importHandler(module);
}

/** The requests of app threads never reach the main thread. */
const ON_APP_THREADS: AppHandler = {
  fetch: () => new Response(null, { status: 500 }),
  resolveFile: () => null,
};
