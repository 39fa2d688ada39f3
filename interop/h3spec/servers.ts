/** The servers that h3spec is put to, each with HTTP/3 and no other protocol to choose. */
import { existsSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const PEERS = process.env.QUICD_PEERS_DIR ?? join(ROOT, "build/peers");

export interface ServerFiles {
  /** PEM. */
  certificate: string;
  key: string;
  /** Has index.html. */
  folder: string;
  /** For what it writes. */
  logs: string;
}

export interface H3Server {
  name: string;
  description: string;
  /** UDP port, where it knows no other. */
  port?: number;
  environment?: Readonly<Record<string, string>>;
  /** Null when it can run here; else why not, with the remedy. */
  missing(): string | null;
  /** It listens on 127.0.0.1 and PORT until SIGTERM. */
  command(port: number, files: ServerFiles): readonly string[];
}

export const SERVERS: readonly H3Server[] = [
  {
    name: "quicd",
    description: "quicd serve --alpn h3, with 0-RTT",
    environment: { QUICD_QUIC_EARLY_DATA: "true", QUICD_FALLBACK: "never" },
    missing: () => null,
    command: (port, { certificate, key, folder }) => [
      ...[process.execPath, join(ROOT, "src/cli.ts"), "serve", folder, "--alpn", "h3"],
      ...["--host", "127.0.0.1", "--port", `${port}`, "--cert", certificate, "--key", key],
      "--quiet",
    ],
  },
  {
    name: "quic_go",
    description: "quic-go's interop server, case http3",
    port: 443,
    missing: () => notInstalled("quic_go"),
    command: (_port, { certificate, key, folder, logs }) => [
      ...[join(ROOT, "interop/peers/quic_go/server.sh"), "http3", certificate, key, folder, logs],
    ],
  },
  {
    name: "aioquic",
    description: "aioquic's HTTP/3 in interop/peers/aioquic/server.py, with 0-RTT",
    missing: () => notInstalled("aioquic"),
    command: (port, { certificate, key, folder }) => [
      join(PEERS, "aioquic/venv/bin/python"),
      ...[join(ROOT, "interop/peers/aioquic/server.py"), "--port", `${port}`, "--folder", folder],
      ...["--certificate", certificate, "--key", key, "--early-data"],
    ],
  },
  {
    name: "bun",
    description: "Bun.serve({ http3: true })",
    missing: () => null,
    command: (port, { certificate, key }) => [
      ...[process.execPath, join(import.meta.dir, "bun_server.ts"), `${port}`, certificate, key],
    ],
  },
];

function notInstalled(peer: string): string | null {
  if (existsSync(join(PEERS, peer, "installed"))) return null;
  return `${peer} is not installed. Remedy: interop/peers/install.sh ${peer}`;
}
