/**
 * HTTP/3 frame headers, RFC 9114 §7.1: `Frame { Type (i), Length (i), Payload (..) }`.
 *
 * Pure: no I/O, no clock, no allocation. Which frame may appear on which stream is decided by
 * request_state.ts and control_stream.ts; this file knows only how one is written.
 */
import { type ByteCursor, INCOMPLETE } from "../../wire/cursor.ts";
import { encodeVarint, varintBytes } from "../../wire/varint.ts";
import { H3Error, H3ErrorCode } from "./error.ts";

/** RFC 9114 §7.2. Any other type is skipped by its length (§9). */
export const FrameType = {
  Data: 0x00,
  Headers: 0x01,
  CancelPush: 0x03,
  Settings: 0x04,
  PushPromise: 0x05,
  Goaway: 0x07,
  MaxPushId: 0x0d,
} as const;

/** Two varints, bytes. */
export const FRAME_HEADER_MAX_BYTES = 16;

/** Set: PRIORITY, PING, WINDOW_UPDATE and CONTINUATION of HTTP/2, RFC 9114 §7.2.8. */
const HTTP2_ONLY_TYPES = (1 << 0x02) | (1 << 0x06) | (1 << 0x08) | (1 << 0x09);

/** A stream keeps one for its lifetime; {@link decodeFrameHeader} fills it in place. */
export interface FrameHeader {
  type: number;
  payloadBytes: number;
}

/**
 * Reads the header at the cursor into `target` and moves the cursor to the payload.
 *
 * Returns false, with nothing moved or written, while bytes are missing: call again later. A type
 * or length above 2^53-1 is read as HUGE.
 * @throws {H3Error} FrameUnexpected, a connection error, for a type only HTTP/2 had.
 */
export function decodeFrameHeader(cursor: ByteCursor, target: FrameHeader): boolean {
  const start = cursor.offset;
  const type = cursor.tryReadVarint();
  const payloadBytes = type === INCOMPLETE ? INCOMPLETE : cursor.tryReadVarint();
  if (payloadBytes === INCOMPLETE) {
    cursor.offset = start;
    return false;
  }
  if (type < 0x10 && (HTTP2_ONLY_TYPES & (1 << type)) !== 0) {
    throw new H3Error(H3ErrorCode.FrameUnexpected, `HTTP/2 frame type 0x${type.toString(16)}`);
  }
  target.type = type;
  target.payloadBytes = payloadBytes;
  return true;
}

/** Bytes of the header that {@link encodeFrameHeader} writes. */
export function frameHeaderBytes(type: number, payloadBytes: number): number {
  return varintBytes(type) + varintBytes(payloadBytes);
}

/** Returns the offset after the header. */
export function encodeFrameHeader(
  type: number,
  payloadBytes: number,
  memory: Uint8Array,
  offset: number,
): number {
  return encodeVarint(payloadBytes, memory, encodeVarint(type, memory, offset));
}
