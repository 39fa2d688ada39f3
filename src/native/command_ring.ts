/**
 * One command ring, app thread to worker: `reserve` an entry, fill it in place, `commit` it.
 *
 * Whether and when the worker is woken is wakeup.ts's decision.
 */
import { assert } from "../assert.ts";
import { COMMAND_WORDS, NONE, OK } from "./abi.gen.ts";
import type { HotCalls } from "./hot_calls.ts";

export class CommandRing {
  readonly #calls: HotCalls;
  readonly #app: number;
  readonly #worker: number;
  /** Word index of the entry that C reserved and we have not committed, or -1. */
  #reserved = -1;

  constructor(
    calls: HotCalls,
    app: number,
    worker: number,
    /** Entries to fill in, COMMAND_WORDS each; commit copies the reserved one. */
    readonly words: Uint32Array,
  ) {
    this.#calls = calls;
    this.#app = app;
    this.#worker = worker;
  }

  /**
   * Word index of a free entry, or -1 when the ring is full; the same one until it is committed.
   */
  reserve(): number {
    if (this.#reserved >= 0) return this.#reserved;
    const index = this.#calls.quicd_commands_reserve(this.#app, this.#worker);
    if (index === NONE) return -1;
    this.#reserved = index * COMMAND_WORDS;
    return this.#reserved;
  }

  /** Publishes the reserved entry. Its lease, if it names a buffer, is the worker's from here. */
  commit(): void {
    assert(this.#reserved >= 0, "commit without reserve");
    const entry = this.#reserved;
    this.#reserved = -1;
    const refusal = this.#calls.quicd_commands_commit(this.#app, this.#worker);
    if (refusal !== OK) {
      const fields = this.words.subarray(entry, entry + COMMAND_WORDS).join(" ");
      assert(false, `command refused with ${refusal}: ${fields}`);
    }
  }
}
