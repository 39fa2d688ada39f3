/**
 * Field lines to encoded field sections, RFC 9204 §4.5: static table and literals only, so that the
 * peer's decoder never waits and needs no acknowledgement.
 */
import { writeLatin1 } from "../../../wire/text.ts";
import { huffmanEncode, huffmanEncodedBytes } from "./huffman.ts";
import { encodePrefixedInteger } from "./integer.ts";
import { findStaticEntry, findStaticName } from "./static_table.ts";

/** The prefix: Required Insert Count 0, Base 0 (RFC 9204 §4.5.1). */
export const SECTION_PREFIX_BYTES = 2;

/** Room that {@link encodeFieldLine} may need: the text and two integers. */
export function fieldLineMaxBytes(name: string, value: string): number {
  return name.length + value.length + 12;
}

export function encodeSectionPrefix(memory: Uint8Array, offset: number): number {
  memory[offset] = 0;
  memory[offset + 1] = 0;
  return offset + SECTION_PREFIX_BYTES;
}

/**
 * Writes one line; name and value are Latin-1, checked by the caller. Returns the offset after it.
 */
export function encodeFieldLine(
  name: string,
  value: string,
  memory: Uint8Array,
  offset: number,
): number {
  const entry = findStaticEntry(name, value);
  if (entry >= 0) return encodePrefixedInteger(entry, 6, 0xc0, memory, offset);
  const index = findStaticName(name);
  const next =
    index >= 0
      ? encodePrefixedInteger(index, 4, 0x50, memory, offset)
      : encodeString(name, 3, 0x20, memory, offset);
  return encodeString(value, 7, 0x00, memory, next);
}

/**
 * A string literal (RFC 9204 §4.1.2), Huffman-coded where that is shorter; the H bit is the one
 * above the prefix.
 */
function encodeString(
  text: string,
  prefixBits: number,
  pattern: number,
  memory: Uint8Array,
  offset: number,
): number {
  const coded = huffmanEncodedBytes(text);
  if (coded < text.length) {
    const huffmanBit = 1 << prefixBits;
    const next = encodePrefixedInteger(coded, prefixBits, pattern | huffmanBit, memory, offset);
    return huffmanEncode(text, memory, next);
  }
  const next = encodePrefixedInteger(text.length, prefixBits, pattern, memory, offset);
  return writeLatin1(text, memory, next);
}

/**
 * `content-length`, which differs from response to response where the rest of a section repeats.
 */
const CONTENT_LENGTH_INDEX = 4;
/** Static index and string length, each one byte; digits of 2^53. */
export const CONTENT_LENGTH_MAX_BYTES = 2 + 16;

export function contentLengthLineBytes(length: number): number {
  return length === 0 ? 1 : 2 + decimalDigits(length);
}

export function encodeContentLength(length: number, memory: Uint8Array, offset: number): number {
  if (length === 0) {
    memory[offset] = 0xc0 | CONTENT_LENGTH_INDEX;
    return offset + 1;
  }
  const digits = decimalDigits(length);
  memory[offset] = 0x50 | CONTENT_LENGTH_INDEX;
  memory[offset + 1] = digits;
  const end = offset + 2 + digits;
  let rest = length;
  for (let at = end - 1; at > offset + 1; at--) {
    const tens = Math.floor(rest / 10);
    memory[at] = 0x30 + (rest - 10 * tens);
    rest = tens;
  }
  return end;
}

function decimalDigits(value: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  return digits;
}
