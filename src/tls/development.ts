/**
 * The certificate of a server that was given none: self-signed, short-lived, kept between starts
 * so that a pin in a test page or a browser's command line stays good for days.
 */
import { X509Certificate } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { isAbsolute, join } from "node:path";
import { type PemPair, selfSigned } from "./self_signed.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/**
 * W3C WebTransport, "verify a certificate hash": at most 14 days in all. One less, so that no
 * reading of "inclusive" (RFC 5280 §4.1.2.5) makes it more.
 */
const VALIDITY_MS = 13 * DAY_MS;
/** For clients whose clock is behind. Part of the validity. */
const BACKDATED_MS = HOUR_MS;
const RENEWED_BEFORE_EXPIRY_MS = 48 * HOUR_MS;
const FILE = "development.pem";

export interface DevelopmentCertificate extends PemPair {
  /** Where it is kept, or "" if it could not be. */
  path: string;
  /** False: the one that was kept. */
  made: boolean;
  /** Why it could not be kept, or "". */
  note: string;
}

export interface DevelopmentOptions {
  /** Default: `$XDG_STATE_HOME/quicd`, else `~/.local/state/quicd`. */
  folder?: string;
  /** Milliseconds since 1970. Default: now. */
  nowMs?: number;
  /** Default: localhost, its addresses, this machine's name. */
  names?: readonly string[];
}

/** Never throws for a folder that cannot be written: the certificate then is this start's. */
export function developmentCertificate(options: DevelopmentOptions = {}): DevelopmentCertificate {
  const folder = options.folder ?? stateFolder(process.env);
  const nowMs = options.nowMs ?? Date.now();
  const names = options.names ?? localNames();
  const path = join(folder, FILE);
  const kept = readKept(path, names, nowMs);
  if (kept !== null) return { ...kept, path, made: false, note: "" };

  const notBefore = nowMs - BACKDATED_MS;
  const pair = selfSigned(names, new Date(notBefore), new Date(notBefore + VALIDITY_MS));
  try {
    keep(folder, path, pair);
    return { ...pair, path, made: true, note: "" };
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    return { ...pair, path: "", made: true, note };
  }
}

/** XDG Base Directory: a relative path in the variable is to be ignored. */
export function stateFolder(env: Readonly<Record<string, string | undefined>>): string {
  const { XDG_STATE_HOME: state = "", HOME: home = homedir() } = env;
  return join(isAbsolute(state) ? state : join(home, ".local", "state"), "quicd");
}

function localNames(): string[] {
  const names = ["localhost", "127.0.0.1", "::1"];
  const own = hostname().toLowerCase();
  const isHostName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(own);
  return isHostName && !names.includes(own) ? [...names, own] : names;
}

/** Null unless it is private, whole, for these names, and good for two more days. */
function readKept(path: string, names: readonly string[], nowMs: number): PemPair | null {
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || (stat.mode & 0o077) !== 0) return null;
    const text = readFileSync(path, "utf8");
    const certificatePem = pemBlock(text, "CERTIFICATE");
    const privateKeyPem = pemBlock(text, "PRIVATE KEY");
    const certificate = new X509Certificate(certificatePem);
    const expiresMs = Date.parse(certificate.validTo);
    if (Date.parse(certificate.validFrom) > nowMs) return null;
    if (expiresMs - nowMs <= RENEWED_BEFORE_EXPIRY_MS) return null;
    const covers = (name: string) =>
      certificate.checkHost(name) !== undefined || certificate.checkIP(name) !== undefined;
    return names.every(covers) ? { certificatePem, privateKeyPem } : null;
  } catch {
    return null;
  }
}

/** @throws {Error} when there is none */
function pemBlock(text: string, label: string): string {
  const block = new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----\n`).exec(text);
  if (block === null) throw new Error(`no ${label}`);
  return block[0];
}

/** Key and certificate in one file, renamed into place: nobody ever reads halves of two pairs. */
function keep(folder: string, path: string, pair: PemPair): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  writeFileSync(draft, pair.certificatePem + pair.privateKeyPem, { mode: 0o600, flag: "wx" });
  renameSync(draft, path);
}
