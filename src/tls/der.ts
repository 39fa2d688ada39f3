/** Writes DER (ITU-T X.690 §8, §10): as much of it as a certificate needs. */

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

/** Tag, length in its shortest form (§10.1), contents. */
function element(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  const bytes: number[] = [];
  for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.concat([Uint8Array.of(tag, 0x80 | bytes.length, ...bytes), body]);
}

export const sequence = (...parts: Uint8Array[]) => element(SEQUENCE, ...parts);
export const set = (...parts: Uint8Array[]) => element(SET, ...parts);
export const octets = (bytes: Uint8Array) => element(OCTET_STRING, bytes);
export const text = (value: string) => element(UTF8_STRING, Buffer.from(value));
export const truth = () => element(BOOLEAN, Uint8Array.of(0xff));

/** Whole bytes only: no unused bits. */
export const bits = (bytes: Uint8Array) => element(BIT_STRING, Uint8Array.of(0), bytes);

/** `[number]` around whole elements. */
export const explicit = (number: number, part: Uint8Array) =>
  element(CONTEXT | CONSTRUCTED | number, part);

/** `[number]` in place of a primitive's own tag. */
export const implicit = (number: number, bytes: Uint8Array) => element(CONTEXT | number, bytes);

/** An unsigned number, most significant byte first, in its shortest form (§8.3.2). */
export function unsigned(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  const isNegative = ((digits[0] ?? 0) & 0x80) !== 0;
  return isNegative ? element(INTEGER, Uint8Array.of(0), digits) : element(INTEGER, digits);
}

/** Dotted, e.g. "2.5.29.17" (§8.19). */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) groups.unshift((high & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return element(OBJECT_IDENTIFIER, Uint8Array.from(bytes));
}

/** Whole seconds; two-digit years until 2049, as RFC 5280 §4.1.2.5 wants it. */
export function time(date: Date): Uint8Array {
  const digits = `${date.toISOString().slice(0, 19).replace(/[-:T]/g, "")}Z`;
  if (date.getUTCFullYear() >= 2050) return element(GENERALIZED_TIME, Buffer.from(digits));
  return element(UTC_TIME, Buffer.from(digits.slice(2)));
}
