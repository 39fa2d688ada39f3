/** One file from a server to a client through a lab: what main.ts and the lab's tests run. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostName, Role } from "../cases/case.ts";
import { createRandom, fillRandom } from "../netsim/random.ts";
import type { RunFolder } from "../runner/run_folder.ts";
import { REPOSITORY } from "./container.ts";
import type { ContainerOptions, Lab, SimulatorOptions } from "./lab.ts";

const PROGRAMS = join(REPOSITORY, "build/peers/quic_go/bin");

/** Entry points of quic-go's programs, as shell commands. */
export const QUIC_GO: Readonly<Record<Role, string>> = {
  server: `/setup.sh && exec ${PROGRAMS}/server`,
  client: `/setup.sh && /wait-for-it.sh sim:57832 -s -t 30 && exec ${PROGRAMS}/client $REQUESTS`,
};

export interface TransferOptions extends Omit<SimulatorOptions, "folder"> {
  folder: RunFolder;
  bytes: number;
  host: HostName;
  testcase: string;
  /** Shell commands. */
  commands: Readonly<Record<Role, string>>;
  confined: boolean;
  crossTraffic?: "cubic" | "reno" | "bbr";
}

export interface TransferResult {
  exitCodes: Record<Role, number>;
  /** Whether the client got what the server had. */
  equal: boolean;
  /** From the start of the client to its end. */
  seconds: number;
  counters: Readonly<Record<string, number>>;
  /** Of the TCP flow beside it, in that time. */
  trafficBytes: number;
}

export async function transfer(lab: Lab, options: TransferOptions): Promise<TransferResult> {
  const { folder, bytes, host, testcase, commands, confined, crossTraffic, ...network } = options;
  await makeFiles(folder, bytes, network.seed);
  const start = (role: Role) => {
    const url = role === "client" ? `https://${host}:443/file` : "";
    return lab.start(endpoint(role, folder, commands[role], { testcase, url, confined }));
  };
  const server = await start("server");
  const simulator = await lab.simulate({ ...network, folder: folder.simulatorLogs });
  await simulator.ready;
  const traffic = crossTraffic === undefined ? null : await lab.crossTraffic(crossTraffic);
  const startedMs = performance.now();
  const client = await start("client");
  const clientCode = await client.exited;
  const seconds = (performance.now() - startedMs) / 1000;
  const trafficBytes = (await traffic?.stop()) ?? 0;
  const exitCodes = { client: clientCode, server: await server.stop() };
  const counters = await simulator.stop();
  return { exitCodes, equal: await equalFiles(folder), seconds, counters, trafficBytes };
}

/** A container's options for an entry point that is a shell command. */
export function endpoint(
  role: Role,
  folder: RunFolder,
  command: string,
  { testcase = "transfer", url = "https://server4:443/file", confined = false } = {},
): ContainerOptions {
  return {
    role,
    command: ["sh", "-c", command],
    environment: {
      ROLE: role,
      TESTCASE: testcase,
      SSLKEYLOGFILE: "/logs/keys.log",
      QLOGDIR: "/logs/qlog/",
      REQUESTS: url,
    },
    mounts: {
      www: folder.www(role),
      downloads: folder.downloads(role),
      certificates: folder.certificates,
      logs: folder.logs(role),
    },
    confined,
    outputPath: folder.output(role),
  };
}

/** Folders, a certificate that signs itself, and a file of the seed for the server. */
export async function makeFiles(folder: RunFolder, bytes: number, seed: number): Promise<void> {
  for (const role of ["client", "server"] as const) {
    for (const path of [folder.www(role), folder.downloads(role), folder.logs(role)]) {
      mkdirSync(path, { recursive: true });
    }
  }
  mkdirSync(folder.certificates, { recursive: true });
  const names = "subjectAltName=DNS:server,DNS:server4,DNS:server6,DNS:server46";
  const key = ["-keyout", join(folder.certificates, "priv.key"), "-subj", "/CN=server"];
  const out = ["-out", join(folder.certificates, "cert.pem"), "-addext", names];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10"];
  const made = Bun.spawnSync(["openssl", "req", "-x509", ...kind, ...key, ...out]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
  const content = new Uint8Array(bytes);
  fillRandom(content, createRandom(seed));
  await Bun.write(join(folder.www("server"), "file"), content);
}

async function equalFiles(folder: RunFolder): Promise<boolean> {
  const got = Bun.file(join(folder.downloads("client"), "file"));
  if (!(await got.exists())) return false;
  const sent = await Bun.file(join(folder.www("server"), "file")).bytes();
  return Buffer.compare(sent, await got.bytes()) === 0;
}
