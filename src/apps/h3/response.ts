/**
 * A real Response that remembers what it was made of, so that HTTP/3 can send it without asking
 * the native object for a stream and for Headers (which costs more than the rest of the request).
 *
 * `installKnownResponse` puts it where handlers find `Response`. It is a subclass: whatever takes a
 * Response (Bun.serve, Bun.write, clone) takes it; what it remembers stops counting as soon as
 * the program has looked at its headers, since it may have changed them.
 */
import { flattenHeaders, hasField } from "./response_fields.ts";

export const NativeResponse = globalThis.Response;

/** What a Response may be made of. */
export type BodyInput = ConstructorParameters<typeof Response>[0];
export type ResponseInput = ConstructorParameters<typeof Response>[1];
/** A body that can be sent as it is. */
export type KnownBody = string | Uint8Array | Blob | null;

const NO_FIELDS: readonly string[] = [];
const TEXT_FIELDS: readonly string[] = ["content-type", "text/plain;charset=utf-8"];
const FORM_TYPE = "application/x-www-form-urlencoded;charset=UTF-8";
const JSON_TYPE = "application/json;charset=utf-8";
/** RFC 9110 §15.3.5, §15.3.6, §15.4.5. */
const NULL_BODY_STATUSES: readonly number[] = [204, 205, 304];

export class KnownResponse extends NativeResponse {
  /** Undefined: not known, ask the real one. */
  readonly #body: KnownBody | undefined;
  readonly #fields: readonly string[];
  #headersSeen = false;

  constructor(body?: BodyInput, init?: ResponseInput) {
    super(body, init);
    this.#body = snapshot(body);
    const headers = init?.headers;
    const given = headers === undefined || headers === null ? NO_FIELDS : flattenHeaders(headers);
    this.#fields = impliedFields(given, body);
  }

  static override json(value: unknown, init?: ResponseInput): Response {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("value is not JSON serializable");
    const headers = new Headers(init?.headers as ConstructorParameters<typeof Headers>[0]);
    if (!headers.has("content-type")) headers.set("content-type", JSON_TYPE);
    return new KnownResponse(text, { ...init, headers });
  }

  override get headers(): Headers {
    this.#headersSeen = true;
    return super.headers as Headers;
  }

  /** The body as it was given; undefined: unknown, or a stream. */
  static body(response: Response): KnownBody | undefined {
    return #body in response ? response.#body : undefined;
  }

  /** Lower-case name, value, ...; in any case what a client must see. */
  static fields(response: Response): readonly string[] {
    if (!(#body in response)) return flattenHeaders(response.headers);
    if (!response.#headersSeen) return response.#fields;
    return impliedFields(flattenHeaders(response.headers), response.#body);
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof NativeResponse;
  }
}

/** Bytes are copied: the program may go on writing into them. */
function snapshot(body: BodyInput | undefined): KnownBody | undefined {
  if (typeof body === "string") return body;
  if (body === undefined || body === null) return null;
  if (typeof body !== "object") return undefined;
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  }
  if (body instanceof Blob) return body;
  return body instanceof URLSearchParams ? body.toString() : undefined;
}

/** Adds the content type that a body has of itself, unless one is given. */
function impliedFields(fields: readonly string[], body: unknown): readonly string[] {
  let type: string;
  if (typeof body === "string") {
    if (fields.length === 0) return TEXT_FIELDS;
    type = TEXT_FIELDS[1]!;
  } else if (typeof body !== "object" || body === null) return fields;
  else if (body instanceof Blob) type = body.type;
  else if (body instanceof URLSearchParams) type = FORM_TYPE;
  else return fields;
  if (type === "" || hasField(fields, "content-type")) return fields;
  return [...fields, "content-type", type];
}

/** True for statuses whose responses have no content. */
export function isNullBodyStatus(status: number): boolean {
  return NULL_BODY_STATUSES.includes(status);
}
