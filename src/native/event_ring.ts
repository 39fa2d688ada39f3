/**
 * One event ring, worker to app thread, read in place.
 *
 * C owns the indices: `peek` says how many entries are whole, `release` gives them back. Here only
 * the head is counted along, so that entry i of the batch can be found.
 */
import { assert } from "../assert.ts";
import { EVENT_WORDS } from "./abi.gen.ts";
import type { HotCalls } from "./hot_calls.ts";

export class EventRing {
  readonly #calls: HotCalls;
  readonly #app: number;
  readonly #worker: number;
  readonly #mask: number;
  #head = 0;

  constructor(
    calls: HotCalls,
    app: number,
    worker: number,
    /** All entries, EVENT_WORDS each. Valid between `peek` and `release` only. */
    readonly words: Uint32Array,
  ) {
    const capacity = words.length / EVENT_WORDS;
    assert(capacity > 0 && (capacity & (capacity - 1)) === 0, "ring capacity is a power of two");
    this.#calls = calls;
    this.#app = app;
    this.#worker = worker;
    this.#mask = capacity - 1;
  }

  /** Entries to read now, at most 256. */
  peek(): number {
    return this.#calls.quicd_events_peek(this.#app, this.#worker);
  }

  /** Word index in {@link words} of entry `index` of the batch that `peek` announced. */
  entry(index: number): number {
    return ((this.#head + index) & this.#mask) * EVENT_WORDS;
  }

  /** The first `count` entries of the batch may be overwritten from here. */
  release(count: number): void {
    this.#head = (this.#head + count) >>> 0;
    this.#calls.quicd_events_release(this.#app, this.#worker, count);
  }
}
