/**
 * Attacks by a client that has keys (interop/peers/aioquic/attack.py) on a server in a process of
 * its own, while somebody else goes on with requests; and what the server spent and kept.
 */
import { join } from "node:path";
import { type Measure, type MeasuredOptions, MeasuredServer } from "./measured_server.ts";
import { aioquic, aioquicCommand, ROOT, run } from "./peer.ts";
import { SilentClient } from "./silent_client.ts";
import { spentMs, threadTimes } from "./thread_time.ts";

/** How the server took one attack. */
export interface AttackReport {
  name: string;
  /** The first CONNECTION_CLOSE of the server's, if any. */
  close: { code: number; application: boolean; frame_type: number | null } | null;
  /** Forged datagrams that were sent. */
  sent: number;
  /** How many frames of each type came back, by its number in hex. */
  frames: Record<string, number>;
  /** Where the scenario asks: whether the connection was answered afterwards. */
  alive?: boolean;
  seconds: number;
}

/** Of our connection IDs: QUICD_CID_BYTES of bpf/cid.h. */
export const CID_BYTES = 19;

/** RFC 9000 §20.1, RFC 9368 §4, and RFC 9001 §4.8: 0x0100 and an alert of TLS. */
export const CODES = {
  INTERNAL_ERROR: 0x01,
  FLOW_CONTROL_ERROR: 0x03,
  STREAM_LIMIT_ERROR: 0x04,
  STREAM_STATE_ERROR: 0x05,
  FINAL_SIZE_ERROR: 0x06,
  FRAME_ENCODING_ERROR: 0x07,
  TRANSPORT_PARAMETER_ERROR: 0x08,
  CONNECTION_ID_LIMIT_ERROR: 0x09,
  PROTOCOL_VIOLATION: 0x0a,
  INVALID_TOKEN: 0x0b,
  CRYPTO_BUFFER_EXCEEDED: 0x0d,
  KEY_UPDATE_ERROR: 0x0e,
  VERSION_NEGOTIATION_ERROR: 0x11,
  TLS_UNEXPECTED_MESSAGE: 0x010a,
} as const;
export type Code = keyof typeof CODES;

/** The close as the name of its code, "alive", or what came instead of either. */
export function outcomeOf(report: AttackReport): string {
  const { close, alive } = report;
  if (close === null) return alive === true ? "alive" : "neither closed nor alive";
  const name = Object.entries(CODES).find(([, code]) => code === close.code)?.[0];
  return close.application ? `application ${close.code}` : (name ?? `code ${close.code}`);
}

export async function attack(
  port: number,
  names: readonly string[],
  flags: readonly string[] = [],
): Promise<AttackReport[]> {
  const args = ["--port", `${port}`, ...flags, ...names];
  return (await aioquic<{ attacks: AttackReport[] }>("attack", args)).attacks;
}

/** The same as a command, for a namespace. */
export function attackCommand(...args: string[]): string[] {
  return aioquicCommand("attack", ...args);
}

/** All there are but those that need more than a server: privilege, another address. */
export async function attackNames(): Promise<string[]> {
  const { stdout } = await run(attackCommand("--list"));
  return stdout.split("\n").filter((name) => name !== "" && name !== "icmp-too-big");
}

/** What clients say first: the bytes of their CRYPTO frames, and the ID that is written in them. */
export async function hellos(
  count: number,
  alpn = "h3",
): Promise<{ sourceId: Uint8Array; bytes: Uint8Array }[]> {
  interface Said {
    hellos: { source_id: string; hello: string }[];
  }
  const said = await aioquic<Said>("attack", ["--hello", `${count}`, "--alpn", alpn]);
  return said.hellos.map(({ source_id, hello }) => ({
    sourceId: Uint8Array.fromHex(source_id),
    bytes: Uint8Array.fromHex(hello),
  }));
}

interface SteadyReport {
  whole: number;
  slowestMs: number;
  wrong: string[];
}

/** Requests one after the other over one connection, in a process that can be ended at once. */
export class SteadyClient {
  whole = 0;
  slowestMs = 0;
  wrong: string[] = [];
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;

  constructor(port: number) {
    const program = join(ROOT, "test/support/steady_requests.ts");
    this.#child = Bun.spawn([process.execPath, program, `${port}`], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
  }

  /** Its connection is left alone then, for the server's idle timeout. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    const report = JSON.parse(await this.#child.stdout.text()) as SteadyReport;
    await this.#child.exited;
    Object.assign(this, report);
  }
}

type Options = Partial<Omit<MeasuredOptions, "certPath" | "keyPath">>;

const QUIET_LIMIT_MS = 20_000;

/** A server under attack. One that holds nothing yet is measured before each. */
export class AttackedServer {
  private constructor(
    readonly server: MeasuredServer,
    readonly hostname: string,
  ) {}

  static async start(options: Options = {}, prefix: readonly string[] = []) {
    const all = {
      ...{ hostname: "127.0.0.1", workers: 1, idleTimeoutMs: 1500, handshakeTimeoutMs: 1000 },
      ...options,
    };
    return new AttackedServer(await MeasuredServer.start(all, prefix), all.hostname);
  }

  get port(): number {
    return this.server.port;
  }

  /** When every connection is gone and garbage collected. */
  async quiet(): Promise<Measure> {
    const { server } = this;
    await server.until(({ counters }) => counters.live_connections === 0, QUIET_LIMIT_MS);
    await server.ask("collect");
    await this.#wake();
    await Bun.sleep(200);
    return await server.ask("collect");
  }

  /** A parked worker takes back what applications returned when it turns the next time. */
  async #wake(): Promise<void> {
    const { hostname } = this;
    for (let i = 0; i < 16; i++) {
      const client = await SilentClient.open(this.port, 0, hostname);
      client.send([Uint8Array.of(0)]);
      client.close();
    }
  }

  /** CPU time of the workers so far, in milliseconds. */
  workerMs(): number {
    return spentMs(new Map(), threadTimes(this.server.pid), (name) => name.startsWith("quicd-"));
  }

  async stop(): Promise<number | null> {
    return await this.server.stop();
  }
}

/** What must be equal before and after. */
export function held({ memory, counters }: Measure) {
  return {
    liveBytes: memory.liveBytes,
    liveObjects: memory.liveObjects,
    connections: counters.live_connections,
    streams: counters.live_streams,
    chunks: counters.chunks_live,
    halfOpen: counters.half_open,
    panics: counters.panics,
  };
}
