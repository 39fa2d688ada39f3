/** The load client (bench/load) as a process that counts when it is told to. */
import { join } from "node:path";
import { Lines } from "./lines.ts";

export interface LoadOptions {
  mode: "requests" | "bulk" | "upload" | "stream" | "forged";
  connections: number;
  streams: number;
  warmUpSeconds: number;
  seconds: number;
  bytes?: number;
  verify?: boolean;
  cpu: number | null;
  /** Counted, instead of `seconds`. */
  requests?: number;
  /** Datagrams in one send. */
  train?: number;
  /** One for each connection; default: the kernel chooses. */
  sourcePorts?: readonly number[];
}

/** As bench/load/client/src/tally.rs prints it. */
export interface LoadResult {
  connections: number;
  connected: number;
  requests: number;
  seconds: number;
  body_bytes: number;
  errors: number;
  latency_us_p50: number;
  latency_us_p99: number;
  cpu_seconds: number;
  datagrams_sent: number;
  datagrams_received: number;
  system_calls: number;
  lost_packets: number;
  dropped_datagrams: number;
}

const BUILD = join(import.meta.dir, "load/build.sh");
let built: string | null = null;

/** Builds the client if need be; returns where it is. */
export async function loadClient(): Promise<string> {
  if (built !== null) return built;
  const build = Bun.spawn([BUILD], { stdout: "pipe", stderr: "inherit" });
  const path = (await new Response(build.stdout).text()).trim();
  if ((await build.exited) !== 0) throw new Error("bench/load/build.sh failed");
  built = path;
  return path;
}

export class Load implements AsyncDisposable {
  private constructor(
    private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">,
    private readonly lines: Lines,
  ) {}

  /** Resolves when the connections stand, the warm-up is over and nothing is in flight. */
  static async start(address: string, options: LoadOptions): Promise<Load> {
    const flag = (name: string, value: string | number | null | undefined) =>
      value === null || value === undefined ? [] : [`--${name}`, `${value}`];
    const command = [
      ...[await loadClient(), address, "--gate", "--mode", options.mode],
      ...flag("connections", options.connections),
      ...flag("streams", options.streams),
      ...flag("warm-up", options.warmUpSeconds),
      ...flag("seconds", options.seconds),
      ...flag("bytes", options.bytes),
      ...flag("cpu", options.cpu),
      ...flag("requests", options.requests),
      ...flag("train", options.train),
      ...flag("source-ports", options.sourcePorts?.join(",")),
      ...(options.verify === true ? ["--verify"] : []),
    ];
    const child = Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    const lines = new Lines(child.stdout);
    await lines.next();
    return new Load(child, lines);
  }

  async count(): Promise<LoadResult> {
    this.#say();
    return JSON.parse(await this.lines.next()) as LoadResult;
  }

  /** Ends the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#say();
    this.child.stdin.end();
    await this.child.exited;
  }

  #say(): void {
    this.child.stdin.write("go\n");
    this.child.stdin.flush();
  }
}
