/**
 * One request and its response on one stream, RFC 9114 §4.1: the request is written at the stream's
 * pace, the response is cut into heads, content and trailers as it comes.
 */
import type { ChunkView } from "../../../transport/chunk.ts";
import { StreamError } from "../../../transport/error.ts";
import type { SendStream, StreamSink, TransportStream } from "../../../transport/stream.ts";
import type { ChunkReader } from "../chunk_reader.ts";
import { H3Error, H3ErrorCode } from "../error.ts";
import { encodeFrameHeader, FRAME_HEADER_MAX_BYTES, FrameType } from "../frame.ts";
import { FrameParser, type FrameReceiver, type PayloadUse } from "../frame_parser.ts";
import { checkTrailers } from "../message.ts";
import type { FieldSectionDecoder } from "../qpack/field_section_decoder.ts";
import { RequestBody, type RequestBodyOwner } from "../request_body.ts";
import { nextRequestState, type RequestState } from "../request_state.ts";
import { buildResponseHead, type ResponseHead } from "./response_head.ts";

/** The connection's side of it. */
export interface ClientExchangeOwner {
  readonly decoder: FieldSectionDecoder;
  readonly maxFieldSectionBytes: number;
  /** Both sides are over, or given up. Once. */
  onEnd(exchange: ClientExchange): void;
  /** The connection ended; it says why later. */
  onLost(exchange: ClientExchange): void;
  /** Closes the connection. */
  fail(error: unknown): void;
}

export interface ReceivedResponse {
  head: ResponseHead;
  body: RequestBody;
}

/** Frames that a server may never send on a request stream (RFC 9114 §7.2). */
const FORBIDDEN_FRAMES: readonly number[] = [
  FrameType.CancelPush,
  FrameType.Settings,
  FrameType.Goaway,
  FrameType.MaxPushId,
];
/** As on the server's side: see request_stream.ts. */
const CHEAP_FRAMES_MAX = 1000;
const CHEAP_FRAME_BYTES = 16;
const ENCODED_TO_DECODED_MAX = 2;
/** Interim responses before the one that counts (RFC 9110 §15.2). */
const INTERIM_MAX = 32;

export class ClientExchange implements StreamSink, FrameReceiver, RequestBodyOwner {
  readonly response: Promise<ReceivedResponse>;
  readonly #owner: ClientExchangeOwner;
  readonly #method: string;
  readonly #head: Uint8Array;
  readonly #content: ChunkReader | null;
  readonly #answer = Promise.withResolvers<ReceivedResponse>();
  readonly #parser = new FrameParser(this);
  readonly #body = new RequestBody(this);
  #stream: TransportStream | null = null;
  #state: RequestState = "head";
  #responseHead: ResponseHead | null = null;
  #chunk: ChunkView | null = null;
  #receivedBytes = 0;
  #frames = 0;
  #interim = 0;
  #sending = true;
  /** Nothing that comes in is looked at any more. */
  #deaf = false;
  #ended = false;

  /** `head`: the HEADERS frame. Takes `content`. */
  constructor(
    owner: ClientExchangeOwner,
    method: string,
    head: Uint8Array,
    content: ChunkReader | null,
  ) {
    this.#owner = owner;
    this.#method = method;
    this.#head = head;
    this.#content = content;
    this.response = this.#answer.promise;
  }

  /** -1 before it has a stream. */
  get streamId(): number {
    return this.#stream?.id ?? -1;
  }

  /** Begins on its stream; returns the sink of it. */
  open(stream: TransportStream): StreamSink {
    this.#stream = stream;
    if (this.#ended) this.#giveUpStream(H3ErrorCode.RequestCancelled);
    else void this.#send(stream.send!);
    return this;
  }

  /** The caller wants no answer any more. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    this.#giveUpStream(H3ErrorCode.RequestCancelled);
    this.fail(reason);
  }

  /** Whoever waits for head or content is told `reason`; nothing is sent. */
  fail(reason: unknown): void {
    this.#deaf = true;
    this.#sending = false;
    this.#content?.cancel(reason);
    this.#body.fail(reason);
    this.#answer.reject(reason);
    this.#finish();
  }

  async #send(send: SendStream): Promise<void> {
    const content = this.#content;
    try {
      await send.write(this.#head, content === null);
      for (;;) {
        const bytes = content === null ? null : await content.read();
        if (!this.#sending || bytes === null) break;
        const header = new Uint8Array(FRAME_HEADER_MAX_BYTES);
        const headerBytes = encodeFrameHeader(FrameType.Data, bytes.length, header, 0);
        await send.write(header.subarray(0, headerBytes));
        await send.write(bytes);
      }
      if (this.#sending && content !== null) send.finish();
    } catch (error) {
      // What ends a stream is told through its sink; a body that fails is told here.
      if (!(error instanceof StreamError)) this.abort(error);
    }
    this.#sending = false;
    this.#finishIfDone();
  }

  onData(chunk: ChunkView, fin: boolean): void {
    if (this.#deaf) return;
    this.#chunk = chunk;
    try {
      this.#parser.feed(chunk.memory, chunk.offset, chunk.offset + chunk.length);
      if (fin && !this.#deaf) {
        this.#parser.finish();
        this.#onEnd();
      }
    } catch (error) {
      this.#onFault(error);
    } finally {
      this.#chunk = null;
    }
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
      nextRequestState(this.#state, "HEADERS");
      if (payloadBytes > ENCODED_TO_DECODED_MAX * this.#owner.maxFieldSectionBytes) {
        throw new H3Error(H3ErrorCode.ExcessiveLoad, "field section too large", "stream");
      }
      return "collect";
    }
    // No MAX_PUSH_ID was sent: every push id is above what we allow (RFC 9114 §7.2.5).
    if (type === FrameType.PushPromise) {
      throw new H3Error(H3ErrorCode.IdError, "PUSH_PROMISE that was not allowed");
    }
    if (FORBIDDEN_FRAMES.includes(type)) {
      throw new H3Error(H3ErrorCode.FrameUnexpected, `frame 0x${type.toString(16)} on request`);
    }
    return "skip";
  }

  onFrame(_type: number, memory: Uint8Array, start: number, end: number): void {
    const list = this.#owner.decoder.decode(memory, start, end);
    if (this.#state === "body") {
      this.#state = nextRequestState(this.#state, "HEADERS");
      checkTrailers(list);
      return;
    }
    const head = buildResponseHead(list, this.#method);
    if (head.status < 200) {
      if (++this.#interim > INTERIM_MAX) {
        throw new H3Error(H3ErrorCode.ExcessiveLoad, "flood of interim responses", "stream");
      }
      return;
    }
    this.#state = nextRequestState(this.#state, "HEADERS");
    this.#responseHead = head;
    this.#answer.resolve({ head, body: this.#body });
  }

  onPayload(_memory: Uint8Array, start: number, end: number): void {
    if (this.#deaf) return;
    const chunk = this.#chunk!;
    const { contentLength, empty } = this.#responseHead!;
    this.#receivedBytes += end - start;
    if (empty) throw new H3Error(H3ErrorCode.MessageError, "content in a response without any");
    if (contentLength >= 0 && this.#receivedBytes > contentLength) {
      throw new H3Error(H3ErrorCode.MessageError, "more content than content-length");
    }
    this.#body.push(chunk.retain(start - chunk.offset, end - chunk.offset));
  }

  #onEnd(): void {
    this.#state = nextRequestState(this.#state, "fin");
    const { contentLength } = this.#responseHead!;
    if (contentLength >= 0 && this.#receivedBytes !== contentLength) {
      throw new H3Error(H3ErrorCode.MessageError, "less content than content-length");
    }
    this.#deaf = true;
    this.#body.end();
    this.#finishIfDone();
  }

  /** The server's fault. */
  #onFault(error: unknown): void {
    if (error instanceof H3Error && error.scope === "connection") {
      this.#owner.fail(error);
    } else {
      this.#giveUpStream(error instanceof H3Error ? error.code : H3ErrorCode.InternalError);
    }
    this.fail(error);
  }

  onReset(errorCode: number): void {
    if (this.#deaf) return;
    const rejected = errorCode === H3ErrorCode.RequestRejected;
    const text = rejected ? "the server did not process the request" : "the server broke off";
    this.#stream?.send?.reset(H3ErrorCode.RequestCancelled);
    this.fail(new H3Error(errorCode, `${text} (0x${errorCode.toString(16)})`, "stream"));
  }

  /** The server reads no more of the request: what it answers stands (RFC 9114 §4.1.1). */
  onStopped(_errorCode: number): void {
    this.#sending = false;
    this.#content?.cancel(new DOMException("the server wants no more of it", "AbortError"));
    this.#finishIfDone();
  }

  onWritable(): void {}

  onConnectionClosed(): void {
    if (!this.#ended) this.#owner.onLost(this);
  }

  onBodyWanted(): void {}

  /** The caller gives up the rest of the content. */
  onBodyCancelled(): void {
    if (this.#deaf) return;
    this.#deaf = true;
    this.#stream?.stop(H3ErrorCode.RequestCancelled);
    this.#finishIfDone();
  }

  #giveUpStream(code: number): void {
    this.#sending = false;
    this.#stream?.send?.reset(code);
    this.#stream?.stop(code);
  }

  #finishIfDone(): void {
    if (!this.#sending && this.#deaf) this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.onEnd(this);
  }
}
