/**
 * {@link simulate}: servers, clients and the network between them in one JavaScript thread, in
 * virtual time, each run repeated exactly by its seed. The applications, the dispatcher and the
 * native core are the real ones; sockets, threads and the clock are not (native/sim).
 */

import type { ConnectOptions } from "../client/options.ts";
import { QuicClient } from "../client.ts";
import { swapLibrary } from "../native/library.ts";
import { type Fates, NativeSimulation } from "../native/simulation.ts";
import { engineOptionsOf } from "../server/options.ts";
import type { QuicConnection } from "../transport/app.ts";
import { AttachedApp } from "../transport/attached_app.ts";
import { Engine } from "../transport/engine.ts";
import type { AppRegistry } from "../transport/registry.ts";
import { SIMULATED_IDENTITY } from "./identity.ts";
import { bothDirections, type Network, weatherNumbers } from "./network.ts";
import { VirtualTime } from "./virtual_time.ts";

const LIMIT_MS = 60_000;
const SERVER_HOST = "10.0.0.1";
const FIRST_PORT = 4433;
/** 32 bits: what Math.random and the native side both take whole. */
const SEEDS = 2 ** 32;
/** Rounds of the event loop after which all that a bell or timer set off has run. */
const ROUNDS = 4;
/** Lines of the log that a failure shows. */
const LOG_LINES = 40;

export interface SimulateOptions<Result> {
  /** Default: drawn. A failure names it. */
  seed?: number;
  network?: Network;
  /** Virtual milliseconds that `run` may take. Default 60,000. */
  limitMs?: number;
  run(world: SimulatedWorld): Promise<Result>;
}

export interface SimulatedServer {
  readonly host: string;
  readonly port: number;
  /** Tells connections to finish, closes what is left after 2 virtual seconds. */
  stop(): Promise<void>;
}

export interface SimulatedWorld {
  readonly seed: number;
  /** Serves the registry's applications, on a port of its own. `workers`: default 2. */
  serve(registry: AppRegistry, options?: { workers?: number }): Promise<SimulatedServer>;
  /** As `connect` of the package; certificates are not verified unless `tls` asks for it. */
  connect(options: ConnectOptions): Promise<QuicConnection>;
  sleep(ms: number): Promise<void>;
  /** Virtual milliseconds since the start. */
  now(): number;
  /** 0 to 1, from the seed. */
  random(): number;
  /** Shown with a failure, with its time. */
  log(text: string): void;
  /** From now on. */
  setNetwork(network: Network): void;
  /** A NAT gives every client another port, or another address too. */
  rebind(what?: "port" | "address"): void;
}

export interface SimulationResult<Result> {
  value: Result;
  seed: number;
  /** Of all that happened on the network: equal for equal seeds and equal code. */
  trace: string;
  virtualMs: number;
  datagrams: Fates;
}

/** `run` failed, or did not end; `cause` is its own error. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";

  constructor(
    text: string,
    readonly seed: number,
    readonly trace: string,
    cause: unknown,
  ) {
    super(text, { cause });
  }
}

let running = false;

/**
 * Runs `run` in a world of its own. Only one at a time in a thread, and no real server or client
 * beside it.
 *
 * @throws {SimulationError} that names the seed, when `run` throws or takes longer than `limitMs`
 */
export async function simulate<Result>(
  options: SimulateOptions<Result>,
): Promise<SimulationResult<Result>> {
  if (running) throw new Error("simulate: one simulation at a time in a thread");
  const seed = options.seed ?? Math.floor(Math.random() * SEEDS);
  if (!Number.isInteger(seed) || seed < 0 || seed >= SEEDS) {
    throw new TypeError(`simulate: seed is ${seed}; it is an integer from 0 to 2^32 - 1`);
  }
  running = true;
  const world = new World(seed, options.network ?? {});
  try {
    return await world.run(options);
  } finally {
    await world.end().finally(() => {
      running = false;
    });
  }
}

class World {
  readonly #native: NativeSimulation;
  readonly #time: VirtualTime;
  readonly #restoreTime: () => void;
  readonly #library: ReturnType<typeof swapLibrary>;
  readonly #servers = new Set<{ app: AttachedApp; engine: Engine }>();
  readonly #client = new QuicClient();
  readonly #log: string[] = [];
  #nextPort = FIRST_PORT;

  constructor(
    readonly seed: number,
    network: Network,
  ) {
    this.#native = new NativeSimulation(seed);
    this.#time = new VirtualTime(seed);
    this.setNetwork(network);
    this.#library = swapLibrary(this.#native.library);
    this.#restoreTime = this.#time.install();
  }

  async serve(registry: AppRegistry, options: { workers?: number } = {}): Promise<SimulatedServer> {
    const { workers = 2 } = options;
    registry.freeze();
    const port = this.#nextPort++;
    const base = engineOptionsOf({ port, hostname: SERVER_HOST, workers }, SIMULATED_IDENTITY);
    const engine = new Engine({
      ...{ ...base, alpn: registry.alpns, routing: "forward", apps: 1, pin: false },
    });
    const { streamChunks } = base;
    const app = await AttachedApp.attach(engine.view.engine, 0, {
      ...{ registry, streamChunks, poison: true },
    });
    const entry = { app, engine };
    this.#servers.add(entry);
    return { host: SERVER_HOST, port, stop: () => this.#stop(entry) };
  }

  connect(options: ConnectOptions): Promise<QuicConnection> {
    return this.#client.connect({ ...options, tls: { verify: false, ...options.tls } });
  }

  sleep(ms: number): Promise<void> {
    return this.#time.sleep(ms);
  }

  now(): number {
    return this.#time.nowMs;
  }

  random(): number {
    return this.#time.random();
  }

  log(text: string): void {
    this.#log.push(`${this.now().toFixed(3).padStart(12)} ms  ${text}`);
  }

  setNetwork(network: Network): void {
    const { toServer, toClient } = bothDirections(network);
    this.#native.weather("toServer", weatherNumbers(toServer));
    this.#native.weather("toClient", weatherNumbers(toClient));
  }

  rebind(what: "port" | "address" = "port"): void {
    this.#native.rebind(what === "address");
  }

  /** As an object that may be taken apart. */
  #parts(): SimulatedWorld {
    return {
      seed: this.seed,
      serve: (registry, options) => this.serve(registry, options),
      connect: (options) => this.connect(options),
      sleep: (ms) => this.sleep(ms),
      now: () => this.now(),
      random: () => this.random(),
      log: (text) => this.log(text),
      setNetwork: (network) => this.setNetwork(network),
      rebind: (what) => this.rebind(what),
    };
  }

  async run<Result>(options: SimulateOptions<Result>): Promise<SimulationResult<Result>> {
    const { limitMs = LIMIT_MS } = options;
    try {
      const value = await this.#drive(options.run(this.#parts()), limitMs);
      return {
        ...{ value, seed: this.seed, trace: this.#native.trace() },
        ...{ virtualMs: this.now(), datagrams: this.#native.fates() },
      };
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Lets the world go on until `task` is settled. */
  async #drive<Result>(task: Promise<Result>, limitMs: number): Promise<Result> {
    let settled = false;
    const settle = () => {
      settled = true;
    };
    task.then(settle, settle);
    for (;;) {
      await rounds();
      if (settled) return await task;
      if (this.now() >= limitMs) {
        throw new Error(`it has not ended after ${limitMs} virtual ms`);
      }
      const nowMs = this.#native.run(Math.min(this.#time.nextMs, limitMs));
      this.#native.ring();
      this.#time.advance(nowMs);
    }
  }

  #failure(error: unknown): SimulationError {
    const text = error instanceof Error ? error.message : String(error);
    const trace = this.#native.trace();
    const at = `seed ${this.seed}, ${this.now().toFixed(3)} virtual ms, trace ${trace}`;
    const lines = [`simulation failed: ${text}`, `  ${at}`, ...this.#log.slice(-LOG_LINES)];
    return new SimulationError(lines.join("\n"), this.seed, trace, error);
  }

  async #stop(entry: { app: AttachedApp; engine: Engine }): Promise<void> {
    if (!this.#servers.delete(entry)) return;
    await entry.app.finish(2000);
    entry.app.detach();
    await entry.engine.stop();
  }

  /** What is left ends at once: nobody waits for it. */
  async end(): Promise<void> {
    try {
      const rest = [...this.#servers].map((entry) => this.#stop(entry));
      const all = Promise.allSettled([...rest, this.#client.close()]);
      await this.#drive(all, this.now() + LIMIT_MS);
    } finally {
      this.#restoreTime();
      swapLibrary(this.#library);
      this.#native.end();
    }
  }
}

async function rounds(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
