/**
 * QPACK without a dynamic table (RFC 9204): field sections and instructions that know the grammar
 * and break it, and field lists that must come through as they went in.
 */
import { expect, test } from "bun:test";
import { FieldSectionDecoder } from "../../src/apps/h3/qpack/field_section_decoder.ts";
import { type Fields, frame, GET, section } from "../h3/client.ts";
import { Prng } from "../support/prng.ts";
import { fuzzRounds, mutated, type Round } from "./h3_rounds.ts";

const NAMES = ["a", "accept", "content-type", "cookie", "x-a", "te", ":path", ":status", "Upper"];
const VALUES = ["", "1", "gzip, br", "a=b; c", "\u0000", " x", "x".repeat(200), "é"];
const VALID_LISTS = 300;

/** An integer with a prefix of `bits` (RFC 7541 §5.1); sometimes longer than it need be. */
function integer(value: number, bits: number, flags: number, random: Prng): number[] {
  const most = 2 ** bits - 1;
  if (value < most && random.below(32) > 0) return [flags | value];
  const bytes = [flags | most];
  let rest = Math.max(0, value - most);
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  for (let zeros = random.below(16) === 0 ? random.below(12) : 0; zeros > 0; zeros--) {
    bytes.push(rest | 0x80);
    rest = 0;
  }
  return [...bytes, rest];
}

function anyNumber(random: Prng): number {
  const choice = random.below(8);
  if (choice === 0) return 2 ** random.below(53);
  return random.below(choice === 1 ? 1000 : 110);
}

/** A string literal: plain, Huffman of anything, or with a length that lies. */
function literal(bits: number, flags: number, random: Prng): number[] {
  const bytes = [...new TextEncoder().encode(random.pick(random.below(2) ? NAMES : VALUES))];
  const huffman = random.below(3) === 0;
  const payload = huffman ? [...random.bytes(random.below(12))] : bytes;
  const length = random.below(24) === 0 ? anyNumber(random) : payload.length;
  return [...integer(length, bits, flags | (huffman ? 2 ** bits : 0), random), ...payload];
}

/** RFC 9204 §4.5.2 to §4.5.6. */
function line(random: Prng): number[] {
  switch (random.below(7)) {
    case 0:
      return integer(anyNumber(random), 6, 0xc0, random);
    case 1:
      return integer(anyNumber(random), 6, 0x80, random);
    case 2:
      return integer(anyNumber(random), 4, 0x10, random);
    case 3:
      return [...integer(anyNumber(random), 4, 0x50, random), ...literal(7, 0, random)];
    case 4:
      return [...integer(anyNumber(random), 4, 0x40, random), ...literal(7, 0, random)];
    case 5:
      return [...literal(3, 0x20, random), ...literal(7, 0, random)];
    default:
      return [...integer(anyNumber(random), 3, 0x00, random), ...literal(7, 0, random)];
  }
}

function anySection(random: Prng): number[] {
  const required = random.below(8) === 0 ? anyNumber(random) : 0;
  const base = random.below(8) === 0 ? anyNumber(random) : 0;
  const prefix = [...integer(required, 8, 0, random), ...integer(base, 7, 0, random)];
  const valid = random.below(2) === 0 ? section(GET).slice(2) : [];
  const lines = Array.from({ length: random.below(6) }, () => line(random));
  return [...prefix, ...valid, ...lines.flat()];
}

/** RFC 9204 §4.3 for the encoder's stream, §4.4 for the decoder's. */
function instruction(encoder: boolean, random: Prng): number[] {
  const number = anyNumber(random);
  if (!encoder) {
    const [bits, flags] = random.pick([
      [7, 0x80],
      [6, 0x40],
      [6, 0x00],
    ]);
    return integer(number, bits!, flags!, random);
  }
  switch (random.below(4)) {
    case 0:
      return integer(random.below(3) === 0 ? number : 0, 5, 0x20, random);
    case 1:
      return [...integer(number, 6, 0x80, random), ...literal(7, 0, random)];
    case 2:
      return [...literal(5, 0x40, random), ...literal(7, 0, random)];
    default:
      return integer(number, 5, 0x00, random);
  }
}

function play({ random, open, deliver }: Round): void {
  for (let streams = 1 + random.below(3); streams > 0; streams--) {
    const choice = random.below(4);
    if (choice > 1) {
      const bytes = mutated(anySection(random), random);
      deliver(open(false), frame(0x01, bytes), random.below(4) > 0);
      continue;
    }
    const count = 1 + random.below(5);
    const bytes = Array.from({ length: count }, () => instruction(choice === 0, random)).flat();
    deliver(open(true), [choice === 0 ? 0x02 : 0x03, ...mutated(bytes, random)], false);
  }
}

test("sections and instructions: nothing escapes, nothing stays", async () => {
  await fuzzRounds("qpack", play);
}, 120_000);

test("field lists come through, whatever bytes their values have", () => {
  const random = new Prng();
  console.log(`SEED=${random.seed}`);
  const decoder = new FieldSectionDecoder(1 << 20);
  for (let i = 0; i < VALID_LISTS; i++) {
    const fields: Fields = Array.from({ length: random.below(20) }, () => [
      random.below(3) === 0 ? `x-${random.next()}` : random.pick(NAMES).toLowerCase(),
      String.fromCharCode(...random.bytes(random.below(60)).map((byte) => 0x20 + (byte % 95))),
    ]);
    const bytes = Uint8Array.from([0xee, ...section(fields), 0xee]);
    const list = decoder.decode(bytes, 1, bytes.length - 1);
    const found: Fields = list.names.map((name, at) => [name, list.values[at] ?? ""]);
    expect(found).toEqual(fields);
  }
});
