/** A server under measurement, in a process of its own. */
import { join } from "node:path";
import { Lines } from "./lines.ts";
import type { ServerCounters } from "./servers/control.ts";
import { readUsage, type Usage } from "./usage.ts";

export interface SubjectOptions {
  /** As it stands in tables. */
  name: string;
  /** A file of bench/servers. */
  file: string;
  workers: number;
  backend: string;
  certPath: string;
  keyPath: string;
  /** CPUs that it may run on, as taskset takes them; null: all. */
  cpus: string | null;
  /** More of bench/servers/arguments.ts. */
  flags?: readonly string[];
}

/** What a round is measured on: one process, or several on one port. */
export interface Measured {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  usage(): Usage;
  counters(): Promise<ServerCounters>;
  /** Of each place where a connection can be: a worker, or a process. */
  places(): Promise<ServerCounters[]>;
}

export class Subject implements Measured {
  private constructor(
    readonly name: string,
    readonly pid: number,
    readonly port: number,
    private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">,
    private readonly lines: Lines,
  ) {}

  /** @throws Error with the server's own words when it could not start. */
  static async start(options: SubjectOptions): Promise<Subject> {
    const { name, file, workers, backend, certPath, keyPath, cpus, flags = [] } = options;
    const command = [
      ...(cpus === null ? [] : ["taskset", "-c", cpus]),
      ...[process.execPath, join(import.meta.dir, "servers", file)],
      ...["--cert", certPath, "--key", keyPath],
      ...["--workers", `${workers}`, "--backend", backend, ...flags],
    ];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const lines = new Lines(child.stdout);
    const said = JSON.parse(await lines.next()) as { port: number } | { error: string };
    if ("error" in said) throw new Error(`${name}: ${said.error}`);
    const { port } = said;
    return new Subject(name, child.pid, port, child, lines);
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  usage(): Usage {
    return readUsage(this.pid);
  }

  async counters(): Promise<ServerCounters> {
    return (await this.#ask("counters")) as ServerCounters;
  }

  async places(): Promise<ServerCounters[]> {
    return (await this.#ask("places")) as ServerCounters[];
  }

  /** Every turn of its event loop takes this long from now on. */
  async stall(ms: number): Promise<void> {
    await this.#ask(`stall ${ms}`);
  }

  async stop(): Promise<void> {
    this.child.stdin.end();
    const timer = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await this.child.exited;
    clearTimeout(timer);
  }

  async #ask(order: string): Promise<unknown> {
    this.child.stdin.write(`${order}\n`);
    this.child.stdin.flush();
    return JSON.parse(await this.lines.next());
  }
}
