/** The Huffman code, RFC 7541 §5.2 and Appendix B, with the examples of its Appendix C. */
import { expect, test } from "bun:test";
import {
  huffmanDecode,
  huffmanDecodedMaxBytes,
  huffmanEncode,
  huffmanEncodedBytes,
} from "../../src/apps/h3/qpack/huffman.ts";
import { HUFFMAN_BITS } from "../../src/apps/h3/qpack/huffman_table.gen.ts";
import { readLatin1 } from "../../src/wire/text.ts";
import { Prng } from "../support/prng.ts";

function encode(text: string): Uint8Array {
  const target = new Uint8Array(huffmanEncodedBytes(text) + 1).fill(0xee);
  expect(huffmanEncode(text, target, 0)).toBe(target.length - 1);
  expect(target.at(-1)).toBe(0xee);
  return target.subarray(0, -1);
}

function decode(bytes: Uint8Array): string | null {
  const target = new Uint8Array(huffmanDecodedMaxBytes(bytes.length));
  const length = huffmanDecode(bytes, 0, bytes.length, target);
  return length < 0 ? null : readLatin1(target, 0, length);
}

test.each([
  { text: "www.example.com", hex: "f1e3c2e5f23a6ba0ab90f4ff" },
  { text: "no-cache", hex: "a8eb10649cbf" },
  { text: "custom-value", hex: "25a849e95bb8e8b4bf" },
  { text: "Mon, 21 Oct 2013 20:13:21 GMT", hex: "d07abe941054d444a8200595040b8166e082a62d1bff" },
  { text: "", hex: "" },
])("$text", ({ text, hex }) => {
  expect(encode(text).toHex()).toBe(hex);
  expect(decode(Uint8Array.fromHex(hex))).toBe(text);
});

test("each of the 256 bytes, alone and in every neighbourhood of padding", () => {
  for (let byte = 0; byte < 256; byte++) {
    for (let zeros = 0; zeros < 8; zeros++) {
      const text = "0".repeat(zeros) + String.fromCharCode(byte);
      expect(decode(encode(text))).toBe(text);
    }
  }
});

test("all pairs of bytes", () => {
  for (let first = 0; first < 256; first++) {
    let text = "";
    for (let second = 0; second < 256; second++) text += String.fromCharCode(first, second);
    expect(decode(encode(text))).toBe(text);
  }
});

test("random strings", () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  for (let i = 0; i < 300; i++) {
    const bytes = random.bytes(random.below(200));
    const text = readLatin1(bytes, 0, bytes.length);
    expect(decode(encode(text))).toBe(text);
  }
});

test.each([
  { name: "EOS whole", hex: "ffffffff" },
  { name: "EOS behind a symbol", hex: "1fffffffff" },
  { name: "8 bits of padding", hex: "07ff" },
  { name: "only padding, 8 bits", hex: "ff" },
  { name: "padding of zeros", hex: "00" },
  { name: "cut code of 28 bits", hex: "fffffe" },
])("$name is refused", ({ hex }) => {
  expect(decode(Uint8Array.fromHex(hex))).toBeNull();
});

test("every single byte is a symbol with padding of ones, or refused", () => {
  for (let byte = 0; byte < 256; byte++) {
    const text = decode(Uint8Array.of(byte));
    if (text === null) continue;
    expect(text.length).toBe(1);
    expect(HUFFMAN_BITS[text.charCodeAt(0)]).toBeGreaterThanOrEqual(5);
    expect(encode(text)).toEqual(Uint8Array.of(byte));
  }
});
