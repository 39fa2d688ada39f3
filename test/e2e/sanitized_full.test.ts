/**
 * The real server in Bun, its native half built with AddressSanitizer and UBSan: downloads,
 * uploads, hostile datagrams, attacks, an app thread that is terminated, a stop. No report may
 * come.
 *
 * Bun itself is not instrumented, so the sanitizer's runtime is preloaded; JavaScriptCore handles
 * signals of its own, so the runtime may not take them; and what Bun never frees is no leak of
 * ours. Without ASLR, because the runtime of clang 14 wants addresses that 32 random bits may take.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attack, attackNames } from "../support/attack.ts";
import { HostileSender } from "../support/hostile_sender.ts";
import { MeasuredServer } from "../support/measured_server.ts";
import { peerMissing, ROOT, run, skipReason } from "../support/peer.ts";
import { Prng } from "../support/prng.ts";
import { RecordingRelay } from "../support/recording_relay.ts";
import { TemporaryFolder } from "../support/server_process.ts";
import { sizedBody } from "./apps/sized_body.ts";

const BUILD_LIMIT_SECONDS = 600;
const DATAGRAMS = 10_000;
const TERMINATIONS = 5;
const DOWNLOAD_BYTES = 3_000_000;
const UPLOAD_BYTES = 1_000_000;

/** Takes no signal; ends the process at the first report. */
const ASAN_OPTIONS = [
  "detect_leaks=0",
  "handle_segv=0",
  "handle_sigbus=0",
  "handle_sigill=0",
  "handle_sigfpe=0",
  "handle_abort=0",
  "exitcode=99",
];

function newestClang(): string | null {
  const names = ["clang", ...[20, 19, 18, 17, 16, 15, 14].map((version) => `clang-${version}`)];
  return names.find((name) => Bun.which(name) !== null) ?? null;
}

/** The sanitizer's runtime as a shared object, or null. */
function runtime(): string | null {
  const clang = newestClang();
  if (clang === null) return null;
  const machine = process.arch === "x64" ? "x86_64" : "aarch64";
  const question = `-print-file-name=libclang_rt.asan-${machine}.so`;
  const path = Bun.spawnSync([clang, question]).stdout.toString().trim();
  return path.startsWith("/") ? path : null;
}

function fixedAddresses(): string[] {
  return Bun.spawnSync(["setarch", "-R", "true"]).exitCode === 0 ? ["setarch", "-R"] : [];
}

function hashOf(bytes: ArrayBuffer | Uint8Array<ArrayBuffer>): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

async function exchange(port: number, body?: Uint8Array<ArrayBuffer>): Promise<string> {
  // `protocol` is too new for the types.
  const init: object = {
    protocol: "http3",
    tls: { rejectUnauthorized: false },
    ...(body === undefined ? {} : { method: "POST", body }),
  };
  const response = await fetch(`https://127.0.0.1:${port}/?bytes=${DOWNLOAD_BYTES}`, init);
  return hashOf(await response.arrayBuffer());
}

async function terminations(server: MeasuredServer, random: Prng, hash: string): Promise<void> {
  for (let i = 0; i < TERMINATIONS; i++) {
    await server.ask("attach");
    // Another origin for the client: a new connection, which may be the Worker's.
    const other = await RecordingRelay.start(server.port);
    const cut = exchange(other.port).catch(() => "");
    await Bun.sleep(random.below(60));
    await server.ask("terminate");
    expect(await exchange(server.port)).toBe(hash);
    await cut;
    other.close();
  }
}

async function traffic(server: MeasuredServer, random: Prng): Promise<void> {
  const relay = await RecordingRelay.start(server.port);
  const sender = await HostileSender.open(server.port, random);
  const sent = sizedBody(UPLOAD_BYTES);
  const down = hashOf(sizedBody(DOWNLOAD_BYTES));
  expect(await exchange(relay.port)).toBe(down);
  const real = relay.records.map(({ bytes }) => bytes);
  const hostile = sender.send(DATAGRAMS, real);
  const answers = await Promise.all([
    ...Array.from({ length: 6 }, () => exchange(server.port)),
    ...Array.from({ length: 3 }, () => exchange(server.port, sent)),
  ]);
  await hostile;
  expect(answers).toEqual([...Array(6).fill(down), ...Array(3).fill(hashOf(sent))]);
  await terminations(server, random, down);
  sender.close();
  relay.close();
}

/** Connections that end in every way there is, connection IDs that come and go (test/attack). */
async function attacks(server: MeasuredServer): Promise<void> {
  if (peerMissing("aioquic")) return;
  const names = await attackNames();
  const reports = await attack(server.port, names, ["--parallel", "4"]);
  expect(reports.map(({ name }) => name)).toEqual(names);
}

function start(runtimePath: string, log: string): Promise<MeasuredServer> {
  const options = {
    hostname: "127.0.0.1",
    workers: 2,
    idleTimeoutMs: 2000,
    handshakeTimeoutMs: 1000,
    // Some attacks come in 0-RTT packets.
    earlyData: true,
  };
  return MeasuredServer.start(options, fixedAddresses(), {
    LD_PRELOAD: runtimePath,
    QUICD_NATIVE: join(ROOT, "build/asan/quicd.node"),
    ASAN_OPTIONS: [...ASAN_OPTIONS, `log_path=${log}`].join(":"),
    UBSAN_OPTIONS: `print_stacktrace=1:halt_on_error=1:log_path=${log}`,
  });
}

const preload = runtime();
const missing = skipReason(preload === null ? "no clang with AddressSanitizer" : null);

describe.skipIf(missing)("under AddressSanitizer and UBSan", () => {
  test("the whole server in Bun runs without a report", async () => {
    const random = new Prng();
    console.log(`SEED=${random.seed}`);
    const built = await run(
      ["make", "-C", join(ROOT, "native"), "--no-print-directory", "SANITIZE=address"],
      BUILD_LIMIT_SECONDS,
    );
    expect(`${built.exitCode} ${built.stderr}`).toBe("0 ");
    using folder = new TemporaryFolder();
    const server = await start(preload ?? "", folder.join("report"));
    // Is it the instrumented one?
    const maps = readFileSync(`/proc/${server.pid}/maps`, "latin1");
    expect(maps).toContain("build/asan/quicd.node");
    expect(maps).toContain("libclang_rt.asan");
    const failures: unknown[] = [];
    await traffic(server, random).catch((error: unknown) => failures.push(error));
    await attacks(server).catch((error: unknown) => failures.push(error));
    const exitCode = await server.stop();
    // The report first: whatever else failed follows from it.
    const reports = readdirSync(folder.path).map((name) => readFileSync(folder.join(name), "utf8"));
    expect(reports).toEqual([]);
    expect(failures).toEqual([]);
    expect(exitCode).toBe(0);
  }, 900_000);
});
