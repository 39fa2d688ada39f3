/**
 * Variable-length integers, RFC 9000 §16 and its Appendix A.1.
 *
 * The wire allows more than a number holds exactly: values above 2^53-1 must read as HUGE, never as
 * a neighbour.
 */
import { describe, expect, test } from "bun:test";
import { ByteCursor } from "../../src/wire/cursor.ts";
import {
  decodeVarint,
  encodeVarint,
  HUGE,
  INCOMPLETE,
  varintBytes,
} from "../../src/wire/varint.ts";
import { Prng } from "../support/prng.ts";

describe.each([
  { hex: "c2197c5eff14e88c", value: 151_288_809_941_952_652n },
  { hex: "9d7f3e7d", value: 494_878_333n },
  { hex: "7bbd", value: 15_293n },
  { hex: "25", value: 37n },
  { hex: "4025", value: 37n },
  { hex: "00", value: 0n },
  { hex: "3f", value: 63n },
  { hex: "4040", value: 64n },
  { hex: "7fff", value: 16_383n },
  { hex: "80004000", value: 16_384n },
  { hex: "bfffffff", value: 1_073_741_823n },
  { hex: "c000000040000000", value: 1_073_741_824n },
  { hex: "c01fffffffffffff", value: 2n ** 53n - 1n },
  { hex: "c020000000000000", value: 2n ** 53n },
  { hex: "c020000000000001", value: 2n ** 53n + 1n },
  { hex: "ffffffffffffffff", value: 2n ** 62n - 1n },
])("$hex is $value", ({ hex, value }) => {
  const bytes = Uint8Array.fromHex(hex);
  const expected = value < 2n ** 53n ? Number(value) : HUGE;

  test("decodes at any offset and stops behind it", () => {
    const cursor = new ByteCursor(Uint8Array.from([0xff, ...bytes, 0xff]), 1);
    expect(cursor.tryReadVarint()).toBe(expected);
    expect(cursor.offset).toBe(1 + bytes.length);
  });

  test("is incomplete as any prefix, even when the slab goes on", () => {
    for (let size = 0; size < bytes.length; size++) {
      const cursor = new ByteCursor(bytes, 0, size);
      expect(cursor.tryReadVarint()).toBe(INCOMPLETE);
      expect(cursor.offset).toBe(0);
    }
  });
});

test("the shortest encoding of each size boundary comes back", () => {
  for (let power = 0; power < 53; power++) {
    for (const value of [2 ** power - 1, 2 ** power, 2 ** power + 1]) {
      const memory = new Uint8Array(10).fill(0xaa);
      const end = encodeVarint(value, memory, 1);
      expect(end - 1).toBe(varintBytes(value));
      expect(decodeVarint(memory, 1)).toBe(value);
      expect(memory[end]).toBe(0xaa);
    }
  }
});

test("random values come back", () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  const memory = new Uint8Array(8);
  for (let i = 0; i < 20_000; i++) {
    const value = Math.floor(
      (random.next() * 2 ** 21 + random.below(2 ** 21)) / 2 ** random.below(53),
    );
    encodeVarint(value, memory, 0);
    expect(decodeVarint(memory, 0)).toBe(value);
  }
});

test("what is no integer of 53 bits is our bug", () => {
  expect(() => encodeVarint(2 ** 53, new Uint8Array(8), 0)).toThrow("bug in quicd");
  expect(() => encodeVarint(Number.POSITIVE_INFINITY, new Uint8Array(8), 0)).toThrow(
    "bug in quicd",
  );
});
