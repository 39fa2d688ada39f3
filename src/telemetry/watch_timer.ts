/** The one timer of all that is watched: each time it goes off, JavaScript wakes once. */
const LOOK_EVERY_MS = 10_000;

export interface Watch {
  /** @param nowMs of a clock that only goes forward */
  look(nowMs: number): void;
}

export class WatchTimer {
  readonly #timer: Timer;

  /** Looks every few seconds from now on, without keeping the process alive. */
  constructor(watches: readonly Watch[]) {
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      for (const watch of watches) watch.look(nowMs);
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** Looks no more. Twice is once. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
