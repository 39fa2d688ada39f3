/**
 * The lean tier: a handler without Request and Response, for programs that count nanoseconds.
 *
 *     lean(ctx) { ctx.respond(200, TEXT, `hello ${ctx.path}`) }
 */
import type { SocketAddress } from "../../transport/app.ts";
import { fieldValue, type RequestHead } from "./message.ts";
import type { RequestBody } from "./request_body.ts";
import { flattenHeaders, type HeadersInput } from "./response_fields.ts";

/**
 * Response fields, checked for form once; keep it and pass it again: the same block is found again
 * by identity.
 */
export class HeaderBlock {
  readonly fields: readonly string[];

  constructor(headers: HeadersInput) {
    this.fields = flattenHeaders(headers);
  }
}

/** The stream behind a context. */
export interface LeanOrigin {
  readonly body: Pick<RequestBody, "collect"> | null;
  readonly peerAddress: SocketAddress;
  respond(status: number, fields: readonly string[], body: string | Uint8Array | null): void;
}

export class LeanContext {
  readonly #head: RequestHead;
  readonly #origin: LeanOrigin;
  #responded = false;

  constructor(head: RequestHead, origin: LeanOrigin) {
    this.#head = head;
    this.#origin = origin;
  }

  get method(): string {
    return this.#head.method;
  }

  /** Path and query, as the client sent them. */
  get path(): string {
    return this.#head.path;
  }

  get authority(): string {
    return this.#head.authority;
  }

  get peerAddress(): SocketAddress {
    return this.#origin.peerAddress;
  }

  get responded(): boolean {
    return this.#responded;
  }

  /** The first field with this lower-case name. */
  header(name: string): string | null {
    return fieldValue(this.#head.fields, name);
  }

  /** All of the content. Once. */
  bytes(): Promise<Uint8Array> {
    return this.#origin.body?.collect() ?? Promise.resolve(new Uint8Array(0));
  }

  /**
   * Sends the whole response; a body of bytes is not copied when it does not fit at once, so leave
   * it as it is.
   */
  respond(
    status: number,
    headers: HeaderBlock | HeadersInput,
    body: string | Uint8Array | null = null,
  ): void {
    if (this.#responded) throw new TypeError("responded twice");
    const fields = headers instanceof HeaderBlock ? headers.fields : flattenHeaders(headers);
    this.#responded = true;
    this.#origin.respond(status, fields, body);
  }
}
