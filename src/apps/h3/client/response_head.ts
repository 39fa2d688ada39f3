/** Field lines to a response head, RFC 9114 §4.3.2: what makes a response malformed. */
import { contentLength, malformed, readFields } from "../message.ts";
import type { FieldList } from "../qpack/field_list.ts";

export interface ResponseHead {
  /** 100 to 599 (RFC 9110 §15), and not 101, which HTTP/3 does not have (RFC 9114 §4.5). */
  readonly status: number;
  /** Fields but `:status`: lower-case name, value, ... */
  readonly fields: readonly string[];
  /** -1: not said, or it says nothing of this response's content. */
  readonly contentLength: number;
  /** It has no content, whatever its fields say. */
  readonly empty: boolean;
}

const STATUS = /^[1-5]\d\d$/;
const SWITCHING_PROTOCOLS = 101;
/** Responses that have no content, whatever their fields say (RFC 9110 §6.4.1). */
const EMPTY_STATUSES: readonly number[] = [204, 205, 304];

/** RFC 9110 §6.4.1. */
function hasContent(method: string, status: number): boolean {
  return method !== "HEAD" && !EMPTY_STATUSES.includes(status);
}

/** @throws {H3Error} MessageError, a stream error. */
export function buildResponseHead(list: FieldList, method: string): ResponseHead {
  const text = list.values[0];
  if (list.names[0] !== ":status" || text === undefined || !STATUS.test(text)) {
    throw malformed(":status");
  }
  const status = Number(text);
  if (status === SWITCHING_PROTOCOLS) throw malformed("status 101");
  const second = list.names.findIndex((name, index) => index > 0 && name.startsWith(":"));
  if (second > 0) throw malformed(`pseudo-field ${list.names[second]}`);
  const fields = readFields(list, 1);
  const said = contentLength(fields);
  const empty = !hasContent(method, status);
  return { status, fields, contentLength: empty ? -1 : said, empty };
}
