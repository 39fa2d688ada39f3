/**
 * Error codes of streams and connections (RFC 9000 §20). On the wire they go to 2^62 - 1, beyond
 * what a number holds exactly, and none is ever rounded: up to 2^53 - 1 they are numbers, above
 * that bigints, in both directions.
 */

/** 0 to 2^62 - 1 (RFC 9000 §16): a number up to 2^53 - 1, else a bigint. */
export type ErrorCode = number | bigint;

export const ERROR_CODE_MAX = 2n ** 62n - 1n;
const TWO_TO_32 = 2 ** 32;
/** From this high word on the value is above 2^53 - 1. */
const HIGH_UNSAFE = 2 ** 21;

/** What two words of an entry say. */
export function errorCodeOf(low: number, high: number): ErrorCode {
  if (high < HIGH_UNSAFE) return low + high * TWO_TO_32;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The low and the high word of a checked code. */
export function errorCodeLow(code: ErrorCode): number {
  return typeof code === "bigint" ? Number(code & 0xffffffffn) : code >>> 0;
}

export function errorCodeHigh(code: ErrorCode): number {
  return typeof code === "bigint" ? Number(code >> 32n) : Math.floor(code / TWO_TO_32);
}

/** @throws RangeError for what is no error code: nothing is sent for it. */
export function checkErrorCode(code: ErrorCode): void {
  if (typeof code === "bigint" ? code >= 0n && code <= ERROR_CODE_MAX : isWhole(code)) return;
  throw new RangeError(
    `error code ${code}: must be a whole number from 0 to 2^62 - 1, above 2^53 - 1 as a bigint`,
  );
}

function isWhole(code: number): boolean {
  return Number.isSafeInteger(code) && code >= 0;
}
