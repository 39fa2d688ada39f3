/** Writes a prefix and then so many bytes of the pattern to a stream, at the stream's pace. */
import type { SendStream } from "../transport/stream.ts";
import { PATTERN, PATTERN_PIECE_BYTES, patternPlace } from "./pattern.ts";

export class PayloadWriter {
  readonly #prefix: Uint8Array;
  readonly #payloadBytes: number;
  /** All of it where it is short: one write then does. */
  readonly #whole: Uint8Array | null;
  #sent = 0;

  constructor(prefix: Uint8Array, payloadBytes: number) {
    this.#prefix = prefix;
    this.#payloadBytes = payloadBytes;
    const short = payloadBytes <= PATTERN_PIECE_BYTES;
    this.#whole = short ? Buffer.concat([prefix, PATTERN.subarray(0, payloadBytes)]) : null;
  }

  /** The payload of another one, for another stream. */
  again(): PayloadWriter {
    return new PayloadWriter(this.#prefix, this.#payloadBytes);
  }

  begin(): void {
    this.#sent = 0;
  }

  /** True when all was taken, FIN included. Else again with the next `onWritable`. */
  write(send: SendStream): boolean {
    const whole = this.#whole;
    if (whole !== null && this.#sent === 0) {
      this.#sent = send.tryWrite(whole, true);
      return this.#sent === whole.length;
    }
    const total = this.#prefix.length + this.#payloadBytes;
    while (this.#sent < total) {
      const piece = this.#piece();
      const taken = send.tryWrite(piece, this.#sent + piece.length === total);
      this.#sent += taken;
      if (taken < piece.length) return false;
    }
    return true;
  }

  #piece(): Uint8Array {
    const done = this.#sent - this.#prefix.length;
    if (done < 0) return this.#prefix.subarray(this.#sent);
    const place = patternPlace(done);
    const count = Math.min(PATTERN_PIECE_BYTES, this.#payloadBytes - done);
    return PATTERN.subarray(place, place + count);
  }
}
