/**
 * From a request's URL to the names of a file's path: split, decoded, and free of everything that
 * could mean another place. Nothing is normalized: resolving dot segments is the client's part
 * (RFC 3986 §5.2.4), so a path that still has them was made by hand and is refused.
 */

export interface RequestTarget {
  /** Decoded names, none empty, none "." or "..", none with "/", "\" or NUL. */
  readonly segments: readonly string[];
  /** The path ended in "/". */
  readonly directory: boolean;
  /** With its "?", or "". */
  readonly query: string;
}

/** A URI is printable ASCII (RFC 3986 §2); this also keeps CR and LF out of a Location. */
const NOT_URI = /[^\x21-\x7e]/;
/** What no name may hold once decoded: it would be a separator or end a C string. */
const NOT_A_NAME = /[\x00-\x1f\x7f/\\]/;

/**
 * Accepts the absolute form (`https://host/path`) and the origin form (`/path`).
 *
 * "malformed" is a 400: not a URI, bad percent-encoding, overlong UTF-8, encoded separators, dot
 * segments. "absent" is a 404: a well-formed path that can name no file ("//").
 */
export function parseRequestTarget(url: string): RequestTarget | "malformed" | "absent" {
  if (NOT_URI.test(url)) return "malformed";
  const start = pathStart(url);
  if (start < 0) return "malformed";
  const end = pathEnd(url, start);
  const rest = url.slice(end);
  const query = rest.startsWith("?") ? (rest.split("#", 1)[0] ?? "") : "";
  const path = url.slice(start, end);
  if (path === "" || path === "/") return { segments: [], directory: true, query };

  const directory = path.endsWith("/");
  const encoded = path.slice(1, directory ? -1 : undefined).split("/");
  const segments: string[] = [];
  for (const text of encoded) {
    if (text === "") return "absent";
    const name = decodeName(text);
    if (name === null) return "malformed";
    segments.push(name);
  }
  return { segments, directory, query };
}

/** Back to a path, percent-encoded. Starts with exactly one "/", so it never names another host. */
export function formatPath(segments: readonly string[]): string {
  return `/${segments.map(encodeURIComponent).join("/")}`;
}

/** Where the path starts; the URL's length if it has none; -1 for neither form. */
function pathStart(url: string): number {
  if (url.startsWith("/")) return 0;
  const scheme = url.indexOf("://");
  if (scheme <= 0) return -1;
  const slash = url.slice(scheme + 3).search(/[/?#]/);
  return slash < 0 ? url.length : scheme + 3 + slash;
}

function pathEnd(url: string, start: number): number {
  const length = url.slice(start).search(/[?#]/);
  return length < 0 ? url.length : start + length;
}

/** Null for what may not be a file's name. `decodeURIComponent` refuses overlong UTF-8 itself. */
function decodeName(text: string): string | null {
  let name = text;
  if (text.includes("%")) {
    try {
      name = decodeURIComponent(text);
    } catch {
      return null;
    }
  }
  if (name === "." || name === ".." || NOT_A_NAME.test(name)) return null;
  return name;
}
