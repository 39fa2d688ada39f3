/**
 * The peer's QPACK encoder stream, RFC 9204 §4.3, against a dynamic table of capacity 0: the only
 * instruction that can be right is Set Dynamic Table Capacity to 0.
 */
import { ByteCursor } from "../../../wire/cursor.ts";
import { H3Error, H3ErrorCode } from "../error.ts";
import { decodePrefixedInteger } from "./integer.ts";

const SET_CAPACITY_MASK = 0xe0;
const SET_CAPACITY = 0x20;

function failure(reason: string): H3Error {
  return new H3Error(H3ErrorCode.QpackEncoderStreamError, reason);
}

export class EncoderStreamReader {
  readonly #cursor = new ByteCursor(new Uint8Array(0));

  /** @throws {H3Error} QpackEncoderStreamError, a connection error. */
  feed(memory: Uint8Array, start: number, end: number): void {
    const cursor = this.#cursor;
    cursor.set(memory, start, end);
    while (cursor.offset < end) {
      const first = memory[cursor.offset]!;
      if ((first & SET_CAPACITY_MASK) !== SET_CAPACITY) throw failure("insert at capacity 0");
      // A capacity that needs a second byte is above 0 whatever follows, so "incomplete" is wrong
      // too.
      if (decodePrefixedInteger(cursor, 5) !== 0) throw failure("capacity above 0");
    }
  }
}
