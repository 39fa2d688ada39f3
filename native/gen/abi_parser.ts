/**
 * Reads the small C subset of native/abi.h: `#define NAME integer`, enums with explicit values, and
 * structs of fixed-width scalars and arrays of them, laid out with natural alignment. Anything else
 * throws with the offending text. Knows nothing of what is made of the result.
 */

export interface AbiConstant {
  name: string;
  value: number;
}

export interface AbiField {
  name: string;
  /** Bytes from the start of the struct. */
  offset: number;
  scalarBytes: number;
  /** Array length; 1 for a scalar. */
  count: number;
}

export interface AbiStruct {
  name: string;
  /** Bytes, tail padding included. */
  size: number;
  fields: AbiField[];
}

export interface AbiDescription {
  /** #defines and enum values, in the order of the file. */
  constants: AbiConstant[];
  structs: AbiStruct[];
}

const SCALAR_BYTES: Readonly<Record<string, number>> = {
  uint8_t: 1,
  uint16_t: 2,
  uint32_t: 4,
  uint64_t: 8,
};

const INTEGER = "0x[0-9a-fA-F]+|0|[1-9][0-9]*";
const IGNORED = /^(?:#pragma once|#include <stdint\.h>)$/;
const DEFINE = new RegExp(String.raw`^#define (\w+) (${INTEGER})$`);
const BLOCK = /\b(enum|struct) (\w+) \{([^{}]*)\};/g;
const ENUMERATOR = new RegExp(String.raw`^(\w+) = (${INTEGER})$`);
const FIELD = new RegExp(String.raw`^(\w+) (\w+)(?:\[(${INTEGER})\])?$`);

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, " ");
}

/** One space between words, none at the ends: spacing carries no meaning. */
function tidy(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function parts(body: string, separator: string): string[] {
  return body
    .split(separator)
    .map(tidy)
    .filter((part) => part !== "");
}

function parseEnum(name: string, body: string): AbiConstant[] {
  return parts(body, ",").map((part) => {
    const match = ENUMERATOR.exec(part);
    if (match === null) throw new Error(`abi.h: enum ${name}: needs an explicit value: "${part}"`);
    return { name: match[1]!, value: Number(match[2]) };
  });
}

function parseStruct(name: string, body: string): AbiStruct {
  let end = 0;
  let alignment = 1;
  const fields = parts(body, ";").map((part) => {
    const match = FIELD.exec(part);
    const scalarBytes = match === null ? undefined : SCALAR_BYTES[match[1]!];
    if (match === null || scalarBytes === undefined) {
      throw new Error(`abi.h: struct ${name}: not a fixed-width scalar or array: "${part}"`);
    }
    const count = match[3] === undefined ? 1 : Number(match[3]);
    if (count < 1) throw new Error(`abi.h: struct ${name}: empty array "${part}"`);
    const offset = Math.ceil(end / scalarBytes) * scalarBytes;
    end = offset + scalarBytes * count;
    alignment = Math.max(alignment, scalarBytes);
    return { name: match[2]!, offset, scalarBytes, count };
  });
  if (fields.length === 0) throw new Error(`abi.h: struct ${name} is empty`);
  return { name, size: Math.ceil(end / alignment) * alignment, fields };
}

function parseDirectives(source: string): { constants: AbiConstant[]; rest: string } {
  const constants: AbiConstant[] = [];
  const rest: string[] = [];
  for (const line of source.split("\n")) {
    const text = tidy(line);
    if (!text.startsWith("#")) {
      rest.push(text);
      continue;
    }
    if (IGNORED.test(text)) continue;
    const match = DEFINE.exec(text);
    if (match === null) throw new Error(`abi.h: not understood: "${text}"`);
    constants.push({ name: match[1]!, value: Number(match[2]) });
  }
  return { constants, rest: rest.join(" ") };
}

/**
 * @throws Error naming the first text outside the subset, a repeated name, or a value above 2^32.
 */
export function parseAbi(source: string): AbiDescription {
  const { constants, rest } = parseDirectives(withoutComments(source));
  const structs: AbiStruct[] = [];
  const leftover = rest.replace(BLOCK, (_block, kind: string, name: string, body: string) => {
    if (kind === "enum") constants.push(...parseEnum(name, body));
    else structs.push(parseStruct(name, body));
    return "";
  });
  if (tidy(leftover) !== "")
    throw new Error(`abi.h: not understood: "${tidy(leftover).slice(0, 80)}"`);
  const names = [...constants, ...structs].map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) throw new Error(`abi.h: "${name}" is defined twice`);
  }
  const wide = constants.find(({ value }) => value > 0xffffffff);
  if (wide !== undefined) throw new Error(`abi.h: ${wide.name} does not fit 32 bits`);
  return { constants, structs };
}
