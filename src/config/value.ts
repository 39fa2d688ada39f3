/** Kinds of values. Each says in one sentence what it allows: that sentence is the error text. */
import { isIP } from "node:net";
import { z } from "zod";

/** The numeral with thousands apart, as people read it. */
function digits(value: number): string {
  return value.toLocaleString("en-US");
}

function integerSentence(min: number, max: number, unit: string): string {
  const counted = unit === "" ? "" : ` ${unit}`;
  return `must be an integer from ${digits(min)} to ${digits(max)}${counted}`;
}

export function integer(min: number, max: number, unit = "") {
  const error = integerSentence(min, max, unit);
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** @param meaning what "auto" does */
export function integerOrAuto(min: number, max: number, meaning: string) {
  const error = `${integerSentence(min, max, "")}, or "auto": ${meaning}`;
  const number = z.int({ error }).min(min, { error }).max(max, { error });
  return z.union([z.literal("auto"), number], { error });
}

export function powerOfTwo(min: number, max: number) {
  const error = `must be a power of two from ${digits(min)} to ${digits(max)}`;
  return z
    .int({ error })
    .min(min, { error })
    .max(max, { error })
    .refine((value) => Number.isInteger(Math.log2(value)), { error });
}

export function choice<const Names extends readonly [string, ...string[]]>(names: Names) {
  const quoted = names.map((name) => `"${name}"`).join(", ");
  const error = names.length === 1 ? `must be ${quoted}` : `must be one of ${quoted}`;
  return z.enum(names, { error });
}

export function flag() {
  return z.boolean({ error: "must be true or false" });
}

export function flagOrAuto(meaning: string) {
  const error = `must be true, false, or "auto": ${meaning}`;
  return z.union([z.literal("auto"), z.boolean()], { error });
}

export function address() {
  const error =
    'must be an IP address or "localhost"; ' +
    '"::" listens on all, IPv4 too; "127.0.0.1" on this machine only';
  return z.string({ error }).refine((text) => text === "localhost" || isIP(text) !== 0, { error });
}

/** Addresses that begin alike (RFC 4632 §3.1), or "" for all. */
export function addressPrefix() {
  const error =
    'must be an IP address, with "/" and the bits that count where not all do: "192.0.2.0/24"';
  return z
    .string({ error })
    .refine((text) => text === "" || parseAddressPrefix(text) !== null, { error });
}

/** Null for what is none. */
export function parseAddressPrefix(text: string): { address: string; bits: number } | null {
  const [, address = "", digits] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return null;
  const most = family === 4 ? 32 : 128;
  const bits = digits === undefined ? most : Number(digits);
  return bits <= most ? { address, bits } : null;
}

/** An address of ours with its port, or "" for none. */
export function endpoint(family: 4 | 6) {
  const example = family === 4 ? "192.0.2.7:4434" : "[2001:db8::7]:4434";
  const error = `must be an IPv${family} address of this machine and a port, like "${example}"`;
  return z.string({ error }).refine((text) => text === "" || isEndpoint(text, family), { error });
}

function isEndpoint(text: string, family: 4 | 6): boolean {
  const shape = family === 4 ? /^([^:]+):([0-9]{1,5})$/ : /^\[([^\]%]+)\]:([0-9]{1,5})$/;
  const [, host = "", digits = "0"] = shape.exec(text) ?? [];
  const port = Number(digits);
  return isIP(host) === family && port > 0 && port <= 65_535;
}

/** The first digits of a hexadecimal number, or "" for any. */
export function hexPrefix(digitsMax: number) {
  const error = `must be up to ${digitsMax} hexadecimal digits in lower case`;
  return z
    .string({ error })
    .regex(/^[0-9a-f]*$/, { error })
    .max(digitsMax, { error });
}

/** Printable, or "" for none. */
export function shortText(what: string, lengthMax: number) {
  const error = `must be ${what}, at most ${lengthMax} characters`;
  return z
    .string({ error })
    .regex(/^[\x20-\x7e]*$/, { error })
    .max(lengthMax, { error });
}

/** A path, or "" for none. Contents where a path belongs are refused, so no secret gets in here. */
export function filePath(what: string) {
  const error = `must be the path of ${what}`;
  return z
    .string({ error })
    .max(511, { error: `${error}, at most 511 characters` })
    .refine((text) => !/[\n\0]|-----BEGIN/.test(text), { error: `${error}, not its contents` });
}

export function fileName() {
  const error = "must be a file's name, without a folder";
  return z.string({ error }).refine((text) => isFileName(text), { error });
}

function isFileName(text: string): boolean {
  const printable = [...text].every((character) => character >= " " && character !== "\x7f");
  return printable && !["", ".", ".."].includes(text) && !text.includes("/");
}

/** Some of the names, each once. Of protocols the first of the client's that is offered wins. */
export function listOf<const Names extends readonly [string, ...string[]]>(
  names: Names,
  least = 1,
) {
  const quoted = names.map((name) => `"${name}"`).join(", ");
  const error = `must be a list of some of ${quoted}, each once`;
  return z
    .array(z.enum(names, { error }), { error })
    .min(least, { error })
    .refine((listed) => new Set(listed).size === listed.length, { error });
}
