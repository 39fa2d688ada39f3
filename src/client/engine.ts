/**
 * The native engine behind the connections of one JavaScript thread: started with the first of
 * them, ended with the thread. It keeps the process alive only while a connection is asked for or
 * open.
 */
import type { EngineOptions, ProfileOptions } from "../native/addon.ts";
import { loadLibrary } from "../native/library.ts";
import { engineOptionsOf, type QlogOptions } from "../server/options.ts";
import { AttachedApp } from "../transport/attached_app.ts";
import type { ConnectRequest } from "../transport/connect_request.ts";
import { Engine } from "../transport/engine.ts";
import { AppRegistry } from "../transport/registry.ts";

export interface ClientEngineOptions {
  /** Native threads. Default 1. */
  workers?: number;
  backend?: EngineOptions["backend"];
  /** Trains of datagrams in one send (UDP_SEGMENT). Default true. */
  gso?: boolean;
  /**
   * Packets are marked as ones that a congested network may mark in place of dropping them, where
   * path and server bear it (RFC 9000 §13.4). Default true.
   */
  ecn?: boolean;
  /** Logs of what connections do, in a folder (docs/observability.md). Default: none. */
  qlog?: string | QlogOptions;
}

/** Nobody serves here, so no application is registered. */
const NO_REGISTRY = new AppRegistry();
const NO_CERTIFICATE = { certificatePem: "", privateKeyPem: "" };
/** Beyond any that `connect` is given: the shorter one ends a handshake. */
const HANDSHAKE_MS = 300_000;

export class ClientEngine {
  readonly #engine: Engine;
  readonly #app: AttachedApp;
  readonly #profiles = new Map<string, number>();
  #uses = 0;
  #nextWorker = 0;

  private constructor(engine: Engine, app: AttachedApp) {
    this.#engine = engine;
    this.#app = app;
    app.ref(false);
  }

  /** @throws Error with cause and remedy: no socket, thread or library can be had. */
  static async start(options: ClientEngineOptions, keylogPath: string): Promise<ClientEngine> {
    const engine = startEngine(options, keylogPath);
    try {
      const { streamChunks } = engineDefaults(options);
      const attached = await AttachedApp.attach(engine.view.engine, 0, {
        registry: NO_REGISTRY,
        streamChunks,
        poison: process.env.QUICD_DEBUG_LEASES === "1",
      });
      return new ClientEngine(engine, attached);
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** The process stays alive until as many `release`. */
  use(): void {
    if (this.#uses++ === 0) this.#app.ref(true);
  }

  release(): void {
    if (--this.#uses === 0) this.#app.ref(false);
  }

  /** @throws Error that names the text or value which was refused. */
  profile(options: ProfileOptions): number {
    const key = JSON.stringify(options);
    const known = this.#profiles.get(key);
    if (known !== undefined) return known;
    const made = loadLibrary().addon.addProfile(this.#engine.view.engine, options);
    this.#profiles.set(key, made);
    return made;
  }

  /** Workers take turns. */
  connect(request: ConnectRequest): void {
    const worker = this.#nextWorker;
    this.#nextWorker = (worker + 1) % this.#engine.view.workers.length;
    this.#app.dispatcher.connect(worker, request);
  }

  /** Lets connections finish, at most `timeoutMs`, closes the rest, ends the threads. */
  async stop(timeoutMs: number): Promise<void> {
    if (timeoutMs > 0) await this.#app.finish(timeoutMs);
    this.#app.detach();
    await this.#engine.stop();
  }
}

function engineDefaults(options: ClientEngineOptions): EngineOptions {
  const { workers = 1, backend = "auto", qlog = "", gso = true, ecn = true } = options;
  const base = engineOptionsOf(
    { port: 0, hostname: "::", workers, backend, qlog, gso, transport: { ecn } },
    NO_CERTIFICATE,
  );
  return {
    ...{ ...base, alpn: [], role: "client", routing: "forward", apps: 1, pin: false },
    ...{ handshakeTimeoutMs: HANDSHAKE_MS, retry: "never" },
  };
}

/** On both families where the machine has them. */
function startEngine(options: ClientEngineOptions, keylogPath: string): Engine {
  const all = { ...engineDefaults(options), keylogPath };
  try {
    return new Engine(all);
  } catch (error) {
    try {
      return new Engine({ ...all, host: "0.0.0.0" });
    } catch {
      throw error;
    }
  }
}
