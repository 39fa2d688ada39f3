/** interop/peers/aioquic/hostile_server.py: a server that attacks clients, in a process. */
import type { AttackReport } from "./attack.ts";
import { testCertificate } from "./certificate.ts";
import { aioquicCommand } from "./peer.ts";

const LIMIT_MS = 60_000;

export class HostileServer {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "inherit">;
  #output = "";

  private constructor(names: readonly string[]) {
    const { certPath, keyPath } = testCertificate();
    const flags = ["--certificate", certPath, "--key", keyPath];
    this.#child = Bun.spawn(aioquicCommand("hostile_server", ...flags, ...names), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    void this.#collect();
  }

  /** The first connection meets the first scenario, and so on. */
  static async start(names: readonly string[]): Promise<HostileServer> {
    const server = new HostileServer(names);
    const deadline = performance.now() + LIMIT_MS;
    while (!server.#output.includes("\n")) {
      if (server.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error("the hostile server does not listen");
      }
      await Bun.sleep(10);
    }
    return server;
  }

  get port(): number {
    return (JSON.parse(this.#output.split("\n")[0]!) as { port: number }).port;
  }

  /** How each scenario was taken, when all are over. */
  async reports(): Promise<AttackReport[]> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT_MS);
    const exitCode = await this.#child.exited;
    clearTimeout(timer);
    if (exitCode !== 0) throw new Error(`the hostile server ended with ${exitCode}`);
    const lines = this.#output.trim().split("\n").slice(1);
    return lines.map((line) => JSON.parse(line) as AttackReport);
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of this.#child.stdout) {
      this.#output += decoder.decode(bytes, { stream: true });
    }
  }
}
