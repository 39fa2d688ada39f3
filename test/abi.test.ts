/**
 * The ABI generator: the committed halves are fresh, the layout rules hold, and text outside the
 * subset is an error rather than a guess.
 */
import { describe, expect, test } from "bun:test";
import { emitCheckHeader, emitTypeScript, hash, normalise } from "../native/gen/abi.ts";
import { parseAbi } from "../native/gen/abi_parser.ts";
import { ABI_HASH, EVENT_SIZE, EVENT_STREAM_ID_OFFSET, NONE } from "../src/native/abi.gen.ts";
import { checkHash } from "../src/native/library.ts";

const text = (path: string) => Bun.file(new URL(path, import.meta.url)).text();
const HEADER = await text("../native/abi.h");

test("both generated files are fresh", async () => {
  const abi = parseAbi(HEADER);
  expect(await text("../src/native/abi.gen.ts")).toBe(emitTypeScript(abi));
  expect(await text("../native/abi_check.gen.h")).toBe(emitCheckHeader(abi));
  expect(hash(normalise(abi))).toBe(ABI_HASH);
});

test("known places", () => {
  expect([EVENT_SIZE, EVENT_STREAM_ID_OFFSET, NONE]).toEqual([64, 40, 0xffffffff]);
});

test("natural alignment, tail padding and arrays", () => {
  const abi = parseAbi(
    "struct s { uint8_t a; uint32_t b; uint8_t c[3]; uint64_t d; uint16_t e; };",
  );
  expect(abi.structs[0]!.fields.map(({ offset }) => offset)).toEqual([0, 4, 8, 16, 24]);
  expect(abi.structs[0]!.size).toBe(32);
});

test("comments and spacing do not change the hash, a width does", () => {
  const one = hash(normalise(parseAbi("struct s { uint32_t a; };")));
  const spaced = hash(normalise(parseAbi("/* x */ struct s\n{\n\tuint32_t a; /* y */\n};\n")));
  const narrow = hash(normalise(parseAbi("struct s { uint16_t a; uint16_t b; };")));
  expect(spaced).toBe(one);
  expect(narrow).not.toBe(one);
});

describe("outside the subset", () => {
  test.each([
    ["a bit-field", "struct s { uint32_t a : 3; };"],
    ["a pointer", "struct s { uint32_t *a; };"],
    ["a plain int", "struct s { int a; };"],
    ["a typedef", "typedef uint32_t id;"],
    ["an implicit enum value", "enum e { A };"],
    ["a nested struct", "struct s { struct t a; };"],
    ["an expression", "#define A (1 << 2)"],
    ["an octal number", "#define A 010"],
    ["another include", "#include <stdlib.h>"],
    ["an empty struct", "struct s { };"],
    ["an empty array", "struct s { uint8_t a[0]; };"],
    ["a name twice", "#define A 1\n#define A 1"],
    ["more than 32 bits", "#define A 0x100000000"],
    ["an unfinished block", "struct s { uint32_t a;"],
  ])("%s is refused", (_name, source) => {
    expect(() => parseAbi(source)).toThrow("abi.h");
  });
});

test("a library of another ABI is refused with both numbers and the remedy", () => {
  expect(() => checkHash(1, "quicd.node")).toThrow(
    `ABI 1, this TypeScript has ${ABI_HASH}: run ./setup`,
  );
  expect(() => checkHash(ABI_HASH, "quicd.node")).not.toThrow();
});
