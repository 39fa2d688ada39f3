/**
 * The real server in a process of its own, as a user starts it: `bun src/cli.ts serve TARGET ...`.
 *
 * Tests wait for the URL it prints, talk to the port in it, and end it by its pid. What it said is
 * kept, and shown when it died early.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inNamespace } from "../../interop/netsim/namespaces.ts";
import { requireBackend, wantedBackend } from "./backend.ts";
import { type Certificate, testCertificate } from "./certificate.ts";
import { ROOT } from "./peer.ts";

export interface ServerOptions {
  /** A folder of files or an app module. */
  target: string;
  host?: string;
  workers?: number;
  /** Comma-separated; default: what the server offers by itself. */
  alpn?: string;
  routing?: string;
  /** Default: the one that this run of the tests is about. */
  backend?: string;
  /** More flags of the command line. */
  flags?: string[];
  env?: Record<string, string>;
  namespace?: string;
  /** A command that runs the server's with other privileges (confinement.ts). */
  through?: string[];
  /** The server's own, instead of one that only this user may read. */
  developmentCertificate?: boolean;
}

/** Another build of the command, or an installed one, can be put to the same tests. */
const CLI = process.env.QUICD_TEST_CLI ?? join(ROOT, "src/cli.ts");

/** How long a start may take; the first one on a machine also loads cold files. */
const START_LIMIT_MS = 20_000;
/** A server without clients has nothing to wait for. */
const STOP_LIMIT_MS = 10_000;

/** Of the output, which has a line for each request: the newest parts are kept. */
const OUTPUT_PARTS_MAX = 2000;

export class ServerProcess {
  private constructor(
    readonly pid: number,
    readonly host: string,
    readonly port: number,
    /** As the banner says. */
    readonly backend: string,
    readonly certificate: Certificate,
    private readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    private readonly output: string[],
  ) {}

  static async start(options: ServerOptions): Promise<ServerProcess> {
    const host = options.host ?? "127.0.0.1";
    const certificate = testCertificate();
    const backend = options.backend ?? wantedBackend();
    const flag = (name: string, value: string | number | undefined) =>
      value === undefined ? [] : [`--${name}`, `${value}`];
    const command = [
      ...inNamespace(options.namespace),
      ...(options.through ?? []),
      ...[process.execPath, CLI, "serve", options.target],
      ...["--port", "0", "--host", host],
      ...(options.developmentCertificate ? [] : certificateFlags(certificate)),
      ...flag("workers", options.workers),
      ...flag("alpn", options.alpn),
      ...flag("routing", options.routing),
      ...flag("backend", backend),
      ...(options.flags ?? []),
    ];
    const child = Bun.spawn(command, {
      cwd: ROOT,
      env: { ...inheritedEnvironment(), ...options.env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const output: string[] = [];
    const port = await readPort(child, output);
    const got = /^ +backend +(\w+)/m.exec(output.join(""))?.[1] ?? "";
    const server = new ServerProcess(child.pid, host, port, got, certificate, child, output);
    try {
      requireBackend(backend, got);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `https://${this.host.includes(":") ? `[${this.host}]` : this.host}:${this.port}`;
  }

  /** Everything it printed, both streams. */
  get log(): string {
    return this.output.join("");
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /**
   * SIGTERM, then SIGKILL when that takes too long. Returns the exit code; null when it was killed.
   */
  async stop(limitMs = STOP_LIMIT_MS): Promise<number | null> {
    if (this.running) this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), limitMs);
    await this.child.exited;
    clearTimeout(timer);
    return this.child.exitCode;
  }
}

function certificateFlags({ certPath, keyPath }: Certificate): string[] {
  return ["--cert", certPath, "--key", keyPath];
}

/**
 * QUICD_* are options to the server; those of the test runner are none. A build that is missing
 * must not be stood in for: Bun's server would be what is tested.
 */
function inheritedEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("QUICD_"));
  return { ...Object.fromEntries(kept), QUICD_FALLBACK: "never" };
}

async function readPort(
  child: Bun.Subprocess<"ignore", "pipe", "pipe">,
  output: string[],
): Promise<number> {
  const found = Promise.withResolvers<number>();
  let searching = true;
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output.push(decoder.decode(bytes, { stream: true }));
      if (output.length > OUTPUT_PARTS_MAX) output.splice(0, OUTPUT_PARTS_MAX / 2);
      if (!searching) continue;
      // A port is whole only with something behind it.
      const port = /https:\/\/[^\s/]+:(\d+)(?=[\s/])/.exec(output.join(""))?.[1];
      if (port === undefined) continue;
      searching = false;
      found.resolve(Number(port));
    }
  };
  void drain(child.stdout);
  void drain(child.stderr);
  const timer = setTimeout(
    () => found.reject(new Error(`no URL within ${START_LIMIT_MS} ms:\n${output.join("")}`)),
    START_LIMIT_MS,
  );
  void child.exited.then(async (code) => {
    // Its last words may still be in the pipe.
    await Bun.sleep(50);
    found.reject(new Error(`the server ended with ${code}:\n${output.join("")}`));
  });
  try {
    return await found.promise;
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A folder that is gone at the end of the `using` block or on `remove`. */
export class TemporaryFolder {
  readonly path = mkdtempSync(join(tmpdir(), "quicd-test-"));

  join(...names: string[]): string {
    return join(this.path, ...names);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
