/** Bodies that can be checked from any place on: byte i is (i % 251) ^ (i / 251 % 256). */

/** The pattern repeats after this many bytes. */
export const PATTERN_PERIOD = 251 * 256;
/** What is compared or written in one piece, at most. */
export const PATTERN_PIECE_BYTES = 64 * 1024;

/** From any place of the first period on there is a whole piece. */
export const PATTERN: Buffer = Buffer.from(
  Uint8Array.from(
    { length: PATTERN_PERIOD + PATTERN_PIECE_BYTES },
    (_, i) => (i % 251) ^ (Math.floor(i / 251) & 0xff),
  ).buffer,
);

/** Where in {@link PATTERN} byte `offset` of a body stands. */
export function patternPlace(offset: number): number {
  return offset % PATTERN_PERIOD;
}
