/**
 * A program that calls `serve()` in a process of its own, with the native part or without: its
 * text is given, what it prints as `say(VALUE)` comes back, and it ends with its standard input.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testCertificate } from "./certificate.ts";
import { ROOT } from "./peer.ts";

const LIMIT_MS = 20_000;

export interface ProgramOptions {
  /** Stands before the command. */
  wrapper?: readonly string[];
  /** Of Bun, before the program. */
  flags?: readonly string[];
  env?: Record<string, string>;
}

/**
 * The program sees `serve`, `options` for it (port 0, loopback, certificate), `say`, and `lines` of
 * what it is told.
 */
export class ServedProgram implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "quicd-program-"));
  readonly #child: Bun.Subprocess<"pipe", "pipe", "pipe">;
  #output = "";
  #errors = "";
  #said: unknown[] = [];

  constructor(text: string, { wrapper = [], flags = [], env = {} }: ProgramOptions = {}) {
    const path = join(this.#folder, "program.ts");
    writeFileSync(path, prologue() + text);
    this.#child = Bun.spawn([...wrapper, process.execPath, ...flags, path], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    void collect(this.#child.stdout, (part) => this.#hear(part));
    void collect(this.#child.stderr, (part) => {
      this.#errors += part;
    });
  }

  get errors(): string {
    return this.#errors;
  }

  /** The next value that it says. */
  async next<Value>(): Promise<Value> {
    const deadline = performance.now() + LIMIT_MS;
    while (this.#said.length === 0) {
      if (this.#child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`the program said nothing: ${this.#output}${this.#errors}`);
      }
      await Bun.sleep(5);
    }
    return this.#said.shift() as Value;
  }

  /** A line of its standard input: the next of its `lines`. */
  tell(line = ""): void {
    this.#child.stdin.write(`${line}\n`);
    void this.#child.stdin.flush();
  }

  signal(name: "SIGINT" | "SIGTERM"): void {
    this.#child.kill(name);
  }

  /** The exit code; null when a signal ended it. */
  async end(): Promise<number | null> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), LIMIT_MS);
    await this.#child.exited;
    clearTimeout(timer);
    // Its last words may still be in the pipe.
    await Bun.sleep(20);
    return this.#child.exitCode;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #hear(part: string): void {
    const lines = (this.#output + part).split("\n");
    this.#output = lines.pop() ?? "";
    for (const line of lines) this.#said.push(JSON.parse(line));
  }
}

function prologue(): string {
  const { certPath: cert, keyPath: key } = testCertificate();
  const options = { port: 0, hostname: "127.0.0.1", tls: { cert, key }, shutdownGraceMs: 5000 };
  return `import { serve } from ${JSON.stringify(join(ROOT, "src/index.ts"))};
const options = ${JSON.stringify(options)};
const say = (value: unknown) => console.log(JSON.stringify(value));
const lines = console[Symbol.asyncIterator]();
`;
}

async function collect(stream: ReadableStream<Uint8Array>, add: (part: string) => void) {
  const decoder = new TextDecoder();
  for await (const bytes of stream) add(decoder.decode(bytes, { stream: true }));
}
