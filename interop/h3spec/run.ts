/** One run of h3spec against a server that we start, or one that is there. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, portTaken } from "../peers/udp_port.ts";
import { caseNumber } from "./cases.ts";
import { parseReport, type Report } from "./report.ts";
import type { H3Server, ServerFiles } from "./servers.ts";

const ROOT = join(import.meta.dir, "../..");
const PROGRAM = join(process.env.QUICD_PEERS_DIR ?? join(ROOT, "build/peers"), "h3spec/h3spec");

const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 5000;
/** 45 cases, of which each waits 2 s at most for an error that does not come. */
const RUN_LIMIT_MS = 180_000;

/** Why h3spec can't run here, or null. */
export function h3specMissing(): string | null {
  if (existsSync(PROGRAM)) return null;
  return "h3spec is not installed. Remedy: interop/peers/install.sh h3spec";
}

/** `match`: only the cases whose group or text has it, as h3spec's --match takes it. */
export async function runH3spec(host: string, port: number, match?: string): Promise<Report> {
  const only = match === undefined ? [] : ["--match", match];
  const child = Bun.spawn([PROGRAM, ...only, host, `${port}`], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // It writes its cases' texts and its details; plain ASCII, but it dies of any other locale.
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    timeout: RUN_LIMIT_MS,
  });
  const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return parseReport(output + errors, caseNumber);
}

/** `runs` times, one after the other, against a server that is started for it and then stopped. */
export async function testServer(
  server: H3Server,
  runs: number,
  match?: string,
): Promise<Report[]> {
  const folder = mkdtempSync(join(tmpdir(), "quicd-h3spec-"));
  try {
    const running = await startServer(server, makeFiles(folder));
    try {
      const reports: Report[] = [];
      for (let run = 0; run < runs; run++) {
        const report = await runH3spec("127.0.0.1", running.port, match);
        const ended = running.exitCode();
        const fault = ended === null ? [] : [`${server.name} ended (${ended}) during the run`];
        reports.push({ ...report, faults: [...report.faults, ...fault] });
        if (ended !== null) break;
      }
      return reports;
    } finally {
      await running.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Made in `folder`. */
export function makeFiles(folder: string): ServerFiles {
  const files: ServerFiles = {
    certificate: join(folder, "cert.pem"),
    key: join(folder, "key.pem"),
    folder: join(folder, "www"),
    logs: join(folder, "logs"),
  };
  mkdirSync(files.folder);
  mkdirSync(files.logs);
  writeFileSync(join(files.folder, "index.html"), "h3spec\n");
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=localhost"],
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ...["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    ...["-keyout", files.key, "-out", files.certificate],
  ]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
  return files;
}

export interface Running {
  port: number;
  /** Null while it runs; its exit code or signal. */
  exitCode(): number | string | null;
  stop(): Promise<void>;
}

export async function startServer(server: H3Server, files: ServerFiles): Promise<Running> {
  const port = server.port ?? (await freePort());
  if (portTaken(port)) throw new Error(`${server.name}: UDP port ${port} is taken`);
  const output = join(files.logs, "output.txt");
  const child = Bun.spawn([...server.command(port, files)], {
    stdin: "ignore",
    stdout: Bun.file(output),
    stderr: Bun.file(`${output}.err`),
    env: { ...process.env, ...server.environment },
  });
  const exitCode = () => child.exitCode ?? child.signalCode;
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await child.exited;
    clearTimeout(timer);
  };
  const deadline = performance.now() + START_LIMIT_MS;
  while (!portTaken(port)) {
    if (exitCode() !== null || performance.now() > deadline) {
      await stop();
      const said = readFileSync(output, "utf8") + readFileSync(`${output}.err`, "utf8");
      throw new Error(`${server.name} does not listen: ${said.slice(-2000)}`);
    }
    await Bun.sleep(20);
  }
  return { port, exitCode, stop };
}
