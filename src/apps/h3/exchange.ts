/**
 * One request with its handler and its response.
 *
 *     start --Response--> sending --FIN--> ended
 *       |                    |
 *       +--- promise ---> (later) --- abort, failure --> ended
 *
 * A Response that comes at once is sent within the same call, in one Write if it is small.
 */
import type { ConnectionHandle, SocketAddress } from "../../transport/app.ts";
import type { SendStream } from "../../transport/stream.ts";
import { H3ErrorCode } from "./error.ts";
import type { H3Handler, ServerFacade } from "./handler.ts";
import type { HeadReader } from "./head_reader.ts";
import { LeanContext, type LeanOrigin } from "./lean.ts";
import type { RequestHead } from "./message.ts";
import { applyPriority } from "./priority.ts";
import { H3Request, type RequestOrigin } from "./request.ts";
import type { RequestBody } from "./request_body.ts";
import type { ResponseHeadEncoder } from "./response_head.ts";
import { type PartsBody, partsOf, type ResponseParts } from "./response_parts.ts";
import { ResponseSender } from "./response_sender.ts";

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly handle: ConnectionHandle;
  readonly heads: HeadReader;
  readonly responseHeads: ResponseHeadEncoder;
  readonly handler: H3Handler;
  readonly serverFacade: ServerFacade;
  readonly maxFieldSectionBytes: number;
  readonly maxRequestBodyBytes: number;
  /** False: nobody asks, so nothing is measured. */
  readonly logging: boolean;
  onExchangeStart(): void;
  onExchangeEnd(): void;
  logRequest(head: RequestHead | null, status: number, bytes: number, startedMs: number): void;
  /** A handler or a response's body failed. */
  reportError(error: unknown): void;
  /** The peer broke a request off or broke its rules: a little is normal, a flood is abuse. */
  onStreamFault(): void;
  /** Closes the connection. */
  fail(error: unknown): void;
}

/** The receiving side of the stream. */
export interface ExchangeStream {
  onExchangeEnd(code: number): void;
}

const PLAIN_TEXT: readonly string[] = ["content-type", "text/plain;charset=utf-8"];
const REFUSALS: Readonly<Record<number, string>> = {
  413: "Content Too Large",
  425: "Too Early",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
};

export class Exchange implements RequestOrigin, LeanOrigin {
  readonly #owner: ExchangeOwner;
  readonly #send: SendStream;
  /** Null for a request whose head was refused. */
  readonly #head: RequestHead | null;
  readonly #stream: ExchangeStream;
  readonly body: RequestBody | null;
  #request: H3Request | null = null;
  #sender: ResponseSender | null = null;
  #startedMs = 0;
  #status = 0;
  #ended = false;
  /** The handler's `error` is at work: its own failure is answered with a plain 500. */
  #recovering = false;

  constructor(
    owner: ExchangeOwner,
    send: SendStream,
    head: RequestHead | null,
    body: RequestBody | null,
    stream: ExchangeStream,
  ) {
    this.#owner = owner;
    this.#send = send;
    this.#head = head;
    this.body = body;
    this.#stream = stream;
    owner.onExchangeStart();
    if (owner.logging) this.#startedMs = performance.now();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get handle(): ConnectionHandle {
    return this.#owner.handle;
  }

  get peerAddress(): SocketAddress {
    return this.#owner.handle.peerAddress;
  }

  /** Calls the handler. Throws nothing of the handler's. */
  start(): void {
    const head = this.#head!;
    if (head.priority !== "") applyPriority(this.#send, head.priority);
    if (head.method === "CONNECT") return this.refuse(501);
    const { handler } = this.#owner;
    try {
      if (handler.lean !== undefined) {
        this.#startLean(new LeanContext(head, this), handler);
      } else {
        this.#request = new H3Request(head, this);
        const request = this.#request as unknown as Request;
        this.#settle(handler.fetch!(request, this.#owner.serverFacade));
      }
    } catch (error) {
      this.#onHandlerError(error);
    }
  }

  #startLean(ctx: LeanContext, handler: H3Handler): void {
    const result = handler.lean!(ctx);
    if (result === undefined) checkResponded(ctx);
    else
      result.then(() => checkResponded(ctx)).catch((error: unknown) => this.#onHandlerError(error));
  }

  #settle(result: Response | Promise<Response>): void {
    if (!isThenable(result)) return this.#onResponse(result);
    result.then(
      (response) => this.#onResponse(response),
      (error: unknown) => this.#onHandlerError(error),
    );
  }

  #onResponse(response: Response): void {
    let parts: ResponseParts;
    try {
      parts = partsOf(response);
    } catch (error) {
      this.#onHandlerError(error);
      return;
    }
    this.#sendParts(parts.status, parts.fields, parts.body);
  }

  /** LeanOrigin. */
  respond(status: number, fields: readonly string[], body: string | Uint8Array | null): void {
    this.#sendParts(status, fields, body);
  }

  #sendParts(status: number, fields: readonly string[], body: PartsBody): void {
    if (this.#ended) {
      disposeBody(body);
      return;
    }
    const sender = new ResponseSender(this.#send, this.#owner.responseHeads, this);
    this.#sender = sender;
    this.#status = status;
    try {
      sender.send(status, fields, body, this.#head?.method === "HEAD");
    } catch (error) {
      // Only encoding can fail here: nothing was sent.
      this.#sender = null;
      disposeBody(body);
      this.#onHandlerError(error);
    }
  }

  #onHandlerError(error: unknown): void {
    this.#owner.reportError(error);
    if (this.#ended) return;
    if (this.#sender !== null) return this.#breakOff();
    const { handler } = this.#owner;
    if (handler.error === undefined || this.#recovering) {
      this.refuse(500);
      return;
    }
    this.#recovering = true;
    try {
      this.#settle(handler.error(error));
    } catch (second) {
      this.#onHandlerError(second);
    }
  }

  /** A plain answer of our own; does nothing to a response that has begun but break it off. */
  refuse(status: number): void {
    if (this.#ended) return;
    if (this.#sender !== null) return this.#breakOff();
    this.#sendParts(status, PLAIN_TEXT, REFUSALS[status]!);
  }

  /** The head is out, so no status can tell: the client must not take the rest for the whole. */
  #breakOff(): void {
    this.#sender?.abort(null);
    this.#send.reset(H3ErrorCode.InternalError);
    this.#end(0, H3ErrorCode.InternalError);
  }

  /** The handler starts to read content that the client holds back (RFC 9110 §10.1.1). */
  sendContinue(): void {
    if (this.#head?.expectsContinue !== true || this.#sender !== null || this.#ended) return;
    ResponseSender.sendInterim(this.#send, this.#owner.responseHeads, 100);
  }

  onWritable(): void {
    this.#sender?.onWritable();
  }

  /** WriterOwner. */
  onResponseEnd(bodyBytes: number): void {
    this.#end(bodyBytes, H3ErrorCode.NoError);
  }

  /** WriterOwner. */
  onResponseFailed(error: Error, started: boolean): void {
    if (!started) this.#sender = null;
    this.#onHandlerError(error);
  }

  /** The client or the connection is gone. */
  abort(reason: unknown): void {
    if (this.#ended) return;
    this.#sender?.abort(reason);
    if (this.#request !== null) H3Request.abort(this.#request, reason);
    this.#end(0, H3ErrorCode.RequestCancelled);
  }

  #end(bodyBytes: number, code: number): void {
    this.#ended = true;
    if (this.#owner.logging) {
      this.#owner.logRequest(this.#head, this.#status, bodyBytes, this.#startedMs);
    }
    this.#stream.onExchangeEnd(code);
    this.#owner.onExchangeEnd();
  }
}

function checkResponded(ctx: LeanContext): void {
  if (!ctx.responded) throw new TypeError("the handler ended without ctx.respond");
}

function isThenable(result: Response | Promise<Response>): result is Promise<Response> {
  return typeof (result as { then?: unknown } | null | undefined)?.then === "function";
}

/** Lets go of a body that is not sent. */
function disposeBody(body: PartsBody): void {
  if (body === null || typeof body !== "object") return;
  if ("source" in body) body.source.close();
  else if ("chunks" in body) body.chunks.cancel(new DOMException("not sent", "AbortError"));
}
