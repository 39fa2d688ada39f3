/**
 * The native engine of one server: its workers and sockets. One per server; app threads attach to
 * it by its number, also from other JavaScript threads of the process.
 */
import type { EngineOptions, EngineView, SteeringCounters } from "../native/addon.ts";
import { type Counters, readCounters } from "../native/counters.ts";
import { loadLibrary } from "../native/library.ts";

export class Engine {
  readonly view: EngineView;
  #stopped: Promise<void> | null = null;

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

  /** What the eBPF program did since the start; null without one, and after the end. */
  steering(): SteeringCounters | null {
    return this.stopping ? null : loadLibrary().addon.steering(this.view.engine);
  }
}
