/**
 * QPACK without a dynamic table, RFC 9204: both directions, the example of Appendix B.1, and every
 * way to be wrong.
 */
import { describe, expect, test } from "bun:test";
import { DecoderStreamReader } from "../../src/apps/h3/qpack/decoder_stream.ts";
import { EncoderStreamReader } from "../../src/apps/h3/qpack/encoder_stream.ts";
import { FieldSectionDecoder } from "../../src/apps/h3/qpack/field_section_decoder.ts";
import { encodeContentLength } from "../../src/apps/h3/qpack/field_section_encoder.ts";
import {
  decodePrefixedInteger,
  encodePrefixedInteger,
  OVERFLOW,
} from "../../src/apps/h3/qpack/integer.ts";
import {
  findStaticEntry,
  STATIC_NAMES,
  STATIC_VALUES,
} from "../../src/apps/h3/qpack/static_table.ts";
import { ByteCursor, HUGE, INCOMPLETE } from "../../src/wire/cursor.ts";
import { Prng } from "../support/prng.ts";
import { type Fields, section } from "./client.ts";

function decode(bytes: readonly number[], maxBytes = 1 << 20): [string, string][] {
  const memory = Uint8Array.from([0xee, ...bytes, 0xee]);
  const list = new FieldSectionDecoder(maxBytes).decode(memory, 1, 1 + bytes.length);
  return list.names.map((name, i) => [name, list.values[i]!]);
}

describe("integers (§4.1.1, RFC 7541 §C.1)", () => {
  test.each([
    { bits: 5, bytes: [0x0a], value: 10 },
    { bits: 5, bytes: [0x1f, 0x9a, 0x0a], value: 1337 },
    { bits: 8, bytes: [0x2a], value: 42 },
    { bits: 3, bytes: [0x07, 0x00], value: 7 },
    { bits: 7, bytes: [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], value: HUGE },
    { bits: 6, bytes: [0x3f, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f], value: HUGE },
  ])("$bytes", ({ bits, bytes, value }) => {
    const cursor = new ByteCursor(Uint8Array.from(bytes));
    expect(decodePrefixedInteger(cursor, bits)).toBe(value);
    expect(cursor.remaining).toBe(0);
    for (let size = 0; size < bytes.length; size++) {
      const cut = new ByteCursor(Uint8Array.from(bytes), 0, size);
      expect(decodePrefixedInteger(cut, bits)).toBe(INCOMPLETE);
      expect(cut.offset).toBe(0);
    }
  });

  test("more than 62 bits, or more bytes than they need, overflow", () => {
    for (const bytes of [
      [0x1f, ...new Array(10).fill(0x80), 0x00],
      [0x1f, ...new Array(8).fill(0xff), 0x7f],
    ]) {
      expect(decodePrefixedInteger(new ByteCursor(Uint8Array.from(bytes)), 5)).toBe(OVERFLOW);
    }
  });

  test("every prefix length comes back", () => {
    const memory = new Uint8Array(12);
    for (let bits = 3; bits <= 7; bits++) {
      for (const value of [0, 1, 2 ** bits - 2, 2 ** bits - 1, 2 ** bits, 127, 128, 300, 2 ** 20]) {
        const end = encodePrefixedInteger(value, bits, 0, memory, 1);
        const cursor = new ByteCursor(memory, 1, end);
        expect(decodePrefixedInteger(cursor, bits)).toBe(value);
        expect(cursor.remaining).toBe(0);
      }
    }
  });
});

test("Appendix B.1: literal with name reference", () => {
  const bytes = [...Uint8Array.fromHex("0000510b2f696e6465782e68746d6c")];
  expect(decode(bytes)).toEqual([[":path", "/index.html"]]);
});

test("Appendix A: 99 entries, known by some of their places", () => {
  expect(STATIC_NAMES.length).toBe(99);
  for (const [index, name, value] of [
    [0, ":authority", ""],
    [1, ":path", "/"],
    [4, "content-length", "0"],
    [17, ":method", "GET"],
    [23, ":scheme", "https"],
    [25, ":status", "200"],
    [53, "content-type", "text/plain"],
    [63, ":status", "100"],
    [98, "x-frame-options", "sameorigin"],
  ] as const) {
    expect([STATIC_NAMES[index], STATIC_VALUES[index]]).toEqual([name, value]);
    expect(findStaticEntry(name, value)).toBe(index);
  }
});

test("each static entry can be sent by index, and comes back", () => {
  for (let index = 0; index < 99; index++) {
    const line = index < 63 ? [0xc0 | index] : [0xff, index - 63];
    expect(decode([0, 0, ...line])).toEqual([[STATIC_NAMES[index]!, STATIC_VALUES[index]!]]);
  }
});

describe("invalid sections are QPACK_DECOMPRESSION_FAILED (§2.2, §4.5)", () => {
  test.each([
    { name: "empty", bytes: [] },
    { name: "half a prefix", bytes: [0x00] },
    { name: "Required Insert Count 1", bytes: [0x01, 0x00, 0xd1] },
    { name: "negative Base", bytes: [0x00, 0x80, 0xd1] },
    { name: "static index 99", bytes: [0, 0, 0xff, 36] },
    { name: "indexed, dynamic", bytes: [0, 0, 0x80] },
    { name: "name reference, dynamic", bytes: [0, 0, 0x40, 0x00] },
    { name: "name reference to 99", bytes: [0, 0, 0x5f, 84, 0x00] },
    { name: "post-Base index", bytes: [0, 0, 0x10] },
    { name: "post-Base name", bytes: [0, 0, 0x00, 0x00] },
    { name: "cut index", bytes: [0, 0, 0xff] },
    { name: "cut value length", bytes: [0, 0, 0x51] },
    { name: "cut value", bytes: [0, 0, 0x51, 0x05, 0x2f] },
    { name: "cut name", bytes: [0, 0, 0x23, 0x61] },
    {
      name: "a value of 2^62-1 bytes",
      bytes: [0, 0, 0x51, 0x7f, ...new Array(8).fill(0xff), 0x3f],
    },
    { name: "Huffman: EOS", bytes: [0, 0, 0x51, 0x84, 0xff, 0xff, 0xff, 0xff] },
    { name: "Huffman: padding of 8 bits", bytes: [0, 0, 0x51, 0x82, 0x07, 0xff] },
    { name: "Huffman: padding of zeros", bytes: [0, 0, 0x51, 0x81, 0x00] },
  ])("$name", ({ bytes }) => {
    expect(() => decode(bytes)).toThrow(
      expect.objectContaining({ code: 0x200, scope: "connection" }),
    );
  });

  test("every proper prefix of a section either decodes fewer lines or fails with 0x200", () => {
    const bytes = section([
      [":method", "GET"],
      [":path", "/a?b=c"],
      ["x-long-name", "Value 1"],
      ["te", "x"],
    ]);
    for (let size = 0; size < bytes.length; size++) {
      try {
        expect(decode(bytes.slice(0, size)).length).toBeLessThan(4);
      } catch (error) {
        expect(error).toEqual(expect.objectContaining({ code: 0x200 }));
      }
    }
  });
});

test("a positive Delta Base means nothing without a dynamic table", () => {
  expect(decode([0x00, 0x05, 0xd1])).toEqual([[":method", "GET"]]);
});

describe("size limit (RFC 9114 §4.2.2)", () => {
  const fields: Fields = [["x", "a".repeat(67)]];
  test("name, value and 32 bytes each are counted, before compression", () => {
    expect(decode(section(fields), 100)).toEqual(fields as [string, string][]);
    expect(() => decode(section(fields), 99)).toThrow(
      expect.objectContaining({ code: 0x107, scope: "stream" }),
    );
  });
  test("many tiny lines are caught too", () => {
    const bytes = [0, 0, ...new Array(10_000).fill(0xc1)];
    expect(() => decode(bytes, 32768)).toThrow(expect.objectContaining({ code: 0x107 }));
  });
});

test("random sections come back", () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  const decoder = new FieldSectionDecoder(1 << 24);
  for (let round = 0; round < 500; round++) {
    const fields: [string, string][] = Array.from({ length: random.below(12) }, () => {
      const index = random.below(99);
      if (random.below(4) === 0) return [STATIC_NAMES[index]!, STATIC_VALUES[index]!];
      const value = String.fromCharCode(...random.bytes(random.below(300)));
      const name = random.below(2) === 0 ? STATIC_NAMES[index]! : `x-${random.next().toString(36)}`;
      return [name, value];
    });
    const bytes = Uint8Array.from(section(fields));
    const list = decoder.decode(bytes, 0, bytes.length);
    expect(list.names.map((name, i) => [name, list.values[i]!])).toEqual(fields);
  }
});

test("random bytes fail with a code or decode, and never run past the end", () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  const decoder = new FieldSectionDecoder(32768);
  for (let round = 0; round < 20_000; round++) {
    const bytes = random.bytes(random.below(60));
    if (random.below(2) === 0) bytes.fill(0, 0, 2);
    try {
      decoder.decode(bytes, 0, bytes.length);
    } catch (error) {
      expect([0x200, 0x107]).toContain((error as { code: number }).code);
    }
  }
});

test("content-length lines are literal with static name 4, or entry 4 for 0", () => {
  for (const length of [0, 1, 9, 10, 99, 100, 12345, 2 ** 31, 2 ** 53 - 1]) {
    const memory = new Uint8Array(20);
    const end = encodeContentLength(length, memory, 2);
    expect(decode([...memory.subarray(0, end)])).toEqual([["content-length", String(length)]]);
  }
});

describe("encoder stream with capacity 0 (§4.3)", () => {
  const feed = (bytes: readonly number[]) =>
    new EncoderStreamReader().feed(Uint8Array.from([9, ...bytes]), 1, 1 + bytes.length);
  test("Set Dynamic Table Capacity 0, any number of times", () => {
    feed([0x20, 0x20]);
    feed([]);
  });
  test.each([
    [[0x21]],
    [[0x3f, 0x00]],
    [[0x3f]],
    [[0x80]],
    [[0xc0, 0x00]],
    [[0x40]],
    [[0x41, 0x61]],
    [[0x00]],
    [[0x20, 0x02]],
  ])("%p is QPACK_ENCODER_STREAM_ERROR", (bytes) => {
    expect(() => feed(bytes)).toThrow(
      expect.objectContaining({ code: 0x201, scope: "connection" }),
    );
  });
});

describe("decoder stream without inserts (§4.4)", () => {
  test("stream cancellations of any id, in any split, are skipped", () => {
    const bytes = [
      0x44, 0x7f, 0x00, 0x7f, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f, 0x40,
    ];
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new DecoderStreamReader();
      reader.feed(Uint8Array.from(bytes), 0, at);
      reader.feed(Uint8Array.from(bytes), at, bytes.length);
    }
  });
  test.each([
    [[0x80]],
    [[0xff]],
    [[0x00]],
    [[0x01]],
    [[0x44, 0x3f]],
    [[0x7f, ...new Array(10).fill(0xff)]],
  ])("%p is QPACK_DECODER_STREAM_ERROR", (bytes) => {
    const feed = () => new DecoderStreamReader().feed(Uint8Array.from(bytes), 0, bytes.length);
    expect(feed).toThrow(expect.objectContaining({ code: 0x202, scope: "connection" }));
  });
});
