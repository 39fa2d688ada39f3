/** interop/peers/quic_go/hold: many connections held open, and what became of them. */
import { holdCommand } from "./peer.ts";

export interface HoldReport {
  downloads: {
    connection: number;
    path: string;
    bytes: number;
    sha256: string;
    error?: string;
  }[];
  errors: string[];
}

export class HeldConnections {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.#child = child;
    this.#lines = linesOf(child.stdout);
  }

  /** Resolves when all are open, and their downloads begun. */
  static async open(port: number, count: number, flags: string[]): Promise<HeldConnections> {
    const all = ["-url", `https://127.0.0.1:${port}`, "-connections", `${count}`, ...flags];
    const child = Bun.spawn(holdCommand(...all), {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const held = new HeldConnections(child);
    const open = await held.#next();
    if (open === `open ${count}`) return held;
    throw new Error(`${open} of ${count}: ${JSON.stringify(await held.end()).slice(0, 500)}`);
  }

  /** Reads what was begun to its end, and closes all. */
  async end(): Promise<HoldReport> {
    this.#child.stdin.write("\n");
    await this.#child.stdin.end();
    const report = JSON.parse(await this.#next()) as HoldReport;
    await this.#child.exited;
    return report;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async #next(): Promise<string> {
    const next = await this.#lines.next();
    if (next.done === true) throw new Error(`hold ended with ${await this.#child.exited}`);
    return next.value;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
