/**
 * A Response that keeps what it was made of, (body, init), and becomes a real one only if the
 * program asks it more than HTTP/3 does.
 *
 * {@link installLazyResponse} puts it where handlers find `Response`. Real ones keep working: both
 * are `instanceof Response`, and HTTP/3 sends both. What keeps a reference to native memory is
 * copied when the response is made, as the real constructor does.
 */
import { flattenHeaders, hasField } from "./response_fields.ts";

export const NativeResponse = globalThis.Response;

/** What a Response may be made of. */
export type BodyInput = ConstructorParameters<typeof Response>[0];
export type ResponseInput = ConstructorParameters<typeof Response>[1];

const NO_FIELDS: readonly string[] = [];
const TEXT_FIELDS: readonly string[] = ["content-type", "text/plain;charset=utf-8"];
const JSON_TYPE = "application/json;charset=utf-8";
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];
/** RFC 9110 §15.3.5, §15.3.6, §15.4.5. */
const NULL_BODY_STATUSES: readonly number[] = [204, 205, 304];

export class LazyResponse {
  readonly #body: BodyInput | undefined;
  readonly #status: number;
  readonly #statusText: string;
  /** As given, lower-case, with the content type that the body implies; see {@link fields}. */
  readonly #fields: readonly string[];
  /** Once made it rules, since it can be changed. */
  #headers: Headers | null = null;
  #native: Response | null = null;

  constructor(body?: BodyInput, init?: ResponseInput) {
    if (body instanceof FormData) {
      // The boundary is drawn by the real constructor, and belongs to both content and type.
      const form = new NativeResponse(body);
      this.#status = checkStatus(init?.status);
      this.#statusText = init?.statusText ?? "";
      const given = init?.headers == null ? [] : flattenHeaders(init.headers);
      this.#fields = hasField(given, "content-type")
        ? given
        : [...given, "content-type", form.headers.get("content-type") ?? ""];
      this.#body = form.body as BodyInput;
      return;
    }
    if (init === undefined) {
      this.#status = 200;
      this.#statusText = "";
      this.#fields = typeof body === "string" ? TEXT_FIELDS : impliedFields(NO_FIELDS, body);
    } else {
      this.#status = checkStatus(init.status);
      this.#statusText = init.statusText ?? "";
      const headers = init.headers;
      this.#fields = impliedFields(headers == null ? NO_FIELDS : flattenHeaders(headers), body);
    }
    this.#body = typeof body === "object" && body !== null ? snapshot(body) : body;
  }

  static isLazyResponse(value: unknown): value is LazyResponse {
    return typeof value === "object" && value !== null && #body in value;
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof NativeResponse;
  }

  static json(value: unknown, init?: ResponseInput): LazyResponse {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("value is not JSON serializable");
    const fields = init?.headers == null ? [] : flattenHeaders(init.headers).slice();
    if (!hasField(fields, "content-type")) fields.push("content-type", JSON_TYPE);
    return new LazyResponse(text, { ...init, headers: pairs(fields) });
  }

  static redirect(url: string | URL, status: number | ResponseInput = 302): LazyResponse {
    const init = typeof status === "number" ? { status } : status;
    const code = init?.status ?? 302;
    if (!REDIRECT_STATUSES.includes(code)) throw new RangeError(`${code} is no redirect`);
    const fields = init?.headers == null ? [] : flattenHeaders(init.headers).slice();
    fields.push("location", String(url));
    return new LazyResponse(null, { status: code, headers: pairs(fields) });
  }

  static error(): Response {
    return NativeResponse.error() as Response;
  }

  get status(): number {
    return this.#status;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  get redirected(): boolean {
    return false;
  }

  get type(): string {
    return "default";
  }

  get url(): string {
    return "";
  }

  get headers(): Headers {
    this.#headers ??= new Headers(pairs(this.#fields));
    return this.#headers;
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.native.body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? false;
  }

  /** The real Response; it takes the body along. */
  get native(): Response {
    if (this.#native === null) {
      const body = (this.#body ?? null) as BodyInput;
      this.#native = new NativeResponse(body, {
        status: this.#status,
        statusText: this.#statusText,
        headers: this.headers,
      });
    }
    return this.#native;
  }

  clone(): Response {
    return this.native.clone() as Response;
  }

  text(): Promise<string> {
    return this.native.text();
  }

  json(): Promise<unknown> {
    return this.native.json();
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.native.arrayBuffer();
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.native.bytes() as Promise<Uint8Array<ArrayBuffer>>;
  }

  blob(): Promise<Blob> {
    return this.native.blob();
  }

  formData(): Promise<FormData> {
    return this.native.formData() as Promise<FormData>;
  }

  get [Symbol.toStringTag]() {
    return "Response";
  }

  /** What HTTP/3 sends: lower-case name, value, ... */
  static fields(response: LazyResponse): readonly string[] {
    return response.#headers === null ? response.#fields : flattenHeaders(response.#headers);
  }

  /** What HTTP/3 sends; once a real Response was made, the body is its. */
  static body(response: LazyResponse): BodyInput | undefined {
    const native = response.#native;
    if (native === null) return response.#body;
    if (native.bodyUsed) throw new TypeError("Body already used");
    return native.body as BodyInput;
  }
}

Object.setPrototypeOf(LazyResponse.prototype, NativeResponse.prototype);

function checkStatus(status: number | undefined): number {
  if (status === undefined) return 200;
  if (status === 101 || (status >= 200 && status <= 599)) return Math.trunc(status);
  throw new RangeError(`The status provided (${status}) must be 101 or in the range of [200, 599]`);
}

/** Adds the content type that a body has of itself, unless one is given. */
function impliedFields(fields: readonly string[], body: unknown): readonly string[] {
  let type: string;
  if (typeof body === "string") type = TEXT_FIELDS[1]!;
  else if (typeof body !== "object" || body === null) return fields;
  else if (body instanceof Blob) type = body.type;
  else if (body instanceof URLSearchParams) {
    type = "application/x-www-form-urlencoded;charset=UTF-8";
  } else return fields;
  if (type === "" || hasField(fields, "content-type")) return fields;
  return [...fields, "content-type", type];
}

/**
 * Bytes are copied: the program may go on writing into them. FormData is given its boundary by a
 * real Response.
 */
function snapshot(body: object): BodyInput {
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  }
  return body as BodyInput;
}

function pairs(fields: readonly string[]): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i < fields.length; i += 2) list.push([fields[i]!, fields[i + 1]!]);
  return list;
}

/** True for statuses whose responses have no content. */
export function isNullBodyStatus(status: number): boolean {
  return NULL_BODY_STATUSES.includes(status);
}

/** The real Response in place of a lazy one, for code outside that needs one by type. */
export function nativeResponse(response: Response): Response {
  return LazyResponse.isLazyResponse(response) ? response.native : response;
}
