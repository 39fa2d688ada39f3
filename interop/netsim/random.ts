/** Seeded random numbers: the same seed gives the same losses, on every machine. */

/**
 * Returns numbers in [0, 1). A 32-bit counter through two multiply-xorshift rounds; for simulation
 * only.
 */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000;
  };
}

/** Fills `target` with bytes of the seed. */
export function fillRandom(target: Uint8Array, random: () => number): void {
  const words = new Uint32Array(target.buffer, target.byteOffset, target.byteLength >>> 2);
  for (let i = 0; i < words.length; i++) words[i] = random() * 0x1_0000_0000;
  for (let i = words.length * 4; i < target.length; i++) target[i] = random() * 256;
}
