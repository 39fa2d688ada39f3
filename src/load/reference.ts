/** What bodies are compared with, wherever a piece of them begins. */
import { PATTERN, PATTERN_PERIOD } from "./pattern.ts";
import type { Expectation } from "./plan.ts";

/** Up to here a loop beats the call. */
const LOOP_MAX_BYTES = 32;
/** Of a first body that is kept for comparison. */
export const FIRST_MAX_BYTES = 256 * 1024 * 1024;

export class Reference {
  /** Null: nothing is known of the bytes. */
  #content: Buffer | null;
  /** Bytes after which the content begins again. */
  #period: number;
  /** Of the whole body; -1: any. */
  #length: number;

  constructor(expect: Expectation) {
    this.#content = null;
    this.#period = Number.POSITIVE_INFINITY;
    this.#length = -1;
    if (expect.kind === "length") this.#length = expect.bytes;
    if (expect.kind === "content") this.learn(expect.content);
    if (expect.kind === "pattern") {
      this.#content = PATTERN;
      this.#period = PATTERN_PERIOD;
    }
  }

  /** Of a whole body; -1: any. */
  get length(): number {
    return this.#length;
  }

  /** Every body from here on must be this. */
  learn(content: Uint8Array): void {
    this.#content = Buffer.from(content.buffer, content.byteOffset, content.length);
    this.#length = content.length;
  }

  /** Whether `memory[start .. end)` may stand `offset` bytes into a body. */
  matches(offset: number, memory: Uint8Array, start: number, end: number): boolean {
    const count = end - start;
    if (this.#length >= 0 && offset + count > this.#length) return false;
    const content = this.#content;
    if (content === null) return true;
    const place = offset % this.#period;
    if (count > LOOP_MAX_BYTES) {
      return content.compare(memory, start, end, place, place + count) === 0;
    }
    for (let i = 0; i < count; i++) if (content[place + i] !== memory[start + i]) return false;
    return true;
  }
}
