/**
 * Our control stream, RFC 9114 §6.2.1: SETTINGS when it opens, GOAWAY at the end, and never a FIN.
 */
import type { StreamSink, TransportStream } from "../../transport/stream.ts";
import { encodeVarint, varintBytes } from "../../wire/varint.ts";
import { H3Error, H3ErrorCode } from "./error.ts";
import { encodeFrameHeader, FRAME_HEADER_MAX_BYTES, FrameType } from "./frame.ts";
import { StreamType } from "./peer_stream.ts";
import { encodeSettings } from "./settings.ts";

const SETTINGS_MAX_BYTES = 64;

export class ControlWriter implements StreamSink {
  readonly #fail: (error: unknown) => void;
  #stream: TransportStream | null = null;
  /** Bytes that the stream had no room for yet. */
  #waiting: Uint8Array;

  /** `fail` closes the connection. */
  constructor(maxFieldSectionBytes: number, fail: (error: unknown) => void) {
    this.#fail = fail;
    const bytes = new Uint8Array(SETTINGS_MAX_BYTES);
    const start = encodeVarint(StreamType.Control, bytes, 0);
    this.#waiting = bytes.slice(0, encodeSettings(maxFieldSectionBytes, bytes, start));
  }

  open(stream: TransportStream): StreamSink {
    this.#stream = stream;
    this.onWritable();
    return this;
  }

  /** `streamId`: of the first request that will not be served (RFC 9114 §5.2). */
  sendGoaway(streamId: number): void {
    const bytes = new Uint8Array(FRAME_HEADER_MAX_BYTES + 8);
    const payload = encodeFrameHeader(FrameType.Goaway, varintBytes(streamId), bytes, 0);
    const end = encodeVarint(streamId, bytes, payload);
    const joined = new Uint8Array(this.#waiting.length + end);
    joined.set(this.#waiting);
    joined.set(bytes.subarray(0, end), this.#waiting.length);
    this.#waiting = joined;
    this.onWritable();
  }

  onWritable(): void {
    if (this.#waiting.length === 0) return;
    const taken = this.#stream?.send?.tryWrite(this.#waiting) ?? 0;
    this.#waiting = this.#waiting.subarray(taken);
  }

  onStopped(): void {
    this.#fail(new H3Error(H3ErrorCode.ClosedCriticalStream, "control stream stopped"));
  }

  onData(): void {}
  onReset(): void {}
  onConnectionClosed(): void {
    this.#stream = null;
  }
}
