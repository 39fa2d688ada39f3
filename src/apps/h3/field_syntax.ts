/**
 * What names and values of fields may consist of: RFC 9110 §5.1 and §5.5, RFC 9114 §4.2 and §10.3.
 */

/**
 * 1 for each lower-case token character (RFC 9110 §5.6.2); upper case is malformed in HTTP/3 (RFC
 * 9114 §4.2).
 */
const LOWERCASE_TOKEN = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  LOWERCASE_TOKEN[character.charCodeAt(0)] = 1;
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/**
 * NUL, CR and LF would split a message downstream; the other controls but TAB have no business
 * there either.
 */
const FORBIDDEN_IN_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;
const NOT_LATIN1 = /[^\x00-\xff]/;
const OUTER_WHITESPACE = /^[ \t]|[ \t]$/;

/** Fields of HTTP/1 that say how one connection works (RFC 9114 §4.2). */
export const CONNECTION_SPECIFIC_NAMES: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** A lower-case token. */
export function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (LOWERCASE_TOKEN[name.charCodeAt(i)] !== 1) return false;
  }
  return name.length > 0;
}

/** A token of any case, as methods are. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** As received: Latin-1 by construction. */
export function isFieldValue(value: string): boolean {
  return !FORBIDDEN_IN_VALUE.test(value);
}

/** As given by a handler, which can hold any character. */
export function isSendableFieldValue(value: string): boolean {
  return !FORBIDDEN_IN_VALUE.test(value) && !NOT_LATIN1.test(value);
}

/** Whitespace around a value is not part of it (RFC 9110 §5.5). */
export function trimFieldValue(value: string): string {
  return OUTER_WHITESPACE.test(value) ? value.replace(/^[ \t]+|[ \t]+$/g, "") : value;
}
