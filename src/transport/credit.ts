/** Credit arithmetic: both counts run modulo 2^32, and their distance never reaches it. */

/** Bytes that may be written now. */
export function creditLeft(limit: number, written: number): number {
  return (limit - written) >>> 0;
}

export function addWritten(written: number, bytes: number): number {
  return (written + bytes) >>> 0;
}
