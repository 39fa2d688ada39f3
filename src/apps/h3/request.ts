/**
 * The request as handlers see it: a Request whose parts are made when asked for.
 *
 * Building a real one costs more than all of HTTP/3 for a small exchange. This one is `instanceof
 * Request` by its prototype chain; what is rarely used goes to a real Request, made then. Where a
 * real one is needed by type (the constructor of Request, `fetch`), {@link nativeRequest} gives it.
 */
import type { ConnectionHandle } from "../../transport/app.ts";
import type { RequestHead } from "./message.ts";
import type { RequestBody } from "./request_body.ts";
import { H3Headers } from "./request_headers.ts";

/** The stream behind a request. */
export interface RequestOrigin {
  readonly handle: ConnectionHandle;
  /** Null: the request has no content. */
  readonly body: RequestBody | null;
}

const NativeRequest = globalThis.Request;
const NativeResponse = globalThis.Response;
const decoder = new TextDecoder();

type RequestStreamBody = ReadableStream<Uint8Array<ArrayBuffer>> | null;

/** Methods whose content the constructor of Request refuses. */
const BODYLESS_METHODS: readonly string[] = ["GET", "HEAD"];
/** Methods that the constructor of Request refuses, or spells in its own way. */
const UNBUILDABLE_METHODS: readonly string[] = ["CONNECT", "TRACE", "TRACK"];

export class H3Request {
  readonly #head: RequestHead;
  readonly #origin: RequestOrigin;
  #headers: Headers | null = null;
  #used = false;
  #stream: RequestStreamBody = null;
  #native: Request | null = null;
  #abort: AbortController | null = null;
  #aborted: unknown = null;

  constructor(head: RequestHead, origin: RequestOrigin) {
    this.#head = head;
    this.#origin = origin;
  }

  static isH3Request(value: unknown): value is H3Request {
    return typeof value === "object" && value !== null && #head in value;
  }

  get method(): string {
    return this.#head.method;
  }

  get url(): string {
    return this.#head.url;
  }

  get headers(): Headers {
    this.#headers ??= new H3Headers(this.#head.fields) as unknown as Headers;
    return this.#headers;
  }

  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#aborted !== null) this.#abort.abort(this.#aborted);
    }
    return this.#abort.signal;
  }

  /** The connection that it came on. */
  get connection(): ConnectionHandle {
    return this.#origin.handle;
  }

  get body(): RequestStreamBody {
    if (this.#native !== null) return this.#native.body as RequestStreamBody;
    this.#stream ??= this.#origin.body?.stream() ?? null;
    return this.#stream;
  }

  get bodyUsed(): boolean {
    if (this.#native !== null) return this.#native.bodyUsed;
    return this.#used || this.#stream?.locked === true || this.#origin.body?.disturbed === true;
  }

  /** A real Request with the same parts; it takes the content along. */
  get native(): Request {
    if (this.#native !== null) return this.#native;
    const { method, url } = this.#head;
    const body = BODYLESS_METHODS.includes(method) ? null : this.body;
    const init: RequestInit & { duplex: string } = {
      method: UNBUILDABLE_METHODS.includes(method) ? "GET" : method,
      headers: nativeHeaders(this.headers),
      signal: this.signal,
      duplex: "half",
    };
    if (body !== null) init.body = body;
    this.#native = new NativeRequest(url, init);
    return this.#native;
  }

  clone(): Request {
    if (this.bodyUsed) throw new TypeError("Body already used");
    return this.native.clone() as Request;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.bodyUsed) throw new TypeError("Body already used");
    if (this.#native !== null) return new Uint8Array(await this.#native.arrayBuffer());
    const { body } = this.#origin;
    if (body === null) return new Uint8Array(0);
    this.#used = true;
    if (this.#stream === null) return body.collect();
    return new Uint8Array(await new NativeResponse(this.#stream).arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async text(): Promise<string> {
    return decoder.decode(await this.bytes());
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    const type = this.headers.get("content-type") ?? "";
    return new Blob([await this.bytes()], { type });
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get("content-type") ?? "";
    const response = new NativeResponse(await this.bytes(), { headers: { "content-type": type } });
    return (await response.formData()) as FormData;
  }

  // What a request received by a server always says.
  get cache() {
    return "default";
  }
  get credentials() {
    return "same-origin";
  }
  get destination() {
    return "";
  }
  get duplex() {
    return "half";
  }
  get integrity() {
    return "";
  }
  get keepalive() {
    return false;
  }
  get mode() {
    return "cors";
  }
  get redirect() {
    return "follow";
  }
  get referrer() {
    return "about:client";
  }
  get referrerPolicy() {
    return "";
  }

  get [Symbol.toStringTag]() {
    return "Request";
  }

  /** The client gave up, or the connection ended: called by the stream. */
  static abort(request: H3Request, reason: unknown): void {
    request.#aborted = reason;
    request.#abort?.abort(reason);
  }
}

Object.setPrototypeOf(H3Request.prototype, NativeRequest.prototype);

function nativeHeaders(headers: Headers): Headers {
  return new Headers([...headers.entries()]);
}

/** `request` itself, or the real Request in place of one of ours. */
export function nativeRequest(request: Request): Request {
  return H3Request.isH3Request(request) ? request.native : request;
}

/** The connection that a request came on; null for a request of the program's own making. */
export function connectionOf(request: Request): ConnectionHandle | null {
  return H3Request.isH3Request(request) ? request.connection : null;
}
