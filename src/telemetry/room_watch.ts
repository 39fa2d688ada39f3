/**
 * Tells when a ring or a slab between workers and applications was full. Nothing is lost by it, but
 * reading or writing had to wait: who wonders about a slow server should know.
 */
import type { Watch } from "./watch_timer.ts";

/** Between two lines about it. */
const QUIET_MS = 10_000;

/** How often there was no room, since the start; each of them only grows. */
export interface RoomCounters {
  /** An event waited for the ring from a worker to an app thread. */
  eventRing: number;
  /** A command waited for the ring from an app thread to a worker. */
  commandRing: number;
  /** Received data waited for a buffer of a worker's slab. */
  workerSlab: number;
  /** Data to send waited for a buffer of an app thread's slab. */
  appSlab: number;
}

export interface RoomWatchOptions {
  counters(): RoomCounters;
  /** Of each ring. */
  ringCapacity: number;
  warn(line: string): void;
}

const larger = (ringCapacity: number) => `[limits] ring_capacity above ${ringCapacity}`;

const PLACES: readonly [keyof RoomCounters, string, remedy: (ringCapacity: number) => string][] = [
  [
    "eventRing",
    "an event ring",
    (capacity) => `an application that blocks less, more app threads, ${larger(capacity)}`,
  ],
  ["commandRing", "a command ring", (capacity) => `more workers, ${larger(capacity)}`],
  ["workerSlab", "a worker's slab", () => "to release chunks sooner, more workers"],
  ["appSlab", "an app thread's slab", () => "to wait for writes, more app threads"],
];

export class RoomWatch implements Watch {
  readonly #options: RoomWatchOptions;
  #told: RoomCounters = { eventRing: 0, commandRing: 0, workerSlab: 0, appSlab: 0 };
  #quietUntil = 0;

  constructor(options: RoomWatchOptions) {
    this.#options = options;
  }

  look(nowMs: number): void {
    if (nowMs < this.#quietUntil) return;
    const now = this.#options.counters();
    const lines = this.#lines(now);
    if (lines.length === 0) return;
    this.#told = now;
    this.#quietUntil = nowMs + QUIET_MS;
    this.#options.warn(`quicd: ${lines.join("; ")}`);
  }

  #lines(now: RoomCounters): string[] {
    return PLACES.filter(([what]) => now[what] > this.#told[what]).map(
      ([what, name, remedy]) =>
        `${name} was full ${now[what] - this.#told[what]} times. ` +
        `Remedy: ${remedy(this.#options.ringCapacity)}`,
    );
  }
}
