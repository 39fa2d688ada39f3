/** A throw-away certificate for servers under test, made once per test process. */
import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  certPath: string;
  keyPath: string;
  /** Base64 SHA-256 of the public key, as browsers pin it. */
  spki: string;
}

let made: Certificate | null = null;

/** P-256, for localhost and the addresses that the tests use; valid 10 days. */
export function testCertificate(): Certificate {
  if (made !== null) return made;
  const folder = mkdtempSync(join(tmpdir(), "quicd-cert-"));
  const certPath = join(folder, "cert.pem");
  const keyPath = join(folder, "key.pem");
  const names = "DNS:localhost,IP:127.0.0.1,IP:::1,IP:192.0.2.1,IP:198.51.100.2";
  const result = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-nodes", "-days", "10", "-subj", "/CN=localhost"],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ...["-addext", `subjectAltName=${names}`, "-keyout", keyPath, "-out", certPath],
  ]);
  if (result.exitCode !== 0) throw new Error(`openssl: ${result.stderr.toString()}`);
  const publicKey = new X509Certificate(readFileSync(certPath)).publicKey;
  const der = publicKey.export({ type: "spki", format: "der" });
  made = { certPath, keyPath, spki: createHash("sha256").update(der).digest("base64") };
  return made;
}
