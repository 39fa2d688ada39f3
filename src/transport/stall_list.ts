/**
 * Streams whose write fell short for lack of ring room or slab buffers (not of credit: a WRITABLE
 * event answers that). They are told at the end of a turn, first come first served, never from
 * within a call.
 */

export interface Stalled {
  /** Room may be there again: try, and join the list anew when it is not. */
  onRoom(): void;
}

export type StallCause = "ring" | "slab";

export class StallList {
  #waiting: Stalled[] = [];
  #lastCause: StallCause = "ring";
  readonly #turnSoon: () => void;

  /**
   * `turnSoon` asks for a turn though no event may come: nothing rings when a ring has room again.
   */
  constructor(turnSoon: () => void) {
    this.#turnSoon = turnSoon;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** A stream joins once; it keeps track of that itself. */
  add(stalled: Stalled, cause: StallCause): void {
    this.#lastCause = cause;
    this.#waiting.push(stalled);
    if (cause === "ring") this.#turnSoon();
  }

  /**
   * Tells those who waited before the call. Ends early when one joins anew: what it lacked, the
   * others lack too. Returns true when the rest waits for ring room, which no doorbell announces.
   */
  tell(): boolean {
    const waiting = this.#waiting;
    if (waiting.length === 0) return false;
    this.#waiting = [];
    let told = 0;
    while (told < waiting.length && this.#waiting.length === 0) waiting[told++]!.onRoom();
    if (told < waiting.length) this.#waiting = [...waiting.slice(told), ...this.#waiting];
    return this.#waiting.length > 0 && this.#lastCause === "ring";
  }
}
