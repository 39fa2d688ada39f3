/** Content types by file name. Text is served as UTF-8, which is what sites are written in. */
import { mimes } from "mrmime";

const UNKNOWN = "application/octet-stream";

/** The library's list, and what it lacks of sites and streaming. A map: names come from outside. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(mimes),
  ["ico", "image/x-icon"],
  ["m3u8", "application/vnd.apple.mpegurl"],
]);

export function contentType(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  if (dot < 0) return UNKNOWN;
  const type = TYPES.get(name.slice(dot + 1).toLowerCase()) ?? UNKNOWN;
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}
