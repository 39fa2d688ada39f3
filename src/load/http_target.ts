/** What all HTTP/3 operations of an app thread share: the request, and what is known of answers. */
import { ByteCache } from "../apps/h3/byte_cache.ts";
import { encodeRequestHead } from "../apps/h3/client/request_head.ts";
import { buildResponseHead, type ResponseHead } from "../apps/h3/client/response_head.ts";
import { encodeFrameHeader, FRAME_HEADER_MAX_BYTES, FrameType } from "../apps/h3/frame.ts";
import { FieldSectionDecoder } from "../apps/h3/qpack/field_section_decoder.ts";
import { MAX_FIELD_SECTION_BYTES } from "../apps/h3/settings.ts";
import { PayloadWriter } from "./payload.ts";
import type { LoadPlan } from "./plan.ts";
import { FIRST_MAX_BYTES, Reference } from "./reference.ts";

/** Servers answer alike requests with alike heads; `date` makes a new one each second. */
const CACHE_SLOTS = 64;
const CACHED_HEAD_MAX_BYTES = 2048;

export class HttpTarget {
  readonly reference: Reference;
  /** Bytes of the body of every request. */
  readonly payloadBytes: number;
  readonly payload: PayloadWriter;
  readonly #method: string;
  readonly #status: number | null;
  readonly #firstHash: string | null;
  readonly #decoder = new FieldSectionDecoder(MAX_FIELD_SECTION_BYTES);
  readonly #heads = new ByteCache<ResponseHead>(CACHE_SLOTS, CACHED_HEAD_MAX_BYTES);
  #first: Buffer[] | null;
  #firstBytes = 0;

  /** @throws {TypeError} for a field that cannot be sent. */
  constructor(plan: LoadPlan) {
    const { method, payloadBytes, expect } = plan;
    this.reference = new Reference(expect);
    this.payloadBytes = payloadBytes;
    this.#method = method;
    this.#status = plan.status;
    this.#firstHash = expect.kind === "first" ? expect.sha256 : null;
    this.#first = expect.kind === "first" ? [] : null;
    const length = payloadBytes > 0 ? ["content-length", String(payloadBytes)] : [];
    const fields = [...plan.fields, ...length];
    const head = encodeRequestHead({ method, url: new URL(plan.url), fields }, Infinity);
    const frame = new Uint8Array(FRAME_HEADER_MAX_BYTES);
    const bytes = payloadBytes > 0 ? encodeFrameHeader(FrameType.Data, payloadBytes, frame, 0) : 0;
    const prefix = Buffer.concat([head, frame.subarray(0, bytes)]);
    this.payload = new PayloadWriter(prefix, payloadBytes);
  }

  /** The first body is still to be learned: one request before all others. */
  get learning(): boolean {
    return this.#first !== null;
  }

  /** Of a HEADERS frame. @throws {H3Error} */
  readHead(memory: Uint8Array, start: number, end: number): ResponseHead {
    const known = this.#heads.get(memory, start, end);
    if (known !== undefined) return known;
    const list = this.#decoder.decode(memory, start, end);
    const head = buildResponseHead(list, this.#method);
    this.#heads.put(memory, start, end, head);
    return head;
  }

  /** @throws {H3Error} */
  readTrailers(memory: Uint8Array, start: number, end: number): void {
    this.#decoder.decode(memory, start, end);
  }

  wanted(status: number): boolean {
    return this.#status === null ? status >= 200 && status < 300 : status === this.#status;
  }

  /** The next bytes of a body; false: not those that it must have. */
  matches(offset: number, memory: Uint8Array, start: number, end: number): boolean {
    if (this.#first === null) return this.reference.matches(offset, memory, start, end);
    this.#firstBytes += end - start;
    if (this.#firstBytes > FIRST_MAX_BYTES) return false;
    this.#first.push(Buffer.from(memory.subarray(start, end)));
    return true;
  }

  /** The end of a body; null: it was as it must be. */
  complaint(bytes: number): string | null {
    if (this.#first !== null) return this.#learn(Buffer.concat(this.#first));
    const { length } = this.reference;
    return length >= 0 && bytes !== length ? `body of ${bytes} bytes, not ${length}` : null;
  }

  #learn(body: Buffer): string | null {
    const hash = this.#firstHash;
    const found = new Bun.CryptoHasher("sha256").update(body).digest("hex");
    if (hash !== "" && found !== hash) return `body with another SHA-256: ${found}`;
    this.#first = null;
    this.reference.learn(body);
    return null;
  }
}
