/** Servers nobody here wrote, as our client's tests start them; each serves one folder. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, portTaken } from "../../interop/peers/udp_port.ts";
import { testCertificate } from "./certificate.ts";
import type { Feature } from "./feature.ts";
import { aioquicCommand, ngtcp2Command, ROOT } from "./peer.ts";

export type ForeignName = "quic_go" | "aioquic" | "ngtcp2";
export type ForeignAlpn = "h3" | "hq-interop";

const START_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 5000;
/** The interop server of quic-go knows no other. */
const QUIC_GO_PORT = 443;

export interface ForeignOptions {
  feature: Feature;
  alpn: ForeignAlpn;
  folder: string;
  /** ngtcp2 prefers version 2 of QUIC (RFC 9369); aioquic takes what its client prefers. */
  version2?: boolean;
}

export class ForeignServer {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #logs: string;
  #output = "";

  private constructor(
    readonly name: ForeignName,
    readonly port: number,
    child: Bun.Subprocess<"ignore", "pipe", "pipe">,
    logs: string,
  ) {
    this.#child = child;
    this.#logs = logs;
    void this.#collect(child.stdout);
    void this.#collect(child.stderr);
  }

  static async start(name: ForeignName, options: ForeignOptions): Promise<ForeignServer> {
    const logs = mkdtempSync(join(tmpdir(), "quicd-foreign-"));
    const port = name === "quic_go" ? QUIC_GO_PORT : await freePort();
    const child = Bun.spawn(commandOf(name, options, port, logs), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const server = new ForeignServer(name, port, child, logs);
    const deadline = performance.now() + START_LIMIT_MS;
    while (!portTaken(port)) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await server.stop();
        throw new Error(`${name} does not listen: ${server.output.slice(-1000)}`);
      }
      await Bun.sleep(10);
    }
    return server;
  }

  /** What it printed, both streams. */
  get output(): string {
    return this.#output;
  }

  /** Its log files, after the end. */
  logFiles(): string {
    const names = readdirSync(this.#logs, { recursive: true, withFileTypes: true });
    const files = names.filter((entry) => entry.isFile());
    return files.map((entry) => readFileSync(join(entry.parentPath, entry.name), "utf8")).join("");
  }

  /** Ends it, and gives all that it logged. */
  async stop(): Promise<string> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_LIMIT_MS);
    await this.#child.exited;
    clearTimeout(timer);
    const log = this.output + this.logFiles();
    rmSync(this.#logs, { recursive: true, force: true });
    return log;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) this.#output += decoder.decode(bytes, { stream: true });
  }
}

function commandOf(
  name: ForeignName,
  { feature, alpn, folder, version2 = false }: ForeignOptions,
  port: number,
  logs: string,
): string[] {
  const { certPath, keyPath } = testCertificate();
  if (name === "quic_go") {
    const script = join(ROOT, "interop/peers/quic_go/server.sh");
    return [script, quicGoCase(feature, alpn), certPath, keyPath, folder, logs];
  }
  if (name === "ngtcp2") {
    const flags = feature === "retry" ? ["--validate-addr"] : [];
    if (version2) flags.push("--preferred-versions=v2");
    const place = ["127.0.0.1", `${port}`, keyPath, certPath];
    return ngtcp2Command(
      "server",
      "--no-quic-dump",
      "--no-http-dump",
      "-d",
      folder,
      ...flags,
      ...place,
    );
  }
  const flags = ["--port", `${port}`, "--folder", folder];
  flags.push("--certificate", certPath, "--key", keyPath);
  if (feature === "retry") flags.push("--retry");
  if (feature === "keyupdate") flags.push("--key-update");
  if (feature === "resumption" || feature === "zerortt") flags.push("--early-data");
  return aioquicCommand("server", ...flags);
}

/** Of the QUIC interop runner; the features that it has no case for happen to any transfer. */
function quicGoCase(feature: Feature, alpn: ForeignAlpn): string {
  if (alpn === "h3") return "http3";
  const cases: readonly Feature[] = ["handshake", "retry", "resumption", "zerortt"];
  return cases.includes(feature) ? feature : "transfer";
}

/** Why quic-go's server cannot run here, or null. */
export function quicGoServerRefusal(): string | null {
  if (portTaken(QUIC_GO_PORT)) return "UDP port 443 is taken, the only one of quic-go's server";
  const path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
  const open = existsSync(path) ? Number(readFileSync(path, "utf8")) : 1024;
  if (process.getuid?.() === 0 || open <= QUIC_GO_PORT) return null;
  return "quic-go's server listens on UDP port 443, which needs root here";
}
