/**
 * A response body that writes itself into send memory: for files and whatever else can be read
 * without a copy in between.
 *
 *     const response = new Response(null, { status: 200, headers });
 *     attachBodySource(response, source);
 */

export interface BodySource {
  /** Bytes that {@link read} will give in all; null: not known before the end. */
  readonly length: number | null;
  /**
   * Puts the next bytes into `memory[offset .. offset + capacity)` and returns how many: 0 at the
   * end, -1 for a failure. A failure, or an end before `length`, resets the stream: a client never
   * takes part of a body for the whole.
   */
  read(memory: Uint8Array, offset: number, capacity: number): number;
  /** Called once, after the last read or when the rest is not wanted. */
  close(): void;
}

const BODY_SOURCE = Symbol("quicd.bodySource");

interface Carrier {
  [BODY_SOURCE]?: BodySource;
}

/** Makes `source` the body of a response that has none; the response owns it from here on. */
export function attachBodySource(response: Response, source: BodySource): void {
  (response as Carrier)[BODY_SOURCE] = source;
}

/** The attached source, or undefined. */
export function bodySourceOf(response: object): BodySource | undefined {
  return (response as Carrier)[BODY_SOURCE];
}

/** Bytes that are all in memory. */
export class MemorySource implements BodySource {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  read(memory: Uint8Array, offset: number, capacity: number): number {
    const start = this.#offset;
    const end = Math.min(start + capacity, this.#bytes.length);
    const whole = start === 0 && end === this.#bytes.length;
    memory.set(whole ? this.#bytes : this.#bytes.subarray(start, end), offset);
    this.#offset = end;
    return end - start;
  }

  close(): void {}
}
