/** How long an app thread that ended waits before its next start: longer while it keeps failing. */

const MIN_MS = 100;
const MAX_MS = 5000;
/** Who served so long had overcome what ended it before. */
export const HEALTHY_MS = 10_000;

export class Backoff {
  #failures = 0;

  /** Ends in a row, none of them after {@link HEALTHY_MS} of service. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds to wait after an end. @param servedMs how long it had served */
  next(servedMs: number): number {
    this.#failures = servedMs >= HEALTHY_MS ? 1 : this.#failures + 1;
    return Math.min(MAX_MS, MIN_MS * 2 ** (this.#failures - 1));
  }
}
