/** The servers that h3spec is put to, each with HTTP/3 and no other protocol to choose. */
import { existsSync, writeFileSync } from "node:fs";
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
    name: "ngtcp2",
    description: "ngtcp2's example server with nghttp3 and OpenSSL",
    missing: () => notInstalled("ngtcp2_hq"),
    command: (port, { certificate, key, folder }) => [
      ...[join(PEERS, "ngtcp2_hq/bin/h3_server"), "127.0.0.1", `${port}`, key, certificate],
      ...["-d", folder, "-s", "--no-quic-dump", "--no-http-dump"],
    ],
  },
  {
    name: "nginx",
    description: "nginx with http3, quic_retry off, ssl_early_data on",
    missing: () => notInstalled("nginx"),
    command: (port, files) => {
      const configuration = join(files.logs, "nginx.conf");
      writeFileSync(configuration, nginxConfiguration(port, files));
      return [
        ...[join(PEERS, "nginx/nginx"), "-c", configuration, "-p", files.logs],
        ...["-e", join(files.logs, "error.log")],
      ];
    },
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

function nginxConfiguration(port: number, { certificate, key, folder, logs }: ServerFiles): string {
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  // It changes to another user, and may not where it is not root.
  const user = process.getuid?.() === 0 ? "user root;" : "";
  return `daemon off; ${user} pid ${logs}/nginx.pid; worker_processes 1; events { }
http {
  access_log off;
  ${places.map((place) => `${place}_temp_path ${logs}/${place};`).join(" ")}
  server {
    listen 127.0.0.1:${port} quic;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols TLSv1.3;
    ssl_early_data on;
    quic_gso off;
    root ${folder};
  }
}
`;
}

function notInstalled(peer: string): string | null {
  if (existsSync(join(PEERS, peer, "installed"))) return null;
  return `${peer} is not installed. Remedy: interop/peers/install.sh ${peer}`;
}
