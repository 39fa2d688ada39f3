/**
 * A transfer by a client nobody here wrote, whose address the simulator changes again and again
 * while bytes flow; and what the server counted of it.
 *
 * The next rebinding waits until the server has counted the last one and goes on receiving, and for
 * a moment when something is on its way to it: so that the server learns the new address also from
 * clients that only acknowledge.
 */
import type { Counters } from "../../src/native/counters.ts";
import { sizedBody } from "../e2e/apps/sized_body.ts";
import type { FetchReport } from "./aioquic_report.ts";
import { hashFile } from "./fixture.ts";
import type { MeasuredServer } from "./measured_server.ts";
import type { Entrance, Family, NetworkPlace } from "./network_place.ts";
import { aioquicCommand, curlCommand, type PeerName, quicGoCommand, run } from "./peer.ts";
import { TemporaryFolder } from "./server_process.ts";
import { USUAL_PATH } from "./simulated_network.ts";

export type ClientName = "curl" | "curl upload" | "quic-go" | "aioquic";
export type What = "port" | "address";

export interface RebindingCase {
  client: ClientName;
  what: What;
  family: Family;
  bytes: number;
  rebindings: number;
  limitSeconds: number;
}

export interface RebindingResult {
  /** Null: the body arrived whole. */
  failure: string | null;
  seconds: number;
  /** By the simulator, before the transfer was over. */
  rebindings: number;
  /** By the server. */
  counted: number;
  /** After how many of them the kernel's hash led to another worker; only "forward" can tell. */
  moved: number;
  /** What the server's counters grew by. */
  counters: Counters;
}

export const PEERS: Record<ClientName, PeerName> = {
  curl: "curl",
  "curl upload": "curl",
  "quic-go": "quic_go",
  aioquic: "aioquic",
};

/** Datagrams between two rebindings: some round trips at 10 Mbit/s. */
const FLOWING_DATAGRAMS = 40;
const POLL_MS = 10;

export function hashOf(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

export async function transferWithRebindings(
  place: NetworkPlace,
  server: MeasuredServer,
  wanted: RebindingCase,
): Promise<RebindingResult> {
  const before = (await server.ask("measure")).counters;
  const started = performance.now();
  const at = { host: place.addresses(wanted.family).server, port: server.port };
  const { result } = await place.through(at, USUAL_PATH, async (entrance) => {
    const over = { yet: false };
    const transfer = transferBy(wanted, entrance).finally(() => {
      over.yet = true;
    });
    const made = await rebindWhile(() => !over.yet, entrance, server, wanted);
    return { ...made, failure: await transfer };
  });
  const seconds = (performance.now() - started) / 1000;
  const counters = differences(before, (await server.ask("measure")).counters);
  return { ...result, seconds, counted: counters.rebindings, counters };
}

export function differences(before: Counters, after: Counters): Counters {
  const entries = Object.entries(after) as [keyof Counters, number][];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value - before[name]]),
  ) as Counters;
}

async function rebindWhile(
  running: () => boolean,
  { netsim }: Entrance,
  server: MeasuredServer,
  { what, rebindings: most }: RebindingCase,
): Promise<{ rebindings: number; moved: number }> {
  /** What was counted when the connection had come to where it is now. */
  let arrived = (await server.ask("measure")).counters;
  let rebindings = 0;
  let moved = 0;
  let expected = arrived.rebindings;
  while (running()) {
    await Bun.sleep(POLL_MS);
    const { counters } = await server.ask("measure");
    if (counters.rebindings < expected) {
      arrived = counters;
      continue;
    }
    const flowed = counters.connection_datagrams - arrived.connection_datagrams;
    if (flowed < FLOWING_DATAGRAMS) continue;
    // All or none of them come to another worker; stragglers of the address before are few.
    if (counters.receive_forwarded - arrived.receive_forwarded > flowed / 2) moved++;
    if (rebindings === most) break;
    expected = counters.rebindings + 1;
    arrived = counters;
    rebindings++;
    await netsim.rebind(what, true);
  }
  return { rebindings, moved };
}

/** Null when the body arrived whole, else why not. */
async function transferBy(wanted: RebindingCase, entrance: Entrance): Promise<string | null> {
  using folder = new TemporaryFolder();
  const expected = hashOf(sizedBody(wanted.bytes));
  const url = `https://${entrance.authority}/x?bytes=${wanted.bytes}`;
  const execute = async (command: string[]) => {
    const outcome = await run([...entrance.prefix, ...command], wanted.limitSeconds);
    return outcome.exitCode === 0
      ? null
      : `exit code ${outcome.exitCode}: ${(outcome.stdout + outcome.stderr).slice(-300)}`;
  };
  const compare = async (file: string) =>
    (await hashFile(folder.join(file))) === expected ? null : "another body arrived";
  switch (wanted.client) {
    case "curl":
      return (await execute(curlCommand("-o", folder.join("x"), url))) ?? (await compare("x"));
    case "curl upload": {
      await Bun.write(folder.join("sent"), sizedBody(wanted.bytes));
      const upload = ["--data-binary", `@${folder.join("sent")}`, "-o", folder.join("x")];
      return (await execute(curlCommand(...upload, url))) ?? (await compare("x"));
    }
    case "quic-go":
      return (await execute(quicGoCommand("http3", folder.path, [url]))) ?? (await compare("x"));
    case "aioquic":
      return aioquicTransfer(wanted, entrance, expected);
  }
}

/** With no connection ID to spare, which is the hardest case for the server (RFC 9000 §9.5). */
async function aioquicTransfer(
  { bytes, limitSeconds }: RebindingCase,
  { host, port, prefix }: Entrance,
  expected: string,
): Promise<string | null> {
  const flags = ["--host", host, "--port", `${port}`, "--no-spare-ids", "--id-limit", "2"];
  const time = ["--ping-every", "0.1", "--timeout", `${limitSeconds}`];
  const command = aioquicCommand("fetch", ...flags, ...time, `/x?bytes=${bytes}`);
  const outcome = await run([...prefix, ...command], limitSeconds + 10);
  if (!outcome.stdout.startsWith("{")) return outcome.stderr.slice(-300);
  const file = (JSON.parse(outcome.stdout) as FetchReport).files[0];
  if (file?.error !== null) return file?.error ?? "no report";
  return file.sha256 === expected ? null : "another body arrived";
}

export function nameOf({ client, what, family }: RebindingCase): string {
  return `${client}, ${what}, IPv${family}`;
}
