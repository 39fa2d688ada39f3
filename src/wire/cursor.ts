/**
 * A place in borrowed bytes: `memory[offset .. end)` is what is left to read.
 *
 * One cursor serves many reads, and is set anew instead of being made anew. It never reads past
 * `end`, although the memory (a slab) goes on there with bytes of other connections.
 */
import { decodeVarint, INCOMPLETE, varintBytesByFirst } from "./varint.ts";

export { HUGE, INCOMPLETE } from "./varint.ts";

export class ByteCursor {
  constructor(
    public memory: Uint8Array,
    public offset = 0,
    public end = memory.length,
  ) {}

  set(memory: Uint8Array, offset: number, end: number): void {
    this.memory = memory;
    this.offset = offset;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  /** The next byte, or {@link INCOMPLETE}. */
  tryReadByte(): number {
    return this.offset < this.end ? this.memory[this.offset++]! : INCOMPLETE;
  }

  /**
   * The next varint (RFC 9000 §16), HUGE above 2^53-1, or {@link INCOMPLETE} with nothing moved.
   */
  tryReadVarint(): number {
    const { memory, offset } = this;
    if (offset >= this.end) return INCOMPLETE;
    const next = offset + varintBytesByFirst(memory[offset]!);
    if (next > this.end) return INCOMPLETE;
    this.offset = next;
    return decodeVarint(memory, offset);
  }
}
