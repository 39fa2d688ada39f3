/**
 * Cuts the bytes of one stream into frames, whatever the split, RFC 9114 §7.1.
 *
 * A payload is collected whole, passed on piece by piece, or skipped, as the stream's owner says
 * for each frame. Skipping keeps one number, so a reserved frame may be of any length. A whole
 * payload that lies in the chunk at hand is not copied.
 */
import { ByteCursor } from "../../wire/cursor.ts";
import { H3Error, H3ErrorCode } from "./error.ts";
import { decodeFrameHeader, FRAME_HEADER_MAX_BYTES, type FrameHeader } from "./frame.ts";

export type PayloadUse = "collect" | "pass" | "skip";

/** The owner of the stream. All memory is borrowed for the call. */
export interface FrameReceiver {
  /** Says what shall become of the payload; throws if the frame may not be here. */
  onFrameHeader(type: number, payloadBytes: number): PayloadUse;
  /** A collected payload. */
  onFrame(type: number, memory: Uint8Array, start: number, end: number): void;
  /** The next bytes of a payload that is passed on; never empty. */
  onPayload(memory: Uint8Array, start: number, end: number): void;
}

/**
 * First size of a collecting buffer; a frame header alone must not make us allocate what it
 * promises.
 */
const COLLECT_INITIAL_BYTES = 1024;

export class FrameParser {
  readonly #receiver: FrameReceiver;
  readonly #header: FrameHeader = { type: 0, payloadBytes: 0 };
  /** Payload bytes still to come; -1 between frames. */
  #remaining = -1;
  #use: PayloadUse = "skip";
  /** Bytes of an unfinished header, or of an unfinished collected payload. */
  #stash: Uint8Array | null = null;
  #stashBytes = 0;

  constructor(receiver: FrameReceiver) {
    this.#receiver = receiver;
  }

  /** True while the stream stands within a frame: an end here truncates it. */
  get midFrame(): boolean {
    return this.#remaining >= 0 || this.#stashBytes > 0;
  }

  /** Takes all of `memory[start .. end)`. */
  feed(memory: Uint8Array, start: number, end: number): void {
    let offset = start;
    while (offset < end || this.#remaining === 0) {
      offset =
        this.#remaining < 0
          ? this.#feedHeader(memory, offset, end)
          : this.#feedPayload(memory, offset, end);
    }
  }

  #feedHeader(memory: Uint8Array, start: number, end: number): number {
    if (this.#stashBytes > 0) return this.#feedSplitHeader(memory, start, end);
    const cursor = new ByteCursor(memory, start, end);
    if (decodeFrameHeader(cursor, this.#header)) {
      this.#begin();
      return cursor.offset;
    }
    this.#stash = new Uint8Array(FRAME_HEADER_MAX_BYTES);
    this.#stash.set(memory.subarray(start, end));
    this.#stashBytes = end - start;
    return end;
  }

  /**
   * Completes a header that began in an earlier chunk, byte by byte so as to take none of the
   * payload.
   */
  #feedSplitHeader(memory: Uint8Array, start: number, end: number): number {
    const stash = this.#stash!;
    for (let offset = start; offset < end; offset++) {
      stash[this.#stashBytes++] = memory[offset]!;
      if (decodeFrameHeader(new ByteCursor(stash, 0, this.#stashBytes), this.#header)) {
        this.#stash = null;
        this.#stashBytes = 0;
        this.#begin();
        return offset + 1;
      }
    }
    return end;
  }

  #begin(): void {
    this.#remaining = this.#header.payloadBytes;
    this.#use = this.#receiver.onFrameHeader(this.#header.type, this.#remaining);
  }

  #feedPayload(memory: Uint8Array, start: number, end: number): number {
    const taken = Math.min(this.#remaining, end - start);
    const stop = start + taken;
    this.#remaining -= taken;
    if (this.#use === "collect") {
      this.#collect(memory, start, stop);
      return stop;
    }
    if (this.#remaining === 0) this.#remaining = -1;
    if (this.#use === "pass" && taken > 0) this.#receiver.onPayload(memory, start, stop);
    return stop;
  }

  #collect(memory: Uint8Array, start: number, end: number): void {
    if (this.#remaining > 0 || this.#stashBytes > 0) this.#append(memory, start, end);
    if (this.#remaining > 0) return;
    const whole = this.#stashBytes > 0 ? this.#stash! : memory;
    const from = whole === memory ? start : 0;
    const to = whole === memory ? end : this.#stashBytes;
    this.#remaining = -1;
    this.#stash = null;
    this.#stashBytes = 0;
    this.#receiver.onFrame(this.#header.type, whole, from, to);
  }

  #append(memory: Uint8Array, start: number, end: number): void {
    const needed = this.#stashBytes + (end - start);
    if (this.#stash === null || this.#stash.length < needed) {
      const doubled = Math.max(COLLECT_INITIAL_BYTES, 2 * (this.#stash?.length ?? 0), needed);
      const grown = new Uint8Array(Math.min(doubled, this.#header.payloadBytes));
      if (this.#stash !== null) grown.set(this.#stash.subarray(0, this.#stashBytes));
      this.#stash = grown;
    }
    this.#stash.set(memory.subarray(start, end), this.#stashBytes);
    this.#stashBytes = needed;
  }

  /**
   * @throws {H3Error} FrameError, a connection error, when the stream ends within a frame (RFC 9114
   * §7.1).
   */
  finish(): void {
    if (this.midFrame) throw new H3Error(H3ErrorCode.FrameError, "stream ended within a frame");
  }
}
