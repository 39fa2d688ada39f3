/** One certificate for all servers of a bench, in files of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfSigned } from "../src/tls/self_signed.ts";

const DAY_MS = 86_400_000;

export class BenchCertificate implements Disposable {
  readonly certPath: string;
  readonly keyPath: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "quicd-bench-"));

  constructor() {
    this.certPath = join(this.#folder, "cert.pem");
    this.keyPath = join(this.#folder, "key.pem");
    const now = Date.now();
    const names = ["localhost", "127.0.0.1"];
    const pair = selfSigned(names, new Date(now - DAY_MS), new Date(now + 10 * DAY_MS));
    writeFileSync(this.certPath, pair.certificatePem);
    writeFileSync(this.keyPath, pair.privateKeyPem, { mode: 0o600 });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
