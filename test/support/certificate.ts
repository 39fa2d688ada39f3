/** A certificate for servers under test, kept in build/ for a few days. */
import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./peer.ts";

export interface Certificate {
  certPath: string;
  keyPath: string;
  /** Base64 SHA-256 of the public key, as browsers pin it. */
  spki: string;
}

const FOLDER = join(ROOT, "build/e2e/certificate");
const VALID_DAYS = 10;
const RENEW_AFTER_MS = 5 * 86_400_000;
const NAMES = "DNS:localhost,IP:127.0.0.1,IP:::1,IP:192.0.2.1,IP:198.51.100.2";

/** P-256, for localhost and the addresses that the tests use. */
export function testCertificate(): Certificate {
  const certPath = join(FOLDER, "cert.pem");
  const keyPath = join(FOLDER, "key.pem");
  const made = existsSync(certPath) ? statSync(certPath).mtimeMs : 0;
  if (Date.now() - made > RENEW_AFTER_MS) make();
  const publicKey = new X509Certificate(readFileSync(certPath)).publicKey;
  const der = publicKey.export({ type: "spki", format: "der" });
  const spki = createHash("sha256").update(der).digest("base64");
  return { certPath, keyPath, spki };
}

/** Elsewhere first, then moved into place: certificate and key always belong together. */
function make(): void {
  const part = `${FOLDER}.${process.pid}`;
  mkdirSync(part, { recursive: true });
  const result = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-nodes", "-days", `${VALID_DAYS}`, "-subj", "/CN=localhost"],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ...["-addext", `subjectAltName=${NAMES}`],
    ...["-keyout", join(part, "key.pem"), "-out", join(part, "cert.pem")],
  ]);
  if (result.exitCode !== 0) throw new Error(`openssl: ${result.stderr.toString()}`);
  rmSync(FOLDER, { recursive: true, force: true });
  renameSync(part, FOLDER);
}
