/**
 * A 32-bit hash of bytes, for caches that compare the bytes too: speed matters here, collisions
 * only cost a miss.
 */
export function hashBytes(memory: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word =
      memory[i]! | (memory[i + 1]! << 8) | (memory[i + 2]! << 16) | (memory[i + 3]! << 24);
    hash = Math.imul(hash ^ word, 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ memory[i]!, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  return Math.imul(hash, 0xc2b2_ae35) ^ (hash >>> 16);
}

/** True when `memory[start ..]` begins with all of `bytes`. */
export function startsWithBytes(memory: Uint8Array, start: number, bytes: Uint8Array): boolean {
  const { length } = bytes;
  for (let i = 0; i < length; i++) {
    if (memory[start + i] !== bytes[i]) return false;
  }
  return true;
}
