/** test/e2e/apps/measured_server.ts in a process of its own, and its answers. */
import { join } from "node:path";
import type { EngineOptions, NativeMemory, SteeringCounters } from "../../src/native/addon.ts";
import type { Counters } from "../../src/native/counters.ts";
import { requireBackend, wantedBackend } from "./backend.ts";
import { testCertificate } from "./certificate.ts";
import { ROOT } from "./peer.ts";
import type { Lateness } from "./timer_lateness.ts";

/**
 * Options of the engine that a test may set; left out: what `serve` would choose, and the backend
 * that this run of the tests is about.
 */
type Choices = Partial<
  Pick<
    EngineOptions,
    ("routing" | "backend" | "forwarding" | "retry" | "connections" | "datagramQueue") | "earlyData"
  >
>;

/** How long a question `block` keeps the server's JavaScript from everything. */
export const BLOCK_MS = 1500;

export interface MeasuredOptions extends Choices {
  /** A numeric address. */
  hostname: string;
  /** 64 hex digits; left out: drawn at the start. */
  secret?: string;
  workers: number;
  idleTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** Garbage is made and collected all the time, and timers are watched. Default: not. */
  pressure?: boolean;
  certPath: string;
  keyPath: string;
}

/** What the engine made of its options. */
export interface Chosen {
  port: number;
  backend: string;
  backendNote: string;
  routing: string;
  routingNote: string;
  /** CPU of each, or -1, and its thread. */
  workers: { cpu: number; threadId: number }[];
}

export interface Measure {
  memory: NativeMemory;
  counters: Counters;
  /** Null without eBPF. */
  steering: SteeringCounters | null;
  /** Without page cache: anonymous and shared memory. */
  residentBytes: number;
  /** With `pressure`. */
  lateness: Lateness | null;
}

export type Question = "measure" | "collect" | "attach" | "begin" | "terminate" | "block";

const APP = join(ROOT, "test/e2e/apps/measured_server.ts");
const ANSWER_LIMIT_MS = 30_000;

export class MeasuredServer {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;
  #chosen: Chosen | null = null;

  private constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.#child = child;
    this.#lines = linesOf(child.stdout);
  }

  /** `wrapper` stands before the command, `env` is added to ours. */
  static async start(
    options: Omit<MeasuredOptions, "certPath" | "keyPath">,
    wrapper: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<MeasuredServer> {
    const { certPath, keyPath } = testCertificate();
    const backend = options.backend ?? wantedBackend() ?? "auto";
    const all: MeasuredOptions = { ...options, backend, certPath, keyPath };
    const child = Bun.spawn([...wrapper, process.execPath, APP], {
      cwd: ROOT,
      env: { ...process.env, ...env, MEASURED_SERVER: JSON.stringify(all) },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const server = new MeasuredServer(child);
    server.#chosen = (await server.#answer()) as Chosen;
    requireBackend(backend, server.chosen.backend);
    return server;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get port(): number {
    return this.chosen.port;
  }

  get chosen(): Chosen {
    return this.#chosen!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** One question at a time. */
  async ask(question: Question): Promise<Measure> {
    this.#child.stdin.write(`${question}\n`);
    await this.#child.stdin.flush();
    return (await this.#answer()) as Measure;
  }

  /** Asks until `done`, at most `limitMs`; returns the last answer either way. */
  async until(done: (measure: Measure) => boolean, limitMs: number): Promise<Measure> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const measure = await this.ask("measure");
      if (done(measure) || performance.now() > deadline) return measure;
      await Bun.sleep(100);
    }
  }

  /** The exit code; null when a signal ended it. */
  async stop(): Promise<number | null> {
    if (this.running) {
      this.#child.stdin.write("stop\n");
      await this.#child.stdin.end();
    }
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), ANSWER_LIMIT_MS);
    await this.#child.exited;
    clearTimeout(timer);
    return this.#child.exitCode;
  }

  async #answer(): Promise<unknown> {
    const late = Bun.sleep(ANSWER_LIMIT_MS).then(() => "late" as const);
    const next = await Promise.race([this.#lines.next(), late]);
    if (next === "late") throw new Error(`no answer within ${ANSWER_LIMIT_MS} ms`);
    if (next.done === true) {
      throw new Error(`the server ended with ${await this.#child.exited}`);
    }
    return JSON.parse(next.value);
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
