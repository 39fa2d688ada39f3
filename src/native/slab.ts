/**
 * One slab's payload memory: `smallCount` buffers of 2 KiB, then the large ones of 16 KiB. Headers
 * and reference counts lie elsewhere, in C.
 */
import { LARGE_BUFFER_BYTES, SMALL_BUFFER_BYTES } from "./abi.gen.ts";

export class Slab {
  readonly #smallCount: number;
  readonly #largeBase: number;

  constructor(
    /** Worker w: w. App thread a: workers + a. */
    readonly id: number,
    /** All of it: other connections' bytes too. Never hand it to user code. */
    readonly memory: Uint8Array,
    smallCount: number,
  ) {
    this.#smallCount = smallCount;
    this.#largeBase = smallCount * (SMALL_BUFFER_BYTES - LARGE_BUFFER_BYTES);
  }

  /** Where a buffer starts, bytes from the start of {@link memory}. */
  offsetOf(buffer: number): number {
    return buffer < this.#smallCount
      ? buffer * SMALL_BUFFER_BYTES
      : this.#largeBase + buffer * LARGE_BUFFER_BYTES;
  }

  /** Bytes that a buffer holds. */
  capacityOf(buffer: number): number {
    return buffer < this.#smallCount ? SMALL_BUFFER_BYTES : LARGE_BUFFER_BYTES;
  }
}

export function slabBytes(smallCount: number, largeCount: number): number {
  return smallCount * SMALL_BUFFER_BYTES + largeCount * LARGE_BUFFER_BYTES;
}
