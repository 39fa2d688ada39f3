/**
 * Received bytes, as applications see them.
 *
 * A {@link Chunk} is immutable and reference-counted: `slice` and `retain` are O(1), and passing
 * one to a write moves no byte. The memory belongs to the transport; a chunk is a lease on it, and
 * every lease must be released once.
 */

/**
 * Borrowed bytes: valid during the call that hands them over, not after. One object is reused for
 * every call, so keep nothing of it; {@link ChunkView.retain} makes a {@link Chunk} that may be
 * kept.
 *
 * The bytes are `memory[offset .. offset + length)`. `memory` is the whole slab and shows other
 * connections' bytes too: parse in place, never hand it to user code.
 */
export interface ChunkView {
  readonly memory: Uint8Array;
  readonly offset: number;
  readonly length: number;
  /** A lease of one's own on part of the bytes (default: all). O(1), no copy. */
  retain(start?: number, end?: number): Chunk;
}

/** Bytes that are kept: release it when done, or the sender will meet flow control. */
export interface Chunk {
  readonly length: number;
  /** A safe copy. */
  bytes(): Uint8Array;
  /** Copies into `target` at `targetOffset`; returns the bytes copied. */
  copyTo(target: Uint8Array, targetOffset?: number): number;
  /**
   * A view into the slab, valid until {@link release}; its `.buffer` shows other connections'
   * bytes.
   */
  unsafeView(): Uint8Array;
  /** A new lease on part of the bytes. O(1). */
  slice(start: number, end?: number): Chunk;
  /** A new lease on the same bytes. O(1). */
  retain(): Chunk;
  /** Gives the lease back. Twice is a bug of the caller's and throws. */
  release(): void;
}
