/**
 * The peer's control stream, RFC 9114 §6.2.1: SETTINGS first and once, then what a client or a
 * server may say there.
 */
import { ByteCursor, INCOMPLETE } from "../../wire/cursor.ts";
import { H3Error, H3ErrorCode } from "./error.ts";
import { FrameType } from "./frame.ts";
import { FrameParser, type FrameReceiver, type PayloadUse } from "./frame_parser.ts";
import { decodeSettings, type Settings } from "./settings.ts";

/** Known frames here are small; SETTINGS with grease is the largest. */
const PAYLOAD_MAX_BYTES = 4096;

/** Each is a varint (RFC 9114 §7.2.3, §7.2.6, §7.2.7). */
const ID_FRAMES: readonly number[] = [FrameType.CancelPush, FrameType.Goaway, FrameType.MaxPushId];
const REQUEST_ONLY_FRAMES: readonly number[] = [
  FrameType.Data,
  FrameType.Headers,
  FrameType.PushPromise,
];

/** Told of a server's GOAWAY: the first request that it will not serve (RFC 9114 §5.2). */
export type OnGoaway = (streamId: number) => void;

/** Requests are client-initiated bidirectional streams: ids 0, 4, 8, ... (RFC 9000 §2.1). */
const REQUEST_ID_STEP = 4;

export class ControlStreamReader implements FrameReceiver {
  readonly #parser = new FrameParser(this);
  /** Null: the peer is a client. */
  readonly #onGoaway: OnGoaway | null;
  #settings: Settings | null = null;
  /** -1: the client allows no push (RFC 9114 §7.2.7). */
  #maxPushId = -1;
  /** Of the peer's last GOAWAY: a client's push, a server's stream; none yet: above all. */
  #goawayId = Number.POSITIVE_INFINITY;

  /** `onGoaway` makes it the reader of a server's. */
  constructor(onGoaway: OnGoaway | null = null) {
    this.#onGoaway = onGoaway;
  }

  /** Null until the peer's SETTINGS came. */
  get settings(): Settings | null {
    return this.#settings;
  }

  /** @throws {H3Error} connection errors only. */
  feed(memory: Uint8Array, start: number, end: number): void {
    this.#parser.feed(memory, start, end);
  }

  onFrameHeader(type: number, payloadBytes: number): PayloadUse {
    if (this.#settings === null && type !== FrameType.Settings) {
      throw new H3Error(H3ErrorCode.MissingSettings, `frame 0x${type.toString(16)} first`);
    }
    if (type === FrameType.Settings) {
      if (this.#settings !== null) throw new H3Error(H3ErrorCode.FrameUnexpected, "SETTINGS twice");
    } else if (REQUEST_ONLY_FRAMES.includes(type)) {
      throw new H3Error(H3ErrorCode.FrameUnexpected, `frame 0x${type.toString(16)} on control`);
    } else if (!ID_FRAMES.includes(type)) {
      return "skip";
    }
    if (payloadBytes > PAYLOAD_MAX_BYTES) {
      const code = type === FrameType.Settings ? H3ErrorCode.ExcessiveLoad : H3ErrorCode.FrameError;
      throw new H3Error(code, `frame 0x${type.toString(16)} too long`, "connection");
    }
    return "collect";
  }

  onFrame(type: number, memory: Uint8Array, start: number, end: number): void {
    if (type === FrameType.Settings) {
      this.#settings = decodeSettings(memory, start, end);
      return;
    }
    const cursor = new ByteCursor(memory, start, end);
    const id = cursor.tryReadVarint();
    if (id === INCOMPLETE || cursor.remaining > 0) {
      throw new H3Error(H3ErrorCode.FrameError, `payload of frame 0x${type.toString(16)}`);
    }
    this.#onId(type, id);
  }

  onPayload(): void {
    // Nothing here is passed on.
  }

  /** Nothing is pushed, so push ids are only held to the rules. */
  #onId(type: number, id: number): void {
    if (type === FrameType.MaxPushId) {
      if (this.#onGoaway !== null) {
        throw new H3Error(H3ErrorCode.FrameUnexpected, "MAX_PUSH_ID of a server");
      }
      if (id < this.#maxPushId) throw new H3Error(H3ErrorCode.IdError, "MAX_PUSH_ID went down");
      this.#maxPushId = id;
    } else if (type === FrameType.Goaway) {
      if (id > this.#goawayId) throw new H3Error(H3ErrorCode.IdError, "GOAWAY went up");
      this.#goawayId = id;
      if (this.#onGoaway === null) return;
      if (id % REQUEST_ID_STEP !== 0) {
        throw new H3Error(H3ErrorCode.IdError, "GOAWAY names no request");
      }
      this.#onGoaway(id);
    } else {
      // No push was ever allowed, so no push id can have been mentioned (RFC 9114 §7.2.3).
      throw new H3Error(H3ErrorCode.IdError, "CANCEL_PUSH of no push");
    }
  }
}
