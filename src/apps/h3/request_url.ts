/**
 * The URL of a request as the URL standard writes it, so that `request.url` is what `new
 * Request(...)` would say.
 *
 * Nearly every target is in that form already, and is only joined; the rest goes through the
 * parser.
 */

/** Dot segments, and whatever the parser would encode, in path or query. */
const NEEDS_PARSER_IN_PATH = /\/\.|%2e|[^\x21-\x7e]|["'<>`{}|\\^]/i;
/**
 * Lower-case names, IPv4 and ports; a default port is dropped, numbers may be addresses in
 * disguise.
 */
const PLAIN_AUTHORITY = /^(?=[^:]*[a-z])[a-z0-9.-]+(?::(?!443$|80$)[1-9]\d{0,4})?$/;
const PUNYCODE = "xn--";
/** 0x12.x and the like end in what the parser takes for a number. */
const ENDS_IN_NUMBER = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?(?::\d*)?$/;
const PLAIN_IPV4 =
  /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$|:)|(?=$|:))){4}(?::(?!443$|80$)[1-9]\d{0,4})?$/;
const PORT_MAX = 65_535;

/** Null when authority and path make no URL. */
export function requestUrl(scheme: string, authority: string, path: string): string | null {
  const target = path === "*" ? "/*" : path;
  if (isPlainAuthority(authority) && !NEEDS_PARSER_IN_PATH.test(target)) {
    return `${scheme}://${authority}${target}`;
  }
  return parse(scheme, authority, target);
}

/** A server has few names: the one asked for last. */
let lastPlain = "";

function isPlainAuthority(authority: string): boolean {
  if (authority === lastPlain) return true;
  const plain = matchesPlainAuthority(authority);
  if (plain) lastPlain = authority;
  return plain;
}

function matchesPlainAuthority(authority: string): boolean {
  const colon = authority.lastIndexOf(":");
  if (colon >= 0 && Number(authority.slice(colon + 1)) > PORT_MAX) return false;
  if (PLAIN_AUTHORITY.test(authority)) {
    return !authority.includes(PUNYCODE) && !ENDS_IN_NUMBER.test(authority);
  }
  return PLAIN_IPV4.test(authority) && !/(?:^|\.)0\d/.test(authority);
}

function parse(scheme: string, authority: string, target: string): string | null {
  // Bytes above 0x7e came as Latin-1 characters; the parser would take them for code points.
  const escaped = target.replace(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  try {
    const url = new URL(`${scheme}://${authority}${escaped}`);
    return url.host === "" ? null : url.href;
  } catch {
    return null;
  }
}
