/**
 * Prefixed integers, RFC 9204 §4.1.1 (RFC 7541 §5.1): an integer that begins in the lower bits of a
 * byte whose upper bits mean something else.
 */
import { type ByteCursor, HUGE, INCOMPLETE } from "../../../wire/cursor.ts";

/** More than the 62 bits that a decoder must take: the peer's error. */
export const OVERFLOW = -2;

/** 62 bits in groups of seven. */
const CONTINUATION_MAX_BYTES = 9;
const MAX_62_BIT = 2 ** 62;

/**
 * Reads the integer whose first byte is at the cursor and has `prefixBits` bits of it.
 *
 * Returns the value, {@link HUGE} above 2^53-1, INCOMPLETE with nothing moved, or {@link OVERFLOW}.
 */
export function decodePrefixedInteger(cursor: ByteCursor, prefixBits: number): number {
  const { memory, end } = cursor;
  let offset = cursor.offset;
  if (offset >= end) return INCOMPLETE;
  const prefixMax = (1 << prefixBits) - 1;
  let value = memory[offset++]! & prefixMax;
  if (value === prefixMax) {
    let scale = 1;
    for (let i = 0; ; i++) {
      if (offset >= end) return INCOMPLETE;
      if (i === CONTINUATION_MAX_BYTES) return OVERFLOW;
      const byte = memory[offset++]!;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) break;
    }
  }
  cursor.offset = offset;
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  // Rounding can only lift 2^62-1 to 2^62, never push a smaller value over it.
  return value <= MAX_62_BIT ? HUGE : OVERFLOW;
}

/**
 * Writes `value` (below 2^28: lengths and indices of ours) with the upper bits of its first byte
 * from `pattern`; returns the offset after it.
 */
export function encodePrefixedInteger(
  value: number,
  prefixBits: number,
  pattern: number,
  memory: Uint8Array,
  offset: number,
): number {
  const prefixMax = (1 << prefixBits) - 1;
  if (value < prefixMax) {
    memory[offset] = pattern | value;
    return offset + 1;
  }
  memory[offset] = pattern | prefixMax;
  let rest = value - prefixMax;
  let next = offset + 1;
  while (rest >= 0x80) {
    memory[next++] = 0x80 | (rest & 0x7f);
    rest >>>= 7;
  }
  memory[next++] = rest;
  return next;
}
