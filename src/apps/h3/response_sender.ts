/**
 * Chooses how a response goes out: at once in one Write, or through a ResponseWriter. Decides what
 * content and which `content-length` it has (RFC 9110 §6.4.1, §8.6).
 */
import type { SendStream } from "../../transport/stream.ts";
import { utf8Bytes } from "../../wire/text.ts";
import { MemorySource } from "./body.ts";
import { isNullBodyStatus } from "./response.ts";
import type { ResponseHeadEncoder } from "./response_head.ts";
import type { PartsBody } from "./response_parts.ts";
import { ResponseWriter, type WriterBody, type WriterOwner } from "./response_writer.ts";
import { headFrameBytes, sendSmallResponse, writeHeadFrame } from "./small_response.ts";

export class ResponseSender {
  readonly #send: SendStream;
  readonly #heads: ResponseHeadEncoder;
  readonly #owner: WriterOwner;
  #writer: ResponseWriter | null = null;

  constructor(send: SendStream, heads: ResponseHeadEncoder, owner: WriterOwner) {
    this.#send = send;
    this.#heads = heads;
    this.#owner = owner;
  }

  /** @throws {TypeError} for fields that can't be sent; nothing was sent then. */
  send(status: number, fields: readonly string[], body: PartsBody, headOnly: boolean): void {
    const heads = this.#heads;
    // No switching of protocols in HTTP/3 (RFC 9114 §4.5), and no interim response from here.
    if (status < 200) throw new TypeError(`status ${status} can't be a response`);
    heads.encode(status, fields);
    const bytes = bodyBytes(body);
    if (headOnly || isNullBodyStatus(status)) {
      this.#sendWithout(status, body, bytes);
    } else if (body === null || typeof body === "string" || body instanceof Uint8Array) {
      if (sendSmallResponse(this.#send, heads, bytes, body, bytes) > 0) {
        this.#owner.onResponseEnd(bytes);
      } else {
        const whole = typeof body === "string" ? Buffer.from(body) : body;
        const source = whole === null ? null : { source: new MemorySource(whole) };
        this.#startWriter(bytes, source);
      }
    } else {
      this.#startWriter(bytes >= 0 ? bytes : heads.declaredLength, body);
    }
  }

  /** A response without content; to HEAD it says how long the content would be. */
  #sendWithout(status: number, body: PartsBody, bytes: number): void {
    const { declaredLength } = this.#heads;
    const known = body === null || bytes < 0 ? declaredLength : bytes;
    const noLength = status === 204 || (status === 205 && known !== 0);
    const contentLength = noLength ? -1 : status === 304 ? declaredLength : known;
    if (body !== null && typeof body === "object") {
      if ("source" in body) body.source.close();
      else if ("chunks" in body) body.chunks.cancel(new DOMException("no content", "AbortError"));
    }
    if (sendSmallResponse(this.#send, this.#heads, contentLength, null, 0) > 0) {
      this.#owner.onResponseEnd(0);
    } else {
      this.#startWriter(contentLength, null);
    }
  }

  #startWriter(contentLength: number, body: WriterBody | null): void {
    const head = new Uint8Array(headFrameBytes(this.#heads, contentLength));
    writeHeadFrame(this.#heads, contentLength, head, 0);
    this.#writer = new ResponseWriter(this.#send, this.#owner, head, body, contentLength);
    this.#writer.pump();
  }

  onWritable(): void {
    this.#writer?.pump();
  }

  abort(reason: unknown): void {
    this.#writer?.abort(reason);
  }

  /**
   * An interim response (RFC 9110 §15.2); left out when there is no room, since nobody depends on
   * it.
   */
  static sendInterim(send: SendStream, heads: ResponseHeadEncoder, status: number): void {
    heads.encode(status, []);
    const buffer = send.reserve(headFrameBytes(heads, -1));
    if (buffer === null) return;
    const end = writeHeadFrame(heads, -1, buffer.memory, buffer.offset);
    send.commit(end - buffer.offset, false);
  }
}

/** Bytes of the content; -1: not known. */
function bodyBytes(body: PartsBody): number {
  if (body === null) return 0;
  if (typeof body === "string") return utf8Bytes(body);
  if (body instanceof Uint8Array) return body.length;
  if ("source" in body) return body.source.length ?? -1;
  return body.length;
}
