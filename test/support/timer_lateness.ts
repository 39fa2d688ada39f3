/**
 * How late a timer fires while garbage is made and collected: the same in a server and in a bare
 * Bun beside it, so that what the server adds shows.
 */
const EVERY_MS = 10;
/** Not counted: code is still being compiled. */
const WARM_UP_MS = 5000;
const GARBAGE_EVERY_MS = 100;
const COLLECT_EVERY_MS = 3000;
const GARBAGE_OBJECTS = 20_000;
/** Lateness in tenths of a millisecond; the last place takes all above. */
const PLACES = 20_000;

export interface Lateness {
  firings: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

export class TimerLateness {
  readonly #counts = new Uint32Array(PLACES);
  #firings = 0;
  #maxMs = 0;

  /** Starts timers that never end. */
  constructor() {
    let due = performance.now() + EVERY_MS;
    const counted = performance.now() + WARM_UP_MS;
    const fire = () => {
      if (due > counted) this.#note(performance.now() - due);
      due = performance.now() + EVERY_MS;
      setTimeout(fire, EVERY_MS);
    };
    setTimeout(fire, EVERY_MS);
    let garbage: unknown[] = [];
    setInterval(() => {
      if (garbage.length > 0) garbage = [];
      garbage = Array.from({ length: GARBAGE_OBJECTS }, (_, i) => ({ text: `garbage ${i}` }));
    }, GARBAGE_EVERY_MS);
    setInterval(() => Bun.gc(true), COLLECT_EVERY_MS);
  }

  read(): Lateness {
    const at = (share: number) => {
      let seen = 0;
      const place = this.#counts.findIndex((count) => {
        seen += count;
        return seen >= this.#firings * share;
      });
      return place / 10;
    };
    return { firings: this.#firings, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: this.#maxMs };
  }

  #note(lateMs: number): void {
    const place = Math.min(PLACES - 1, Math.max(0, Math.floor(lateMs * 10)));
    this.#counts[place]!++;
    this.#firings++;
    this.#maxMs = Math.max(this.#maxMs, lateMs);
  }
}
