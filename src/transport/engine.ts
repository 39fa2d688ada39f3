/**
 * The native engine of one server: its workers and sockets. One per server; app threads attach to
 * it by its number, also from other JavaScript threads of the process.
 */
import type { EngineOptions, EngineView, SteeringCounters } from "../native/addon.ts";
import { type Counters, readCounter, readCounters, readFullness } from "../native/counters.ts";
import { loadLibrary } from "../native/library.ts";
import {
  askWhy,
  type LiveConnection,
  liveConnections,
  takeWhy,
  type WhyNumbers,
} from "../native/why.ts";

export type { Counters } from "../native/counters.ts";
export type { LiveConnection, WhyNumbers } from "../native/why.ts";

/** A worker answers in its next turn; one that does not in this time is stuck. */
const WHY_LIMIT_MS = 2000;

export class Engine {
  readonly view: EngineView;
  #stopped: Promise<void> | null = null;
  #asking: Promise<unknown> = Promise.resolve();

  /** @throws Error with cause and remedy when a socket, a worker or the library cannot be had. */
  constructor(options: EngineOptions) {
    this.view = loadLibrary().addon.start(options);
  }

  get stopping(): boolean {
    return this.#stopped !== null;
  }

  /** SIGINT and SIGTERM are taken natively from here; every app thread is told of the first. */
  takeSignals(): void {
    loadLibrary().addon.takeSignals(this.view.engine);
  }

  /** Accepts no more connections. */
  drain(): void {
    if (!this.stopping) loadLibrary().addon.drain(this.view.engine);
  }

  /** Closes what is left and ends the workers. Detach this thread's app first. Twice is once. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      loadLibrary().addon.stop(this.view.engine, resolve);
    });
    return this.#stopped;
  }

  /** Of one worker, or the sum over all. */
  counters(worker?: number): Counters {
    const { workers } = this.view;
    return readCounters(worker === undefined ? workers : [workers[worker]!]);
  }

  /** One counter, the sum over all workers. */
  counter(name: keyof Counters): number {
    return readCounter(this.view.workers, name);
  }

  /** How often there was no room, of all workers and app threads. */
  fullness(): { eventRing: number; commandRing: number; workerSlab: number; appSlab: number } {
    const { commandRing, slab } = readFullness(this.view.apps);
    return {
      eventRing: this.counter("event_ring_full"),
      commandRing,
      workerSlab: this.counter("slab_empty"),
      appSlab: slab,
    };
  }

  /** Connections that are not over and whose ID begins so (hex), on all workers. */
  live(prefix: string): LiveConnection[] {
    return this.stopping ? [] : liveConnections(this.view.workers, prefix);
  }

  /**
   * What connections of a worker wait for: of the slots from `first` on, or with a generation other
   * than 0 of that one alone.
   *
   * @throws Error when the worker does not answer in 2 s, or has ended.
   */
  why(
    worker: number,
    first: number,
    generation: number,
    most: number,
  ): Promise<{ whys: WhyNumbers[]; next: number | null }> {
    const ask = () => this.#askWhy(worker, first, generation, most);
    // One request at a time; one that failed is no reason not to try the next.
    const answer = this.#asking.then(ask, ask);
    this.#asking = answer;
    return answer;
  }

  async #askWhy(worker: number, first: number, generation: number, most: number) {
    const { engine } = this.view;
    const started = performance.now();
    let asked = false;
    while (!this.stopping && performance.now() - started < WHY_LIMIT_MS) {
      asked ||= askWhy(engine, worker, first, generation, most);
      const answer = asked ? takeWhy(engine, worker) : null;
      if (answer !== null) return answer;
      await Bun.sleep(1);
    }
    throw new Error(`worker ${worker} did not say what its connections wait for`);
  }

  /** What the eBPF program did since the start; null without one, and after the end. */
  steering(): SteeringCounters | null {
    return this.stopping ? null : loadLibrary().addon.steering(this.view.engine);
  }
}
