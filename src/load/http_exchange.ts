/**
 * One request at a time, again and again, each on a stream of its own that was opened in advance:
 * asking the worker for a stream and waiting for it would cost a wake-up for each request.
 */
import type { Exchange, H3ClientConnection } from "../apps/h3/client/connection.ts";
import type { ResponseHead } from "../apps/h3/client/response_head.ts";
import { H3Error, H3ErrorCode } from "../apps/h3/error.ts";
import { FrameType } from "../apps/h3/frame.ts";
import { FrameParser, type FrameReceiver, type PayloadUse } from "../apps/h3/frame_parser.ts";
import { nextRequestState, type RequestState } from "../apps/h3/request_state.ts";
import { MAX_FIELD_SECTION_BYTES } from "../apps/h3/settings.ts";
import type { ChunkView } from "../transport/chunk.ts";
import type { StreamSink, TransportStream } from "../transport/stream.ts";
import type { Slot } from "./driver.ts";
import type { HttpTarget } from "./http_target.ts";
import type { PayloadWriter } from "./payload.ts";

/** What it belongs to. */
export interface ExchangeOwner {
  readonly target: HttpTarget;
  /** Its stream is there, and no request under way. */
  onStream(exchange: HttpExchange): void;
  /** Bytes came or went. */
  onMoved(): void;
  onSuccess(exchange: HttpExchange, bodyBytes: number): void;
  /** Either a complaint about the answer, or an Error: there was none. */
  onFailure(exchange: HttpExchange, reason: unknown): void;
  /** It got no stream. */
  onNoStream(exchange: HttpExchange, reason: unknown): void;
}

type Stage = "none" | "opening" | "ready" | "busy";

export class HttpExchange implements StreamSink, FrameReceiver, Exchange {
  /** Of the operation under way; the owner's to use. */
  slot: Slot | null = null;
  intendedMs = 0;
  readonly #owner: ExchangeOwner;
  readonly h3: H3ClientConnection;
  readonly #target: HttpTarget;
  readonly #payload: PayloadWriter;
  #parser = new FrameParser(this);
  #stage: Stage = "none";
  #stream: TransportStream | null = null;
  #state: RequestState = "head";
  #head: ResponseHead | null = null;
  #received = 0;
  #sent = false;
  #complaint: string | null = null;

  constructor(owner: ExchangeOwner, h3: H3ClientConnection) {
    this.#owner = owner;
    this.h3 = h3;
    this.#target = owner.target;
    this.#payload = owner.target.payload.again();
  }

  get streamId(): number {
    return this.#stream?.id ?? -1;
  }

  get idle(): boolean {
    return this.#stage !== "busy";
  }

  /** Asks for a stream. */
  prepare(): void {
    this.#stage = "opening";
    this.h3.begin(this);
  }

  open(stream: TransportStream): StreamSink {
    this.#stream = stream;
    if (this.#stage === "opening") {
      this.#stage = "ready";
      this.#owner.onStream(this);
    } else {
      // It was given up meanwhile.
      this.#giveUp(H3ErrorCode.RequestCancelled);
      this.#leave();
    }
    return this;
  }

  /** Sends the request. */
  start(): void {
    this.#stage = "busy";
    this.#state = "head";
    this.#head = null;
    this.#received = 0;
    this.#sent = false;
    this.#complaint = null;
    this.#payload.begin();
    this.onWritable();
  }

  onWritable(): void {
    const send = this.#stream?.send;
    if (this.#stage !== "busy" || this.#sent || send == null) return;
    this.#sent = this.#payload.write(send);
    this.#owner.onMoved();
  }

  onData(chunk: ChunkView, fin: boolean): void {
    if (this.#stage !== "busy") return;
    this.#owner.onMoved();
    try {
      this.#parser.feed(chunk.memory, chunk.offset, chunk.offset + chunk.length);
      if (fin) this.#onEnd();
    } catch (error) {
      if (error instanceof H3Error && error.scope === "connection") this.h3.fail(error);
      this.#giveUp(H3ErrorCode.MessageError);
      this.#fail(error);
    }
  }

  onFrameHeader(type: number, payloadBytes: number): PayloadUse {
    if (type === FrameType.Data) {
      this.#state = nextRequestState(this.#state, "DATA");
      return "pass";
    }
    if (type === FrameType.Headers) {
      nextRequestState(this.#state, "HEADERS");
      if (payloadBytes > 2 * MAX_FIELD_SECTION_BYTES) {
        throw new H3Error(H3ErrorCode.ExcessiveLoad, "field section too large", "stream");
      }
      return "collect";
    }
    if (type <= FrameType.MaxPushId) {
      throw new H3Error(H3ErrorCode.FrameUnexpected, `frame 0x${type.toString(16)} on request`);
    }
    return "skip";
  }

  onFrame(_type: number, memory: Uint8Array, start: number, end: number): void {
    if (this.#state === "body") {
      this.#target.readTrailers(memory, start, end);
      this.#state = nextRequestState(this.#state, "HEADERS");
      return;
    }
    const head = this.#target.readHead(memory, start, end);
    if (head.status < 200) return;
    this.#state = nextRequestState(this.#state, "HEADERS");
    this.#head = head;
    if (!this.#target.wanted(head.status)) this.#complaint = `status ${head.status}`;
  }

  onPayload(memory: Uint8Array, start: number, end: number): void {
    if (this.#head!.empty) {
      throw new H3Error(H3ErrorCode.MessageError, "content in a response without any", "stream");
    }
    const offset = this.#received;
    this.#received += end - start;
    if (this.#complaint !== null) return;
    if (!this.#target.matches(offset, memory, start, end)) {
      this.#complaint = "body is not what was expected";
    }
  }

  #onEnd(): void {
    this.#parser.finish();
    this.#state = nextRequestState(this.#state, "fin");
    const { contentLength } = this.#head!;
    if (contentLength >= 0 && contentLength !== this.#received) {
      throw new H3Error(H3ErrorCode.MessageError, "content is not of content-length");
    }
    this.#complaint ??= this.#target.complaint(this.#received);
    // What the server does not want any more of the request it need not get (RFC 9114 §4.1).
    if (!this.#sent) this.#stream?.send?.reset(H3ErrorCode.NoError);
    this.#leave();
    if (this.#complaint === null) this.#owner.onSuccess(this, this.#received);
    else this.#owner.onFailure(this, this.#complaint);
  }

  onReset(errorCode: number): void {
    if (this.#stage !== "busy") return;
    this.#stream?.send?.reset(H3ErrorCode.RequestCancelled);
    const code = `0x${errorCode.toString(16)}`;
    this.#fail(new H3Error(errorCode, `the server broke off with ${code}`, "stream"));
  }

  /** The server wants no more of the request; its answer says why. */
  onStopped(): void {
    this.#sent = true;
  }

  onConnectionClosed(): void {
    this.h3.onLost(this);
  }

  /** GOAWAY: this one will not be served. */
  abort(reason: unknown): void {
    this.#giveUp(H3ErrorCode.RequestCancelled);
    this.fail(reason);
  }

  fail(reason: unknown): void {
    if (this.#stage === "busy") {
      this.#fail(reason);
    } else {
      this.#leave();
      this.#owner.onNoStream(this, reason);
    }
  }

  /** Without a word to the owner. */
  abandon(): void {
    this.#giveUp(H3ErrorCode.RequestCancelled);
    this.#parser = new FrameParser(this);
    this.#leave();
  }

  #fail(reason: unknown): void {
    this.#parser = new FrameParser(this);
    this.#leave();
    this.#owner.onFailure(this, reason);
  }

  #giveUp(code: number): void {
    this.#stream?.send?.reset(code);
    this.#stream?.stop(code);
  }

  #leave(): void {
    this.#stage = "none";
    this.#stream = null;
    this.h3.onEnd(this);
  }
}
