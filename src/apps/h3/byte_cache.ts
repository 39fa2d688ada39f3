/**
 * Remembers what bytes decoded to: a direct-mapped table keyed by the bytes themselves.
 *
 * Bounded by construction (slots x bytes per entry). A key enters at its second sight in a row, so
 * that keys that never come back, such as paths with a counter, cost no copy and push nothing out.
 */
import { assert } from "../../assert.ts";
import { hashBytes, startsWithBytes } from "../../wire/hash.ts";

interface Entry<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
}

export class ByteCache<T> {
  readonly #entries: (Entry<T> | null)[];
  /** Hash of the key that missed last, per slot. */
  readonly #missed: Int32Array;
  readonly #mask: number;
  readonly #keyMaxBytes: number;
  /** Hash of the key looked up last: {@link put} follows a miss of {@link get} on the same key. */
  #hash = 0;

  constructor(slots: number, keyMaxBytes: number) {
    assert((slots & (slots - 1)) === 0, "slots: a power of two");
    this.#entries = new Array<Entry<T> | null>(slots).fill(null);
    this.#missed = new Int32Array(slots);
    this.#mask = slots - 1;
    this.#keyMaxBytes = keyMaxBytes;
  }

  get(memory: Uint8Array, start: number, end: number): T | undefined {
    const hash = hashBytes(memory, start, end);
    this.#hash = hash;
    const entry = this.#entries[hash & this.#mask];
    if (entry == null || entry.bytes.length !== end - start) return undefined;
    return startsWithBytes(memory, start, entry.bytes) ? entry.value : undefined;
  }

  /** Offers what the key that {@link get} just missed decodes to. */
  put(memory: Uint8Array, start: number, end: number, value: T): void {
    if (end - start > this.#keyMaxBytes) return;
    const slot = this.#hash & this.#mask;
    if (this.#missed[slot] !== this.#hash) {
      this.#missed[slot] = this.#hash;
      return;
    }
    this.#entries[slot] = { bytes: memory.slice(start, end), value };
  }
}
