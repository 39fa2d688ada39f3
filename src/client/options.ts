/** What `connect` takes, and what it makes of it. */
import { CIPHERS } from "../config/schema.ts";
import type { CipherSuite, ProfileOptions } from "../native/addon.ts";
import { type PemSource, readPem } from "../server/tls.ts";
import type { QuicAppFactory } from "../transport/app.ts";
import { endpointOf } from "./ip_address.ts";

export interface ClientTlsOptions {
  /** Certificates to trust in place of the system's: PEM text, a path, bytes or a file. */
  ca?: PemSource | readonly PemSource[];
  /** For SNI and verification; default: `host`. */
  serverName?: string;
  /** False: any certificate will do, so anybody may be the server. Default true. */
  verify?: boolean;
  /** Our own certificate chain, ours first, where the server asks for one; with `key`. */
  cert?: PemSource;
  key?: PemSource;
  /** All that are offered, most wanted first. Default: what this machine is fast at. */
  ciphers?: readonly CipherSuite[];
  /** Path of a file that TLS secrets are appended to, for Wireshark. */
  keylog?: string;
}

export interface ConnectOptions {
  /** Name or numeric address. */
  host: string;
  /** UDP. */
  port: number;
  /** Application protocols, most wanted first. */
  alpn: string | readonly string[];
  tls?: ClientTlsOptions;
  /** What an earlier connection to this server gave: see `QuicConnection.sessions`. */
  session?: Uint8Array;
  /**
   * Sends what is written at once as 0-RTT where the session allows it: anybody may replay that
   * (RFC 9001 §9.2). The first address is taken. Default false.
   */
  earlyData?: boolean;
  /** "own": a port of its own, needed by nothing but a middlebox. Default "shared". */
  socket?: "shared" | "own";
  /** Goes to the server's preferred address, where it has one (RFC 9000 §9.6). Default true. */
  followPreferredAddress?: boolean;
  /** Milliseconds without a packet until the connection ends. Default 30,000. */
  idleTimeoutMs?: number;
  /** For all addresses together. Default 10,000. */
  handshakeTimeoutMs?: number;
  /** What the round trip is taken for before it is measured, milliseconds. Default 333. */
  initialRttMs?: number;
  /**
   * Of QUIC (RFC 9369). "any" (default): begins with version 1, or that of the session, and goes on
   * in what the server prefers; "v1": that alone; "v2": likewise, and tells that it would rather
   * have version 2; "v2-first": begins with version 2, and takes a round trip more where the server
   * does not know it.
   */
  version?: ProfileOptions["version"];
  /** What the server may send before it is read, bytes. Default 4 MiB. */
  connectionWindowBytes?: number;
  /** Likewise on one stream. Default 1 MiB. */
  streamWindowBytes?: number;
  /** Milliseconds between PINGs while nothing else is sent; default 0: none. */
  keepAliveMs?: number;
  congestion?: ProfileOptions["congestion"];
  /** Gives up; the rejection is its reason. Once connected it does nothing. */
  signal?: AbortSignal;
  /** Serves the connection, as on a server. Without it `events` of the connection has them. */
  app?: QuicAppFactory;
  /** Each session when it comes; the connection keeps the newest ones too. */
  onSession?: (session: Uint8Array) => void;
}

/** Checked, files read. */
export interface CheckedOptions {
  host: string;
  port: number;
  profile: ProfileOptions;
  keylogPath: string;
  serverName: string;
  session: Uint8Array | null;
  earlyData: boolean;
  ownSocket: boolean;
  followPreferred: boolean;
  handshakeTimeoutMs: number;
  keepAliveMs: number;
}

/** As the server's configuration has them. */
const NUMBERS = [
  ["initialRttMs", 1, 60_000],
  ["connectionWindowBytes", 64 * 1024, 2 ** 30],
  ["streamWindowBytes", 16 * 1024, 2 ** 30],
] as const;
const VERSIONS: readonly string[] = ["any", "v1", "v2", "v2-first"];
const DEFAULT_IDLE_MS = 30_000;
const DEFAULT_HANDSHAKE_MS = 10_000;
const MS_MAX = 2 ** 31 - 1;
/** RFC 7301 §3.1, RFC 6066 §3. */
const NAME_BYTES_MAX = 255;
const ALPNS_MAX = 32;

function refuse(key: string, value: unknown, remedy: string): TypeError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new TypeError(`connect: ${key} = ${shown} must be ${remedy}`);
}

function integer(key: string, value: unknown, minimum: number, maximum: number): number {
  const fits = Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
  if (!fits) throw refuse(key, value, `an integer from ${minimum} to ${maximum}`);
  return value as number;
}

function flag(key: string, value: unknown): boolean {
  if (typeof value !== "boolean") throw refuse(key, value, "true or false");
  return value;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function alpnList(given: unknown): string[] {
  const names: unknown[] = Array.isArray(given) ? given : [given];
  const good = (name: unknown) =>
    typeof name === "string" && name !== "" && byteLength(name) <= NAME_BYTES_MAX;
  if (names.length === 0 || names.length > ALPNS_MAX || !names.every(good)) {
    throw refuse("alpn", given, `a name of 1 to 255 bytes, or a list of up to ${ALPNS_MAX}`);
  }
  return names as string[];
}

function serverNameOf(host: string, given: string | undefined): string {
  const name = given ?? (host.startsWith("[") ? host.slice(1, -1) : host.replace(/\.$/, ""));
  if (byteLength(name) > NAME_BYTES_MAX) {
    throw refuse("tls.serverName", name, "at most 255 bytes long");
  }
  return endpointOf(name, 0) === null ? name : (name.split("%", 1)[0] ?? name);
}

function cipherList(given: unknown): CipherSuite[] {
  if (given === undefined) return [];
  const names: readonly unknown[] = Array.isArray(given) ? given : [];
  const known = names.filter((name) => CIPHERS.includes(name as CipherSuite));
  if (names.length > 0 && known.length === names.length && new Set(names).size === names.length) {
    return names as CipherSuite[];
  }
  throw refuse("tls.ciphers", given, `a list of some of ${CIPHERS.join(", ")}, none twice`);
}

/** Numbers of the profile; what is left out is as the engine has it. */
function transportNumbers(options: ConnectOptions): Partial<ProfileOptions> {
  const numbers: Partial<ProfileOptions> = {};
  for (const [key, minimum, maximum] of NUMBERS) {
    const value = options[key];
    if (value !== undefined) numbers[key] = integer(key, value, minimum, maximum);
  }
  return numbers;
}

async function readAll(sources: PemSource | readonly PemSource[] | undefined): Promise<string> {
  if (sources === undefined) return "";
  const list = (Array.isArray(sources) ? sources : [sources]) as readonly PemSource[];
  const texts = await Promise.all(list.map((source) => readPem(source, "ca")));
  return texts.join("\n");
}

async function readIdentity(tls: ClientTlsOptions): Promise<[cert: string, key: string]> {
  const { cert, key } = tls;
  if (cert === undefined && key === undefined) return ["", ""];
  if (cert === undefined || key === undefined) {
    throw new TypeError("connect: tls.cert and tls.key belong together: give both or none");
  }
  return await Promise.all([readPem(cert, "cert"), readPem(key, "key")]);
}

/** @throws TypeError that names option, value and remedy. */
export async function checkOptions(options: ConnectOptions): Promise<CheckedOptions> {
  const { host, tls = {}, session, socket = "shared", congestion = "cubic" } = options;
  const version = options.version ?? "any";
  if (typeof host !== "string" || host === "") throw refuse("host", host, "a name or an address");
  if (session !== undefined && !(session instanceof Uint8Array)) {
    throw refuse("session", session, "the bytes that an earlier connection gave");
  }
  if (socket !== "shared" && socket !== "own") throw refuse("socket", socket, '"shared" or "own"');
  if (!VERSIONS.includes(version)) throw refuse("version", version, `one of ${VERSIONS}`);
  const earlyData = flag("earlyData", options.earlyData ?? false);
  const checked = {
    host,
    port: integer("port", options.port, 1, 65_535),
    keylogPath: tls.keylog ?? "",
    serverName: serverNameOf(host, tls.serverName),
    session: session ?? null,
    earlyData,
    ownSocket: socket === "own",
    followPreferred: flag("followPreferredAddress", options.followPreferredAddress ?? true),
    handshakeTimeoutMs: integer(
      "handshakeTimeoutMs",
      options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_MS,
      1,
      MS_MAX,
    ),
    keepAliveMs: integer("keepAliveMs", options.keepAliveMs ?? 0, 0, MS_MAX),
  };
  const idleMs = integer("idleTimeoutMs", options.idleTimeoutMs ?? DEFAULT_IDLE_MS, 1, MS_MAX);
  const alpn = alpnList(options.alpn);
  const verify = flag("tls.verify", tls.verify ?? true);
  const [certificatePem, privateKeyPem] = await readIdentity(tls);
  const caPem = await readAll(tls.ca);
  const profile: ProfileOptions = {
    ...{ alpn, caPem, verify, certificatePem, privateKeyPem, earlyData, congestion },
    version,
    ...{ maxIdleTimeoutMs: idleMs, ciphers: cipherList(tls.ciphers) },
    ...transportNumbers(options),
  };
  return { ...checked, profile };
}
