/**
 * One request stream from its first byte to its last, RFC 9114 §4.1: what comes in is cut into
 * head, content and trailers; what goes out is left to {@link Exchange}.
 *
 * Most requests are one HEADERS frame and FIN in one chunk, which is read without any parser state.
 */
import type { ChunkView } from "../../transport/chunk.ts";
import type { StreamSink, TransportStream } from "../../transport/stream.ts";
import { earlyHead, TOO_EARLY } from "./early.ts";
import { H3Error, H3ErrorCode } from "./error.ts";
import { Exchange, type ExchangeOwner } from "./exchange.ts";
import { FrameType } from "./frame.ts";
import { FrameParser, type FrameReceiver, type PayloadUse } from "./frame_parser.ts";
import type { RequestHead } from "./message.ts";
import { FieldSectionTooLarge } from "./qpack/field_section_decoder.ts";
import { RequestBody, type RequestBodyOwner } from "./request_body.ts";
import { nextRequestState, type RequestState } from "./request_state.ts";

/** Frames that a client may never send on a request stream (RFC 9114 §7.2). */
const FORBIDDEN_FRAMES: readonly number[] = [
  FrameType.CancelPush,
  FrameType.Settings,
  FrameType.PushPromise,
  FrameType.Goaway,
  FrameType.MaxPushId,
];

/**
 * Frames that cost more than they carry: this many, with fewer than so many bytes of content each,
 * are abuse (§10.5).
 */
const CHEAP_FRAMES_MAX = 1000;
const CHEAP_FRAME_BYTES = 16;

/** Encoded sections: a decoded one of the limit takes no more, unless it is coded to be long. */
const ENCODED_TO_DECODED_MAX = 2;

export class RequestStream implements StreamSink, FrameReceiver, RequestBodyOwner {
  readonly #owner: ExchangeOwner;
  readonly #stream: TransportStream;
  #state: RequestState = "head";
  #head: RequestHead | null = null;
  #exchange: Exchange | null = null;
  #body: RequestBody | null = null;
  /** Made for the streams that need it. */
  #parser: FrameParser | null = null;
  /** What onData is called with, for the parser's callbacks. */
  #chunk: ChunkView | null = null;
  #receivedBytes = 0;
  #frames = 0;
  /** True once nothing that comes in is looked at any more. */
  #deaf = false;

  constructor(owner: ExchangeOwner, stream: TransportStream) {
    this.#owner = owner;
    this.#stream = stream;
  }

  onData(chunk: ChunkView, fin: boolean): void {
    if (this.#deaf) return;
    try {
      if (!fin || this.#parser !== null || !this.#readWhole(chunk)) this.#read(chunk, fin);
      if (this.#exchange === null && this.#head !== null) this.#dispatch(this.#head);
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#chunk = null;
    }
  }

  /** A chunk that is one HEADERS frame, with FIN. False, with nothing done, for any other. */
  #readWhole({ memory, offset, length }: ChunkView): boolean {
    if (length < 2 || memory[offset] !== FrameType.Headers) return false;
    const first = memory[offset + 1]!;
    let start = offset + 2;
    let payloadBytes = first;
    if (first >= 0x40) {
      if (first >= 0x80 || length < 3) return false;
      payloadBytes = ((first & 0x3f) << 8) | memory[offset + 2]!;
      start++;
    }
    const end = offset + length;
    if (start + payloadBytes !== end) return false;
    this.#state = nextRequestState(this.#state, "HEADERS");
    this.#head = this.#owner.heads.readHead(memory, start, end);
    this.#onEnd();
    return true;
  }

  #read(chunk: ChunkView, fin: boolean): void {
    this.#chunk = chunk;
    this.#parser ??= new FrameParser(this);
    this.#parser.feed(chunk.memory, chunk.offset, chunk.offset + chunk.length);
    if (!fin || this.#deaf) return;
    this.#parser.finish();
    this.#onEnd();
  }

  onFrameHeader(type: number, payloadBytes: number): PayloadUse {
    if (this.#deaf) return "skip";
    this.#frames++;
    if (this.#frames > CHEAP_FRAMES_MAX && this.#receivedBytes < this.#frames * CHEAP_FRAME_BYTES) {
      throw new H3Error(H3ErrorCode.ExcessiveLoad, "flood of small frames");
    }
    if (type === FrameType.Data) {
      this.#state = nextRequestState(this.#state, "DATA");
      return "pass";
    }
    if (type === FrameType.Headers) {
      this.#state = nextRequestState(this.#state, "HEADERS");
      const { maxFieldSectionBytes } = this.#owner;
      if (payloadBytes > ENCODED_TO_DECODED_MAX * maxFieldSectionBytes) {
        throw new FieldSectionTooLarge(maxFieldSectionBytes);
      }
      return "collect";
    }
    if (FORBIDDEN_FRAMES.includes(type)) {
      throw new H3Error(H3ErrorCode.FrameUnexpected, `frame 0x${type.toString(16)} on request`);
    }
    return "skip";
  }

  onFrame(_type: number, memory: Uint8Array, start: number, end: number): void {
    if (this.#state === "body") {
      this.#head = this.#owner.heads.readHead(memory, start, end);
      this.#body = new RequestBody(this);
    } else {
      this.#owner.heads.readTrailers(memory, start, end);
    }
  }

  onPayload(_memory: Uint8Array, start: number, end: number): void {
    if (this.#deaf) return;
    const chunk = this.#chunk!;
    const { contentLength } = this.#head!;
    this.#receivedBytes += end - start;
    if (contentLength >= 0 && this.#receivedBytes > contentLength) {
      throw new H3Error(H3ErrorCode.MessageError, "more content than content-length");
    }
    if (this.#receivedBytes > this.#owner.maxRequestBodyBytes) {
      this.#refuse(413);
      return;
    }
    this.#body!.push(chunk.retain(start - chunk.offset, end - chunk.offset));
  }

  #onEnd(): void {
    this.#state = nextRequestState(this.#state, "fin");
    const { contentLength } = this.#head!;
    if (contentLength >= 0 && this.#receivedBytes !== contentLength) {
      throw new H3Error(H3ErrorCode.MessageError, "less content than content-length");
    }
    this.#body?.end();
  }

  #dispatch(received: RequestHead): void {
    if (received.contentLength > this.#owner.maxRequestBodyBytes) return this.#refuse(413);
    const early = this.#stream.early && this.#owner.handle.early;
    const head = early ? earlyHead(received) : received;
    if (head === null) return this.#refuse(TOO_EARLY);
    const body = this.#body === null || this.#body.empty ? null : this.#body;
    this.#exchange = new Exchange(this.#owner, this.#stream.send!, head, body, this);
    this.#exchange.start();
  }

  /** Answers without the handler and reads no more. */
  #refuse(status: number): void {
    this.#exchange ??= new Exchange(this.#owner, this.#stream.send!, this.#head, null, this);
    this.#exchange.refuse(status);
    this.#body?.fail(new DOMException("the request was refused", "AbortError"));
    this.#hangUp(H3ErrorCode.NoError);
  }

  /**
   * The response is complete, or given up: a request that still comes in is of no use (RFC 9114
   * §4.1).
   */
  onExchangeEnd(code: number): void {
    if (this.#state !== "done") this.#hangUp(code);
    else this.#deaf = true;
    // A handler that reads on behind its response must not take what it has for the whole.
    if (this.#body !== null && !this.#body.empty) {
      this.#body.fail(new DOMException("the response is complete", "AbortError"));
    }
  }

  #hangUp(code: number): void {
    if (this.#deaf) return;
    this.#deaf = true;
    if (this.#state !== "done") this.#stream.stop(code);
  }

  onBodyWanted(): void {
    if (this.#receivedBytes === 0) this.#exchange?.sendContinue();
  }

  onBodyCancelled(): void {
    this.#hangUp(H3ErrorCode.NoError);
  }

  #fail(error: unknown): void {
    if (error instanceof FieldSectionTooLarge && this.#head === null) {
      this.#refuse(431);
      return;
    }
    if (error instanceof H3Error && error.scope === "connection") {
      this.#owner.fail(error);
      return;
    }
    const code = error instanceof H3Error ? error.code : H3ErrorCode.InternalError;
    if (!(error instanceof H3Error)) this.#owner.reportError(error);
    this.#owner.onStreamFault();
    this.#stream.send!.reset(code);
    this.#hangUp(code);
    this.#abort("malformed request");
  }

  onReset(_errorCode: number): void {
    if (this.#state === "done") return;
    this.#deaf = true;
    if (this.#exchange?.ended !== true) {
      this.#owner.onStreamFault();
      this.#stream.send!.reset(H3ErrorCode.RequestCancelled);
    }
    this.#abort("request reset by the client");
  }

  onStopped(_errorCode: number): void {
    if (this.#exchange?.ended !== true) this.#owner.onStreamFault();
    this.#hangUp(H3ErrorCode.RequestCancelled);
    this.#abort("response stopped by the client");
  }

  onWritable(): void {
    this.#exchange?.onWritable();
  }

  onConnectionClosed(): void {
    this.#deaf = true;
    this.#abort("connection closed");
  }

  #abort(reason: string): void {
    const error = new DOMException(reason, "AbortError");
    this.#body?.fail(error);
    this.#exchange?.abort(error);
  }
}
