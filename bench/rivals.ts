/** Ours and the peer, started side by side with one certificate. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfSigned } from "../src/tls/self_signed.ts";
import type { BenchOptions } from "./options.ts";
import { Subject } from "./subject.ts";

const DAY_MS = 86_400_000;

export class Rivals implements AsyncDisposable {
  private constructor(
    readonly ours: Subject,
    readonly peer: Subject,
    private readonly folder: string,
  ) {}

  static async start(options: BenchOptions): Promise<Rivals> {
    const folder = mkdtempSync(join(tmpdir(), "quicd-bench-"));
    const certPath = join(folder, "cert.pem");
    const keyPath = join(folder, "key.pem");
    const now = Date.now();
    const names = ["localhost", "127.0.0.1"];
    const pair = selfSigned(names, new Date(now - DAY_MS), new Date(now + 10 * DAY_MS));
    writeFileSync(certPath, pair.certificatePem);
    writeFileSync(keyPath, pair.privateKeyPem, { mode: 0o600 });
    const { workers, backend, serverCpus: cpus } = options;
    const common = { workers, backend, certPath, keyPath, cpus };
    const ours = await Subject.start({ name: "QuicD", file: "quicd_fetch.ts", ...common });
    const peer = await Subject.start({ name: "Bun.serve", file: "bun_fetch.ts", ...common });
    return new Rivals(ours, peer, folder);
  }

  get both(): readonly [Subject, Subject] {
    return [this.ours, this.peer];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.both.map((subject) => subject.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
