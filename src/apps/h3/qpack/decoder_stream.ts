/**
 * The peer's QPACK decoder stream, RFC 9204 §4.4. We insert nothing, so nothing can be
 * acknowledged; a cancelled stream (§4.4.2) tells an encoder without a dynamic table nothing and is
 * skipped.
 */
import { ByteCursor, INCOMPLETE } from "../../../wire/cursor.ts";
import { H3Error, H3ErrorCode } from "../error.ts";
import { decodePrefixedInteger, OVERFLOW } from "./integer.ts";

const STREAM_CANCELLATION_MASK = 0xc0;
const STREAM_CANCELLATION = 0x40;
/** Prefix and continuation of the longest integer. */
const INSTRUCTION_MAX_BYTES = 11;

function failure(reason: string): H3Error {
  return new H3Error(H3ErrorCode.QpackDecoderStreamError, reason);
}

export class DecoderStreamReader {
  readonly #cursor = new ByteCursor(new Uint8Array(0));
  /** An instruction that a chunk ended in. */
  readonly #stash = new Uint8Array(INSTRUCTION_MAX_BYTES);
  #stashBytes = 0;

  /** @throws {H3Error} QpackDecoderStreamError, a connection error. */
  feed(memory: Uint8Array, start: number, end: number): void {
    for (let offset = start; offset < end; offset++) {
      this.#stash[this.#stashBytes++] = memory[offset]!;
      this.#cursor.set(this.#stash, 0, this.#stashBytes);
      if (this.#readCancellation()) this.#stashBytes = 0;
    }
  }

  #readCancellation(): boolean {
    if ((this.#stash[0]! & STREAM_CANCELLATION_MASK) !== STREAM_CANCELLATION) {
      throw failure("acknowledgement of what was never sent");
    }
    const streamId = decodePrefixedInteger(this.#cursor, 6);
    if (streamId === OVERFLOW) throw failure("oversized stream id");
    return streamId !== INCOMPLETE;
  }
}
