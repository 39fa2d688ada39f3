/**
 * Programs nobody here wrote, as tests call them. What is not installed is a reason to skip,
 * printed once, never an error: `interop/peers/install.sh` installs them.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dir, "../..");
const PEERS = process.env.QUICD_PEERS_DIR ?? join(ROOT, "build/peers");

export type PeerName = "curl" | "quic_go" | "aioquic" | "ngtcp2" | "ngtcp2_hq" | "chromium";

/**
 * True, with the reason printed for the test runner's summary, when there is one. For
 * `describe.skipIf`.
 */
export function skipReason(reason: string | null): boolean {
  if (reason !== null) console.log(`SKIP reason: ${reason}`);
  return reason !== null;
}

/** True when a peer is missing; says so. */
export function peerMissing(...names: PeerName[]): boolean {
  const missing = names.filter((name) => !existsSync(join(PEERS, name, "installed")));
  return skipReason(
    missing.length === 0
      ? null
      : `not installed: ${missing.join(", ")} (interop/peers/install.sh ${missing.join(" ")})`,
  );
}

/** What is installed, for figures that name their peer. */
export function peerVersion(name: PeerName): string {
  return readFileSync(join(PEERS, name, "installed"), "utf8").trim();
}

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
  seconds: number;
}

/** Runs a command to its end, at most `limitSeconds`; a killed one has exit code 124. */
export async function run(command: string[], limitSeconds = 60): Promise<Outcome> {
  const started = performance.now();
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let killed = false;
  const timer = setTimeout(() => {
    killed = true;
    child.kill("SIGKILL");
  }, limitSeconds * 1000);
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const exitCode = await child.exited;
  clearTimeout(timer);
  return {
    exitCode: killed ? 124 : exitCode,
    stdout,
    stderr,
    seconds: (performance.now() - started) / 1000,
  };
}

/** curl over HTTP/3 only, certificate not checked; `-sS`: silent but for errors. */
export function curlCommand(...args: string[]): string[] {
  return [join(PEERS, "curl/curl"), "--http3-only", "-k", "-sS", "--max-time", "120", ...args];
}

export async function curl(...args: string[]): Promise<Outcome> {
  return await run(curlCommand(...args), 150);
}

export function quicGoCommand(testcase: string, into: string, urls: string[]): string[] {
  return [join(ROOT, "interop/peers/quic_go/client.sh"), testcase, into, ...urls];
}

/** Many connections over one socket: interop/peers/quic_go/multiplex. */
export function multiplexCommand(...args: string[]): string[] {
  return [join(PEERS, "quic_go/bin/multiplex"), ...args];
}

/** One feature of QUIC: interop/peers/quic_go/feature. */
export function quicGoFeatureCommand(...args: string[]): string[] {
  return [join(PEERS, "quic_go/bin/feature"), ...args];
}

/** Resets that deliver the beginning: interop/peers/quic_go/reset_at. */
export function resetAtCommand(...args: string[]): string[] {
  return [join(PEERS, "quic_go/bin/reset_at"), ...args];
}

/** Many connections held open: interop/peers/quic_go/hold. */
export function holdCommand(...args: string[]): string[] {
  return [join(PEERS, "quic_go/bin/hold"), ...args];
}

/** Mixed load, every answer checked: interop/peers/quic_go/soak. */
export function soakCommand(...args: string[]): string[] {
  return [join(PEERS, "quic_go/bin/soak"), ...args];
}

/** ngtcp2's own programs, HTTP/3 only; their options: `build/peers/ngtcp2/client --help`. */
export function ngtcp2Command(role: "client" | "server", ...args: string[]): string[] {
  return [join(PEERS, "ngtcp2", role), ...args];
}

/** The same of a newer release, for hq-interop. */
export function ngtcp2HqCommand(role: "client" | "server", ...args: string[]): string[] {
  return [join(PEERS, "ngtcp2_hq/bin", `hq_${role}`), ...args];
}

export type AioquicScript =
  | ("fetch" | "echo" | "probe" | "watch" | "feature" | "attack")
  | ("server" | "early" | "hostile_server" | "versions");

export function aioquicCommand(script: AioquicScript, ...args: string[]): string[] {
  const python = join(PEERS, "aioquic/venv/bin/python");
  return [python, "-B", join(ROOT, `interop/peers/aioquic/${script}.py`), ...args];
}

/** One of our aioquic drivers; its JSON report, or an error that shows what it said. */
export async function aioquic<T>(
  script: AioquicScript,
  args: string[],
  limitSeconds = 120,
): Promise<T> {
  const outcome = await run(aioquicCommand(script, ...args), limitSeconds);
  const line = outcome.stdout.trim().split("\n").at(-1) ?? "";
  if (!line.startsWith("{")) {
    throw new Error(`${script}.py exited with ${outcome.exitCode}: ${outcome.stderr.slice(-2000)}`);
  }
  return JSON.parse(line) as T;
}
