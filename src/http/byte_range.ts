/** The Range field for bytes, RFC 9110 §14.1.2 and §14.2: one range, or none at all. */

/** Bytes `[start, start + length)`. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

const ONE_RANGE = /^bytes=(\d*)-(\d*)$/i;

/**
 * "whole": no range that must be honoured, so answer with everything: another unit, a malformed
 * field, or several ranges (§14.2 lets a server ignore any Range). "unsatisfiable" is a 416.
 */
export function chooseRange(
  value: string | null,
  totalBytes: number,
): ByteRange | "whole" | "unsatisfiable" {
  const match = value === null ? null : ONE_RANGE.exec(value);
  if (match === null) return "whole";
  const first = match[1] ?? "";
  const last = match[2] ?? "";
  if (first === "") return last === "" ? "whole" : suffixRange(Number(last), totalBytes);

  const start = Number(first);
  const end = last === "" ? Number.POSITIVE_INFINITY : Number(last);
  if (end < start) return "whole";
  if (start >= totalBytes) return "unsatisfiable";
  return { start, length: Math.min(end, totalBytes - 1) - start + 1 };
}

/** The last bytes. Of an empty file that is everything, which no Content-Range could express. */
function suffixRange(suffixBytes: number, totalBytes: number): ReturnType<typeof chooseRange> {
  if (suffixBytes === 0) return "unsatisfiable";
  if (totalBytes === 0) return "whole";
  const length = Math.min(suffixBytes, totalBytes);
  return { start: totalBytes - length, length };
}
