/**
 * The response that most requests get: head, a body in memory, and FIN, in one reserved buffer and
 * one Write.
 *
 * Anything that does not fit falls to ResponseWriter, with the same bytes on the wire.
 */
import type { SendStream } from "../../transport/stream.ts";
import { writeUtf8 } from "../../wire/text.ts";
import { varintBytes } from "../../wire/varint.ts";
import { encodeFrameHeader, FrameType, frameHeaderBytes } from "./frame.ts";
import { contentLengthLineBytes, encodeContentLength } from "./qpack/field_section_encoder.ts";
import type { ResponseHeadEncoder } from "./response_head.ts";

/** What `reserve` gives at most, bytes (transport/stream.ts). */
export const RESERVE_MAX_BYTES = 16_384;

/**
 * Bytes of the HEADERS frame for the section that the encoder holds; `contentLength` -1: none is
 * sent.
 */
export function headFrameBytes(head: ResponseHeadEncoder, contentLength: number): number {
  const section = sectionBytes(head, contentLength);
  return 1 + varintBytes(section) + section;
}

function sectionBytes(head: ResponseHeadEncoder, contentLength: number): number {
  return head.sectionBytes + (contentLength < 0 ? 0 : contentLengthLineBytes(contentLength));
}

/** Writes the HEADERS frame; returns the offset after it. */
export function writeHeadFrame(
  head: ResponseHeadEncoder,
  contentLength: number,
  memory: Uint8Array,
  offset: number,
): number {
  const section = sectionBytes(head, contentLength);
  const { section: bytes, sectionBytes: length } = head;
  let next = encodeFrameHeader(FrameType.Headers, section, memory, offset);
  if (bytes.length === length) memory.set(bytes, next);
  else for (let i = 0; i < length; i++) memory[next + i] = bytes[i]!;
  next += length;
  return contentLength < 0 ? next : encodeContentLength(contentLength, memory, next);
}

/**
 * Sends all of a response whose body has `bodyBytes` bytes, or nothing.
 *
 * Returns the bytes sent; 0 when it is too large for one buffer or there is no room now.
 */
export function sendSmallResponse(
  send: SendStream,
  head: ResponseHeadEncoder,
  contentLength: number,
  body: string | Uint8Array | null,
  bodyBytes: number,
): number {
  const dataBytes = bodyBytes === 0 ? 0 : frameHeaderBytes(FrameType.Data, bodyBytes) + bodyBytes;
  const total = headFrameBytes(head, contentLength) + dataBytes;
  if (total > RESERVE_MAX_BYTES) return 0;
  const buffer = send.reserve(total);
  if (buffer === null) return 0;
  const { memory, offset } = buffer;
  let next = writeHeadFrame(head, contentLength, memory, offset);
  if (body !== null && bodyBytes > 0) {
    next = encodeFrameHeader(FrameType.Data, bodyBytes, memory, next);
    if (typeof body === "string") writeUtf8(body, bodyBytes, memory, next);
    else memory.set(body, next);
  }
  send.commit(total, true);
  return total;
}
