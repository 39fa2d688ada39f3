/**
 * Conditional requests, RFC 9110 §13: what a request's conditions say about a file that exists.
 * The order of evaluation is that of §13.2.2, and every condition that it skips stays unread.
 */
import { type EntityTag, matchesStrongly, matchesWeakly, parseTags } from "./entity_tag.ts";
import { parseHttpDate } from "./http_date.ts";

/** The part of `Headers` that is needed. Repeated fields are joined by ", " (RFC 9110 §5.3). */
export interface RequestHeaders {
  get(name: string): string | null;
}

/** What the conditions are judged against. */
export interface Validators {
  readonly tag: EntityTag;
  readonly modifiedSeconds: number;
  readonly nowMs: number;
}

/** "perform": answer as if there were no condition. */
export type Verdict = "perform" | "not-modified" | "precondition-failed";

/** For GET and HEAD. Steps 1 to 4; step 5 is {@link mayAnswerRange}. */
export function judgePreconditions(headers: RequestHeaders, file: Validators): Verdict {
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null) {
    if (!listMatches(ifMatch, file.tag, matchesStrongly)) return "precondition-failed";
  } else if (isNewerThan(headers.get("if-unmodified-since"), file)) {
    return "precondition-failed";
  }
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch !== null) {
    return listMatches(ifNoneMatch, file.tag, matchesWeakly) ? "not-modified" : "perform";
  }
  const since = headers.get("if-modified-since");
  if (since === null) return "perform";
  return isNewerThan(since, file) === false ? "not-modified" : "perform";
}

/**
 * If-Range, RFC 9110 §13.1.5: true when absent or when the client's part surely belongs to this
 * version of the file. Both validators must then be strong; a date is once it is a second old.
 */
export function mayAnswerRange(headers: RequestHeaders, file: Validators): boolean {
  const value = headers.get("if-range");
  if (value === null) return true;
  const tags = parseTags(value);
  if (tags !== null) {
    const tag = tags[0];
    return tags.length === 1 && tag !== undefined && matchesStrongly(tag, file.tag);
  }
  const strongDate = file.nowMs / 1000 - file.modifiedSeconds >= 1;
  return strongDate && parseHttpDate(value, file.nowMs) === file.modifiedSeconds;
}

function listMatches(
  value: string,
  tag: EntityTag,
  matches: (one: EntityTag, other: EntityTag) => boolean,
): boolean {
  if (value.trim() === "*") return true;
  return parseTags(value)?.some((listed) => matches(listed, tag)) ?? false;
}

/** Null without a date to compare with: the field is then ignored (RFC 9110 §13.1.3, §13.1.4). */
function isNewerThan(value: string | null, file: Validators): boolean | null {
  if (value === null) return null;
  const seconds = parseHttpDate(value, file.nowMs);
  return seconds === null ? null : file.modifiedSeconds > seconds;
}
