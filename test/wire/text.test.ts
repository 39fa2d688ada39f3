/** Text in and out of memory: the lengths announced are the lengths written, for any characters. */
import { expect, test } from "bun:test";
import { readLatin1, utf8Bytes, writeLatin1, writeUtf8 } from "../../src/wire/text.ts";

const LONG = "x".repeat(100);

test.each(["", "a", "hello", LONG, "grüße", `${LONG}é`, "日本語", "😀", "\ud800", `${LONG}\udc00`])(
  "UTF-8 of %j",
  (text) => {
    const expected = new TextEncoder().encode(text);
    const memory = new Uint8Array(expected.length + 4).fill(0xee);
    expect(utf8Bytes(text)).toBe(expected.length);
    expect(writeUtf8(text, expected.length, memory, 2)).toBe(2 + expected.length);
    expect(memory.subarray(2, 2 + expected.length)).toEqual(expected);
    expect([memory[0], memory[1], memory.at(-1), memory.at(-2)]).toEqual([0xee, 0xee, 0xee, 0xee]);
  },
);

test("all 256 bytes survive as Latin-1, short and long", () => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const text = readLatin1(all, 0, 256);
  const memory = new Uint8Array(258);
  expect(writeLatin1(text, memory, 1)).toBe(257);
  expect(memory.subarray(1, 257)).toEqual(all);
  expect(writeLatin1("\xff\x00", memory, 0)).toBe(2);
  expect([memory[0], memory[1]]).toEqual([0xff, 0]);
});
