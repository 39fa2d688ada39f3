/**
 * The certificates of a run, as the runner makes them: a root, which clients get as ca.pem, and a
 * chain of P-256 certificates below it whose last one is the server's. Made by openssl(1), which
 * the machine has, and kept for other runs: they differ by the length of the chain alone.
 */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where they are kept. */
export const CERTIFICATES = join(import.meta.dir, "../../build/interop/certificates");

/** They are valid this long; kept ones are made anew after half of it. */
const DAYS = 10;
const HALF_LIFE_MS = (DAYS / 2) * 24 * 3600 * 1000;

const SERVER_NAMES = ["server", "server4", "server6", "server46"];
/** A long chain shall be more than an unvalidated address may be sent: names fill it up. */
const LONG_NAMES = 20;
const LONG_NAME_CHARACTERS = 250;

/** A folder with cert.pem (server's first, without the root), priv.key and ca.pem. */
export function certificateFolder(cache: string, chainLength: number): string {
  const folder = join(cache, `chain_${chainLength}`);
  const made = join(folder, "cert.pem");
  if (existsSync(made) && Date.now() - statSync(made).mtimeMs < HALF_LIFE_MS) return folder;
  mkdirSync(cache, { recursive: true });
  // Made aside and moved: another runner may read or make the same.
  const aside = mkdtempSync(join(cache, "making_"));
  const script = `${import.meta.dir}/make_certificates.sh`;
  const names = [...SERVER_NAMES, ...(chainLength > 1 ? longNames() : [])];
  const made_ = Bun.spawnSync(["bash", script, aside, `${chainLength}`, `${DAYS}`, ...names]);
  if (made_.exitCode !== 0) {
    rmSync(aside, { recursive: true, force: true });
    throw new Error(`openssl could not make certificates: ${made_.stderr.toString()}`);
  }
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(aside, folder);
  } catch (error) {
    // Somebody else was faster; theirs are as good.
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(made)) throw error;
  }
  return folder;
}

/** Not compressible: certificate compression (RFC 8879) shall not undo them. */
function longNames(): string[] {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  return Array.from({ length: LONG_NAMES }, () => {
    const random = crypto.getRandomValues(new Uint8Array(LONG_NAME_CHARACTERS));
    return Array.from(random, (byte) => letters[byte % letters.length]).join("");
  });
}
