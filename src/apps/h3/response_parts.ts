/**
 * Whatever a handler returned, as status, fields and one of five kinds of body.
 */
import { type BodySource, bodySourceOf } from "./body.ts";
import { type ChunkReader, chunkReaderOf } from "./chunk_reader.ts";
import { isNullBodyStatus, KnownResponse, NativeResponse } from "./response.ts";
import { flattenHeaders } from "./response_fields.ts";

export interface ResponseParts {
  status: number;
  /** Lower-case name, value, ... */
  fields: readonly string[];
  body: PartsBody;
}

export type PartsBody =
  | null
  | string
  | Uint8Array
  | { readonly source: BodySource }
  | {
      readonly chunks: ChunkReader;
      /** Bytes in all where the body knows, else -1. */
      readonly length: number;
      /** Wait for the first chunk before the head: reading may fail, and then it is a 500. */
      readonly mayFailFirst: boolean;
    };

/**
 * @throws {TypeError} if `response` is no Response, or its body was read already.
 */
export function partsOf(response: unknown): ResponseParts {
  if (!(response instanceof NativeResponse)) {
    throw new TypeError(`the handler returned ${describe(response)}, not a Response`);
  }
  if (response.bodyUsed) throw new TypeError("the handler returned a Response whose body was read");
  const source = bodySourceOf(response);
  // Response.error() has status 0, which no wire can carry.
  const status = response.status === 0 ? 500 : response.status;
  return {
    status,
    fields: fieldsOf(response),
    body: source === undefined ? bodyOf(response, status) : { source },
  };
}

/** FormData draws its boundary when the real Response is made: only that one's headers know it. */
function fieldsOf(response: Response): readonly string[] {
  if (KnownResponse.body(response) !== undefined) return KnownResponse.fields(response);
  return flattenHeaders(response.headers);
}

function describe(value: unknown): string {
  return value === null ? "null" : typeof value;
}

function bodyOf(response: Response, status: number): PartsBody {
  if (isNullBodyStatus(status)) return null;
  const known = KnownResponse.body(response);
  return partsBody(known === undefined ? response.body : known);
}

function partsBody(body: unknown): PartsBody {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  if (body === null || body === undefined) return null;
  if (typeof body !== "object" && typeof body !== "function") return String(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (body instanceof Blob) return blobBody(body);
  if (body instanceof URLSearchParams) return body.toString();
  const chunks = chunkReaderOf(typeof body === "function" ? callGenerator(body) : body);
  if (chunks !== null) return { chunks, length: -1, mayFailFirst: false };
  return String(body);
}

/** Bun takes an async generator function for a body. */
function callGenerator(body: unknown): object {
  return (body as () => object)();
}

/** Bun.file is a Blob whose reading can fail, and whose size is only known for regular files. */
function blobBody(blob: Blob): PartsBody {
  if (blob.size === 0 && !("name" in blob && blob.name)) return new Uint8Array(0);
  const chunks = chunkReaderOf(blob.stream());
  if (chunks === null) throw new TypeError("blob without a stream");
  const length = Number.isSafeInteger(blob.size) && blob.size > 0 ? blob.size : -1;
  return { chunks, length, mayFailFirst: true };
}
