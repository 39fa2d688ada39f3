/** Datagrams that no honest client sends: random ones, and real ones with bytes changed. */
import type { Prng } from "./prng.ts";

const SIZE_MAX = 1500;
const INITIAL_BYTES_MIN = 1200;
const CID_BYTES = 8;

/** Any bytes of any size. */
export function randomDatagram(random: Prng): Uint8Array {
  return quickBytes(random, random.below(SIZE_MAX));
}

/** Flips, cuts, extends, or keeps it as it is: a replay. */
export function mutate(original: Uint8Array, random: Prng): Uint8Array {
  const copy = Uint8Array.from(original);
  const flips = random.below(4);
  // Half of the changes fall where headers are.
  const reach = random.below(2) === 0 ? Math.min(48, copy.length) : copy.length;
  for (let i = 0; i < flips; i++) copy[random.below(reach)]! ^= 1 << random.below(8);
  const ending = random.below(8);
  if (ending === 0) return copy.subarray(0, random.below(copy.length));
  if (ending === 1) return Buffer.concat([copy, quickBytes(random, random.below(200))]);
  return copy;
}

/** A long header of version 1 that claims to be an Initial, of `length` bytes of nothing. */
export function emptyInitial(random: Prng, length: number): Uint8Array {
  const bytes = longHeader(random, 1, length);
  bytes[0] = 0xc0 | (bytes[0]! & 0x0f);
  return bytes;
}

export interface VersionProbe {
  bytes: Uint8Array;
  /** Hex; no other probe has it, so that an answer names its question. */
  sourceId: string;
}

/** A long header of a version that nobody speaks (RFC 9000 §15: 0x?a?a?a?a are for that). */
export function versionProbe(random: Prng, serial: number, length: number): VersionProbe {
  const bytes = longHeader(random, 0x1a2a3a4a, length);
  const source = bytes.subarray(7 + CID_BYTES, 7 + 2 * CID_BYTES);
  new DataView(source.buffer, source.byteOffset).setUint32(0, serial);
  return { bytes, sourceId: Buffer.from(source).toString("hex") };
}

/** The destination ID of a Version Negotiation packet in hex, or null for any other packet. */
export function negotiationFor(bytes: Uint8Array): string | null {
  const version = bytes.length >= 7 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (version !== 0 || (bytes[0]! & 0x80) === 0) return null;
  return Buffer.from(bytes.subarray(6, 6 + bytes[5]!)).toString("hex");
}

export function oneOfAll(real: readonly Uint8Array[], random: Prng): Uint8Array {
  const choice = random.below(10);
  if (choice < 3) return randomDatagram(random);
  if (choice === 3) return emptyInitial(random, 30 + random.below(INITIAL_BYTES_MIN - 30));
  if (choice === 4) return emptyInitial(random, INITIAL_BYTES_MIN + random.below(200));
  return mutate(random.pick(real), random);
}

function longHeader(random: Prng, version: number, length: number): Uint8Array {
  const bytes = quickBytes(random, length);
  bytes[0]! |= 0xc0;
  new DataView(bytes.buffer).setUint32(1, version);
  bytes[5] = CID_BYTES;
  bytes[6 + CID_BYTES] = CID_BYTES;
  return bytes;
}

/** Four at a time: a hundred thousand datagrams are many bytes. */
function quickBytes(random: Prng, length: number): Uint8Array {
  const words = Uint32Array.from({ length: Math.ceil(length / 4) }, () => random.next());
  return new Uint8Array(words.buffer, 0, length);
}
