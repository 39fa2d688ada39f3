/** Ours and the peer, started side by side with one certificate. */
import { BenchCertificate } from "./certificate.ts";
import type { BenchOptions } from "./options.ts";
import { Subject } from "./subject.ts";

export class Rivals implements AsyncDisposable {
  private constructor(
    readonly ours: Subject,
    readonly peer: Subject,
    private readonly certificate: BenchCertificate,
  ) {}

  static async start(options: BenchOptions): Promise<Rivals> {
    const certificate = new BenchCertificate();
    const { certPath, keyPath } = certificate;
    const { workers, backend, serverCpus: cpus } = options;
    const common = { workers, backend, certPath, keyPath, cpus };
    const ours = await Subject.start({ name: "QuicD", file: "quicd_fetch.ts", ...common });
    const peer = await Subject.start({ name: "Bun.serve", file: "bun_fetch.ts", ...common });
    return new Rivals(ours, peer, certificate);
  }

  get both(): readonly [Subject, Subject] {
    return [this.ours, this.peer];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.both.map((subject) => subject.stop()));
    this.certificate[Symbol.dispose]();
  }
}
