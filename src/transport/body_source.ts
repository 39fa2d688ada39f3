/**
 * Bytes that an application sends as it gets room for them, read straight into the send buffer: a
 * file, an archive member, something generated.
 */
export interface FileSource {
  /** Bytes in all, or null when only the end will tell. */
  readonly length: number | null;
  /**
   * Writes up to `capacity` of the next bytes to `memory` at `offset`.
   *
   * Returns how many; 0 at the end; -1 when reading failed, and nothing more can be had. Keeps no
   * reference to `memory`, which shows other connections' bytes.
   */
  read(memory: Uint8Array, offset: number, capacity: number): number;
  /** Once, whether the end was reached or not. */
  close(): void;
}
