/**
 * The Huffman code of field strings, RFC 7541 §5.2 and Appendix B, which QPACK takes over (RFC 9204
 * §4.1.2).
 *
 * Decoding walks the code tree four bits at a time: 256 inner nodes x 16 nibbles, 16 KiB, so that
 * the table stays in the first-level cache beside the rest of a request's work. The shortest code
 * has 5 bits, so one step emits one symbol at most.
 */
import { assert } from "../../../assert.ts";
import { HUFFMAN_BITS, HUFFMAN_CODES } from "./huffman_table.gen.ts";

const EOS = 256;
/** Padding is the start of EOS, all ones, and shorter than a byte (RFC 7541 §5.2). */
const PADDING_MAX_BITS = 7;

/** A step: bits 0-7 the next node, 8-15 the symbol, and these. */
const EMITS = 1 << 16;
const FAILS = 1 << 17;
/** The string may end after this step. */
const ACCEPTS = 1 << 18;

const STEPS = buildSteps();

/** Children of inner nodes: `tree[2 * node + bit]` is a node, or ~symbol. */
function buildTree(): number[] {
  const tree: number[] = [0, 0];
  for (let symbol = 0; symbol <= EOS; symbol++) {
    const bits = HUFFMAN_BITS[symbol]!;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const child = 2 * node + ((HUFFMAN_CODES[symbol]! >>> bit) & 1);
      if (tree[child] === 0) {
        tree[child] = tree.length / 2;
        tree.push(0, 0);
      }
      node = tree[child]!;
    }
    tree[2 * node + (HUFFMAN_CODES[symbol]! & 1)] = ~symbol;
  }
  return tree;
}

/** Nodes in which a string may end: the root, and where up to seven ones lead. */
function acceptingNodes(tree: readonly number[]): Set<number> {
  const accepting = new Set([0]);
  let node = 0;
  for (let ones = 1; ones <= PADDING_MAX_BITS; ones++) {
    node = tree[2 * node + 1]!;
    accepting.add(node);
  }
  return accepting;
}

function buildSteps(): Uint32Array {
  const tree = buildTree();
  const nodes = tree.length / 2;
  assert(nodes === 256, `${nodes} inner nodes`);
  const accepting = acceptingNodes(tree);
  const steps = new Uint32Array(nodes * 16);
  for (let index = 0; index < steps.length; index++) {
    let node = index >> 4;
    let step = 0;
    for (let bit = 3; bit >= 0; bit--) {
      node = tree[2 * node + ((index >> bit) & 1)]!;
      if (node >= 0) continue;
      step |= ~node === EOS ? FAILS : EMITS | (~node << 8);
      node = 0;
    }
    steps[index] = step | node | (accepting.has(node) ? ACCEPTS : 0);
  }
  return steps;
}

/** Decoded bytes at most: the shortest code has 5 bits. */
export function huffmanDecodedMaxBytes(encodedBytes: number): number {
  return Math.floor((encodedBytes * 8) / 5);
}

/**
 * Decodes `source[start .. end)` into `target` from 0, which has {@link huffmanDecodedMaxBytes}.
 * Returns the bytes written, or -1 for EOS inside the string and for padding that is too long or
 * not all ones.
 */
export function huffmanDecode(
  source: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
): number {
  let node = 0;
  let length = 0;
  let step = ACCEPTS;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    step = STEPS[(node << 4) | (byte >> 4)]!;
    if ((step & (EMITS | FAILS)) !== 0) {
      if ((step & FAILS) !== 0) return -1;
      target[length++] = (step >> 8) & 0xff;
    }
    step = STEPS[((step & 0xff) << 4) | (byte & 0xf)]!;
    if ((step & (EMITS | FAILS)) !== 0) {
      if ((step & FAILS) !== 0) return -1;
      target[length++] = (step >> 8) & 0xff;
    }
    node = step & 0xff;
  }
  return (step & ACCEPTS) !== 0 ? length : -1;
}

/**
 * Bytes that `source` takes when encoded. Characters above 255 are not field characters: the caller
 * checked.
 */
export function huffmanEncodedBytes(source: string): number {
  let bits = 0;
  for (let i = 0; i < source.length; i++) bits += HUFFMAN_BITS[source.charCodeAt(i)]!;
  return (bits + 7) >> 3;
}

/** Encodes a Latin-1 string at `offset`; returns the offset after it. */
export function huffmanEncode(source: string, target: Uint8Array, offset: number): number {
  let next = offset;
  // Up to 7 bits wait while a code of up to 28 (30 is only EOS) is appended: 35 bits, so codes
  // longer than 24 go in two.
  let waiting = 0;
  let waitingBits = 0;
  const append = (code: number, bits: number) => {
    waiting = (waiting << bits) | code;
    waitingBits += bits;
    while (waitingBits >= 8) {
      waitingBits -= 8;
      target[next++] = (waiting >>> waitingBits) & 0xff;
    }
    waiting &= (1 << waitingBits) - 1;
  };
  for (let i = 0; i < source.length; i++) {
    const symbol = source.charCodeAt(i);
    const code = HUFFMAN_CODES[symbol]!;
    const bits = HUFFMAN_BITS[symbol]!;
    if (bits > 24) {
      append(code >>> 16, bits - 16);
      append(code & 0xffff, 16);
    } else {
      append(code, bits);
    }
  }
  if (waitingBits > 0) append((1 << (8 - waitingBits)) - 1, 8 - waitingBits);
  return next;
}
