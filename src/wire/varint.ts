/**
 * Variable-length integers, RFC 9000 §16.
 *
 * Pure and allocation-free. A number holds integers exactly up to 2^53-1; the wire allows 2^62-1.
 * The valid values in between are read as {@link HUGE}: a length or an id that no stream can reach,
 * so that comparing it with any bound still gives the right answer, while nothing is ever rounded
 * to a neighbour.
 */
import { assert } from "../assert.ts";

/** Not all bytes of the integer are there yet. */
export const INCOMPLETE = -1;
/** A valid integer above 2^53-1. */
export const HUGE = Number.POSITIVE_INFINITY;
/** The longest encoding, bytes. */
export const VARINT_MAX_BYTES = 8;

const TWO_32 = 0x1_0000_0000;

/** Encoded size in bytes by the first byte: its two upper bits (RFC 9000 §16, table 4). */
export function varintBytesByFirst(first: number): number {
  return 1 << (first >> 6);
}

/** Encoded size in bytes of `value`, at its shortest. */
export function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x4000_0000) return 4;
  return 8;
}

/** Reads the integer that starts at `offset`; the caller knows that all its bytes are there. */
export function decodeVarint(memory: Uint8Array, offset: number): number {
  const first = memory[offset]!;
  switch (first >> 6) {
    case 0:
      return first;
    case 1:
      return ((first & 0x3f) << 8) | memory[offset + 1]!;
    case 2:
      return readUint32(memory, offset) & 0x3fff_ffff;
    default: {
      const high = readUint32(memory, offset) & 0x3fff_ffff;
      // 2^53-1 has 21 bits above the lower 32.
      if (high > 0x1f_ffff) return HUGE;
      return high * TWO_32 + readUint32(memory, offset + 4);
    }
  }
}

function readUint32(memory: Uint8Array, offset: number): number {
  const upper = (memory[offset]! << 8) | memory[offset + 1]!;
  const lower = (memory[offset + 2]! << 8) | memory[offset + 3]!;
  return ((upper << 16) | lower) >>> 0;
}

/**
 * Writes `value`, an integer of 0 to 2^53-1, at its shortest and returns the offset after it. The
 * caller has checked the room: {@link VARINT_MAX_BYTES} always suffice.
 */
export function encodeVarint(value: number, memory: Uint8Array, offset: number): number {
  if (value < 0x40) {
    memory[offset] = value;
    return offset + 1;
  }
  if (value < 0x4000) {
    memory[offset] = 0x40 | (value >> 8);
    memory[offset + 1] = value & 0xff;
    return offset + 2;
  }
  if (value < 0x4000_0000) return writeUint32((value | 0x8000_0000) >>> 0, memory, offset);
  assert(Number.isSafeInteger(value), `varint of ${value}`);
  const high = Math.floor(value / TWO_32);
  writeUint32((high | 0xc000_0000) >>> 0, memory, offset);
  return writeUint32(value % TWO_32, memory, offset + 4);
}

function writeUint32(value: number, memory: Uint8Array, offset: number): number {
  memory[offset] = value >>> 24;
  memory[offset + 1] = (value >>> 16) & 0xff;
  memory[offset + 2] = (value >>> 8) & 0xff;
  memory[offset + 3] = value & 0xff;
  return offset + 4;
}
