/**
 * Field lines to a request head: what makes a request malformed, RFC 9114 §4.1.2, §4.2 and §4.3.
 *
 * A malformed request is a stream error, H3_MESSAGE_ERROR, and never reaches a handler.
 */
import { H3Error, H3ErrorCode } from "./error.ts";
import {
  CONNECTION_SPECIFIC_NAMES,
  isFieldName,
  isFieldValue,
  isToken,
  trimFieldValue,
} from "./field_syntax.ts";
import type { FieldList } from "./qpack/field_list.ts";
import { requestUrl } from "./request_url.ts";

/**
 * RFC 9114 §4.3.1. ":protocol" is for extended CONNECT (RFC 9220), which is not offered: unknown,
 * so malformed.
 */
const PSEUDO_NAMES: readonly string[] = [":method", ":scheme", ":authority", ":path"];
/** No space, control or fragment; the server sees what the client sent, so nothing is repaired. */
const PATH = /^[^\x00-\x20#\x7f]+$/;
/** No user information (RFC 9114 §4.3.1), no delimiter of the next part. */
const AUTHORITY = /^[^\x00-\x20@/?#\\\x7f-\xff]+$/;
/** Fits 2^53-1. */
const CONTENT_LENGTH = /^\d{1,15}$/;

/** One request's head. Shared by all requests with the same bytes: immutable. */
export interface RequestHead {
  readonly method: string;
  /** "" for CONNECT, like {@link path}. */
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** As the URL standard writes it; "" for CONNECT. */
  readonly url: string;
  /** Fields but the pseudo ones: lower-case name, value, name, value, ... */
  readonly fields: readonly string[];
  /** -1: not said. */
  readonly contentLength: number;
  /** The client waits for a 100 before it sends content (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** Value of `priority` (RFC 9218 §5), or "". */
  readonly priority: string;
}

/** A stream error (RFC 9114 §4.1.2). */
export function malformed(reason: string): H3Error {
  return new H3Error(H3ErrorCode.MessageError, reason);
}

/** The value of the first field with this name, or null. */
export function fieldValue(fields: readonly string[], name: string): string | null {
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) return fields[i + 1]!;
  }
  return null;
}

/** @throws {H3Error} MessageError, a stream error. */
export function buildRequestHead(list: FieldList): RequestHead {
  const pseudo = readPseudoFields(list);
  const fields = readFields(list, pseudo.count);
  const [method, scheme, path] = [pseudo.values[0], pseudo.values[1], pseudo.values[3]];
  if (method === undefined || !isToken(method)) throw malformed(":method");
  const authority = requestAuthority(pseudo.values[2], fieldValue(fields, "host"));
  const connect = method === "CONNECT";
  if (connect) {
    if (scheme !== undefined || path !== undefined) throw malformed("CONNECT with scheme or path");
    if (pseudo.values[2] === undefined) throw malformed("CONNECT without :authority");
  } else {
    checkTarget(method, scheme, path);
  }
  const url = connect ? "" : requestUrl(scheme!, authority, path!);
  if (url === null) throw malformed("target is no URL");
  return {
    method,
    scheme: scheme ?? "",
    authority,
    path: path ?? "",
    url,
    fields,
    contentLength: contentLength(fields),
    expectsContinue: fieldValue(fields, "expect")?.toLowerCase() === "100-continue",
    priority: fieldValue(fields, "priority") ?? "",
  };
}

/**
 * The same head with another path.
 * @throws {H3Error} MessageError, a stream error, if the path can't be one.
 */
export function withPath(head: RequestHead, path: string): RequestHead {
  checkTarget(head.method, head.scheme, path);
  const url = requestUrl(head.scheme, head.authority, path);
  if (url === null) throw malformed("target is no URL");
  return {
    method: head.method,
    scheme: head.scheme,
    authority: head.authority,
    path,
    url,
    fields: head.fields,
    contentLength: head.contentLength,
    expectsContinue: head.expectsContinue,
    priority: head.priority,
  };
}

/** Pseudo-fields come first, each at most once (RFC 9114 §4.3). */
function readPseudoFields({ names, values }: FieldList) {
  const found: (string | undefined)[] = [undefined, undefined, undefined, undefined];
  let count = 0;
  while (count < names.length && names[count]!.startsWith(":")) {
    const index = PSEUDO_NAMES.indexOf(names[count]!);
    if (index < 0) throw malformed(`pseudo-field ${names[count]}`);
    if (found[index] !== undefined) throw malformed(`second ${names[count]}`);
    found[index] = values[count]!;
    count++;
  }
  return { values: found, count };
}

/**
 * The fields from `start` on: lower-case name, value, ...
 * @throws {H3Error} MessageError, a stream error.
 */
export function readFields({ names, values }: FieldList, start: number): string[] {
  const fields: string[] = [];
  let cookieAt = -1;
  for (let i = start; i < names.length; i++) {
    const name = names[i]!;
    const value = checkField(name, values[i]!);
    if (name !== "cookie") {
      fields.push(name, value);
    } else if (cookieAt < 0) {
      cookieAt = fields.push(name, value) - 1;
    } else {
      // Crumbs become one field again before anything else sees them (RFC 9114 §4.2.1).
      fields[cookieAt] += `; ${value}`;
    }
  }
  return fields;
}

/** Returns the value without outer whitespace. */
function checkField(name: string, value: string): string {
  if (!isFieldName(name)) throw malformed(`field name ${JSON.stringify(name)}`);
  if (!isFieldValue(value)) throw malformed(`value of ${name}`);
  if (CONNECTION_SPECIFIC_NAMES.has(name)) throw malformed(`connection-specific ${name}`);
  const trimmed = trimFieldValue(value);
  if (name === "te" && trimmed !== "trailers") throw malformed("te");
  return trimmed;
}

/** RFC 9114 §4.3.1: either or both; both the same; never empty. */
function requestAuthority(authority: string | undefined, host: string | null): string {
  if (authority !== undefined && host !== null && authority !== host) {
    throw malformed(":authority and host differ");
  }
  const chosen = authority ?? host;
  if (chosen === null || !AUTHORITY.test(chosen)) throw malformed(":authority");
  return chosen;
}

function checkTarget(method: string, scheme: string | undefined, path: string | undefined): void {
  if (scheme !== "https" && scheme !== "http") throw malformed(":scheme");
  if (path === undefined || !PATH.test(path)) throw malformed(":path");
  if (path[0] !== "/" && !(method === "OPTIONS" && path === "*")) throw malformed(":path");
}

/** -1: not said. @throws {H3Error} MessageError for a second one, or no number. */
export function contentLength(fields: readonly string[]): number {
  let length = -1;
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== "content-length") continue;
    if (length >= 0 || !CONTENT_LENGTH.test(fields[i + 1]!)) throw malformed("content-length");
    length = Number(fields[i + 1]);
  }
  return length;
}

/**
 * Trailers carry no pseudo-fields (RFC 9114 §4.3) and obey the same syntax. They are checked and
 * dropped: Request has no place for them.
 * @throws {H3Error} MessageError, a stream error.
 */
export function checkTrailers({ names, values }: FieldList): void {
  for (let i = 0; i < names.length; i++) checkField(names[i]!, values[i]!);
}
