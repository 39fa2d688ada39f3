/**
 * One feature of QUIC, exercised against a server by a client nobody here wrote: a download over
 * HTTP/3, and what the client saw of the feature on the wire.
 */
import { rmSync } from "node:fs";
import { sizedBody } from "../e2e/apps/sized_body.ts";
import { hashFile } from "./fixture.ts";
import { aioquicCommand, ngtcp2Command, quicGoFeatureCommand, run } from "./peer.ts";
import { TemporaryFolder } from "./server_process.ts";

export const FEATURES = [
  "handshake",
  "retry",
  "resumption",
  "zerortt",
  "keyupdate",
  "rebinding",
  "migration",
] as const;
export type Feature = (typeof FEATURES)[number];

export const CLIENTS = ["quic_go", "ngtcp2", "aioquic"] as const;
export type Client = (typeof CLIENTS)[number];

/** Of the last connection; counts are of what came from the server. */
export interface FeatureReport {
  bytes: number;
  sha256: string;
  /** The server took the session ticket. */
  resumed: boolean;
  /** ... and the early data. */
  early: boolean;
  retries: number;
  /** Packets in the key phase after the first; aioquic counts one for all. */
  updated_keys: number;
  /** PATH_CHALLENGE and PATH_RESPONSE frames. */
  challenges: number;
  responses: number;
  /** The server counts marks (RFC 9000 §13.4.2); only ngtcp2 marks its packets, and says. */
  ecn_capable?: boolean;
  /** Null, too: none. */
  error?: string | null;
}

const LIMIT_SECONDS = 25;

export async function exerciseFeature(
  client: Client,
  feature: Feature,
  port: number,
  bytes: number,
): Promise<FeatureReport> {
  if (client === "ngtcp2") return await exerciseNgtcp2(feature, port, bytes);
  const flags = ["--feature", feature, "--bytes", `${bytes}`];
  const command =
    client === "quic_go"
      ? quicGoFeatureCommand("-url", `https://127.0.0.1:${port}`, ...flags)
      : aioquicCommand("feature", "--port", `${port}`, ...flags);
  const outcome = await run(command, LIMIT_SECONDS);
  const line = outcome.stdout.trim().split("\n").at(-1) ?? "";
  if (line.startsWith("{")) return JSON.parse(line) as FeatureReport;
  throw new Error(`${client} exited with ${outcome.exitCode}: ${outcome.stderr.slice(-1000)}`);
}

/** Version 2 of QUIC where the server wants it, as aioquic's client has it by itself. */
const NGTCP2_VERSIONS = "--available-versions=v2,v1";
/** Early in the download, after the handshake. */
const NGTCP2_FLAGS: Record<Feature, string[]> = {
  handshake: [],
  retry: [],
  resumption: ["--disable-early-data"],
  zerortt: [],
  keyupdate: ["--key-update=5ms"],
  rebinding: ["--change-local-addr=5ms", "--nat-rebinding"],
  migration: ["--change-local-addr=5ms"],
};

async function exerciseNgtcp2(
  feature: Feature,
  port: number,
  bytes: number,
): Promise<FeatureReport> {
  using folder = new TemporaryFolder();
  const again = feature === "resumption" || feature === "zerortt";
  // A client that merely receives says nothing from its new port when all that was sent to the old
  // one is lost: it sends the body, and gets it back.
  const upload =
    feature === "rebinding" ? ["--http-method=POST", `--data=${folder.join("x")}`] : [];
  if (upload.length > 0) await Bun.write(folder.join("x"), sizedBody(bytes));
  const session = [`--session-file=${folder.join("ticket")}`, `--tp-file=${folder.join("limits")}`];
  const into = folder.join("download");
  const command = ngtcp2Command(
    "client",
    ...["--no-quic-dump", "--no-http-dump", "--exit-on-all-streams-close", `--download=${into}`],
    ...(again ? [...session, "--wait-for-ticket"] : []),
    ...[NGTCP2_VERSIONS, ...NGTCP2_FLAGS[feature]],
    ...upload,
    ...["127.0.0.1", `${port}`, `https://127.0.0.1:${port}/x?bytes=${bytes}`],
  );
  let report: FeatureReport | null = null;
  for (let connection = 0; connection < (again ? 2 : 1); connection++) {
    rmSync(into, { recursive: true, force: true });
    await Bun.$`mkdir ${into}`;
    const { exitCode, stdout, stderr } = await run(command, LIMIT_SECONDS);
    report = readNgtcp2Log(stdout + stderr);
    if (exitCode !== 0) return { ...report, error: `exit code ${exitCode}` };
    const files = [...new Bun.Glob("*").scanSync(into)];
    if (files.length !== 1) return { ...report, error: `${files.length} files came` };
    const path = `${into}/${files[0]!}`;
    report = { ...report, bytes: Bun.file(path).size, sha256: await hashFile(path) };
  }
  return report!;
}

/**
 * A server that takes a ticket sends no certificate, so its Handshake packets carry little
 * (RFC 8446 §2.2): here 170 bytes of CRYPTO instead of 700.
 */
const RESUMED_CRYPTO_BYTES_MAX = 400;

function readNgtcp2Log(log: string): FeatureReport {
  const count = (pattern: RegExp) => log.match(pattern)?.length ?? 0;
  const crypto = [...log.matchAll(/frm rx \d+ Handshake CRYPTO\(0x06\) offset=\d+ len=(\d+)/g)];
  const cryptoBytes = crypto.reduce((sum, [, length]) => sum + Number(length), 0);
  const resumed = cryptoBytes > 0 && cryptoBytes < RESUMED_CRYPTO_BYTES_MAX;
  const sentEarly = count(/frm tx \d+ 0RTT STREAM/g) > 0;
  return {
    bytes: 0,
    sha256: "",
    resumed,
    early: sentEarly && !log.includes("Early data was rejected by server"),
    retries: count(/pkt rx .*type=Retry/g),
    updated_keys: count(/pkt rx .*type=1RTT k=1/g),
    challenges: count(/frm rx \d+ 1RTT PATH_CHALLENGE/g),
    responses: count(/frm rx \d+ 1RTT PATH_RESPONSE/g),
    ecn_capable: log.includes("path is ECN capable"),
  };
}
