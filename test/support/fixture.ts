/**
 * Files to serve, made from a seed, each with its SHA-256.
 *
 * Every 4 KiB of a file start with the file's number and their place in it, so a block that lands
 * in the wrong place or the wrong file changes the hash; between the stamps lies one random
 * mebibyte, repeated, which is quick to make.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { createRandom, fillRandom } from "../../interop/netsim/random.ts";
import { ROOT } from "./peer.ts";

export interface FixtureFile {
  name: string;
  bytes: number;
  sha256: string;
}

export interface Fixture {
  folder: string;
  files: FixtureFile[];
  totalBytes: number;
}

const BLOCK_BYTES = 1 << 20;
const STAMP_EVERY_BYTES = 4096;

/** A folder with a file for each size, kept in build/ and made only once. */
export function makeFixture(label: string, sizes: readonly number[], seed = 1): Fixture {
  const key = new Bun.CryptoHasher("sha1").update(`${seed} ${sizes.join(",")}`).digest("hex");
  const folder = join(ROOT, "build/fixtures", `${label}-${key.slice(0, 10)}`);
  const manifest = join(folder, "..", `${label}-${key.slice(0, 10)}.json`);
  if (!existsSync(manifest)) {
    mkdirSync(folder, { recursive: true });
    const files = sizes.map((bytes, index) => writeFile(folder, index, bytes, seed));
    // Written last and whole: an interrupted run leaves no manifest.
    writeFileSync(`${manifest}.part`, JSON.stringify(files));
    renameSync(`${manifest}.part`, manifest);
  }
  const files = JSON.parse(readFileSync(manifest, "utf8")) as FixtureFile[];
  return { folder, files, totalBytes: files.reduce((sum, file) => sum + file.bytes, 0) };
}

function writeFile(folder: string, index: number, bytes: number, seed: number): FixtureFile {
  const name = `${String(index).padStart(4, "0")}-${bytes}.bin`;
  const block = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(bytes, STAMP_EVERY_BYTES)));
  fillRandom(block, createRandom(seed));
  const stamps = new DataView(block.buffer);
  const hasher = new Bun.CryptoHasher("sha256");
  const file = openSync(join(folder, name), "w");
  for (let offset = 0; offset < bytes; offset += block.length) {
    for (let at = 0; at + 8 <= block.length; at += STAMP_EVERY_BYTES) {
      stamps.setUint32(at, index);
      stamps.setUint32(at + 4, (offset + at) / STAMP_EVERY_BYTES);
    }
    const part = block.subarray(0, Math.min(block.length, bytes - offset));
    writeSync(file, part);
    hasher.update(part);
  }
  closeSync(file);
  return { name, bytes, sha256: hasher.digest("hex") };
}

/**
 * 500 sizes from 0 to 300 MB: edges, then log-uniform up to 12 MB, then a few large ones; 1.0 GB in
 * all.
 */
export function manySizes(): number[] {
  const large = [300e6, 150e6, 100e6, 50e6, 30e6];
  const edges = [0, 1, 1199, 1200, 16_383, 16_384, 16_385, 65_535, 65_536, 1 << 20];
  const spread = 500 - large.length - edges.length;
  const logSpread = Array.from({ length: spread }, (_, i) =>
    Math.round(12e6 ** ((i + 1) / spread)),
  );
  return [...edges, ...logSpread, ...large];
}

/** SHA-256 of a file, read in pieces. */
export async function hashFile(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const part of Bun.file(path).stream()) hasher.update(part);
  return hasher.digest("hex");
}

/** The same order for the same seed. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = createRandom(seed);
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = result[i] as T;
    result[i] = result[j] as T;
    result[j] = kept;
  }
  return result;
}
