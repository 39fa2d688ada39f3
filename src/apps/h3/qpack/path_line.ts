/**
 * Finds the `:path` line of an encoded field section without decoding the rest, RFC 9204 §4.5.
 *
 * Clients repeat all of a section but its path; head_reader.ts keeps what the repeated part decodes
 * to. This file only looks: what it does not recognise at a glance it leaves to the decoder, which
 * judges.
 */

/**
 * Literal with a reference to static name 1, `:path`; may be indexed by others (RFC 9204 §4.5.4).
 */
const PATH_LINE = 0x51;
/** Pseudo-fields come first, so the path is among the first lines. */
const LINES_MAX = 6;

export class PathLine {
  /** The line: `memory[start .. end)`. */
  start = 0;
  end = 0;
  /** Its value: `memory[valueStart .. end)`. */
  valueStart = 0;
  /** The value is Huffman-coded. */
  coded = false;

  /** Looks into the section `memory[start .. end)`. False: not found, or not simple. */
  find(memory: Uint8Array, start: number, end: number): boolean {
    if (end - start < 2 || memory[start] !== 0 || memory[start + 1] !== 0) return false;
    let offset = start + 2;
    for (let i = 0; i < LINES_MAX && offset < end; i++) {
      const first = memory[offset]!;
      if (first === PATH_LINE) {
        this.start = offset;
        this.end = this.#skipString(memory, offset + 1, end);
        return this.end > 0;
      }
      offset = this.#skipLine(memory, offset, first, end);
      if (offset < 0) return false;
    }
    return false;
  }

  /** Offset after the line, or -1. */
  #skipLine(memory: Uint8Array, offset: number, first: number, end: number): number {
    // Indexed, index below 63.
    if ((first & 0x80) !== 0) return (first & 0x3f) === 0x3f ? -1 : offset + 1;
    // Literal with name reference, index below 15.
    if ((first & 0x40) !== 0) {
      return (first & 0x0f) === 0x0f ? -1 : this.#skipString(memory, offset + 1, end);
    }
    return -1;
  }

  /** Offset after the string that begins with its length, or -1. */
  #skipString(memory: Uint8Array, offset: number, end: number): number {
    if (offset >= end) return -1;
    const first = memory[offset]!;
    this.coded = (first & 0x80) !== 0;
    let length = first & 0x7f;
    let start = offset + 1;
    if (length === 0x7f) {
      // Up to 127 + 127: one byte more.
      if (start >= end || memory[start]! >= 0x80) return -1;
      length += memory[start++]!;
    }
    this.valueStart = start;
    return start + length <= end ? start + length : -1;
  }
}
