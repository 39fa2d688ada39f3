/** Reads what the operator gave, and says what is wrong with it before a client meets it. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { UserError } from "../config/user_error.ts";
import type { PemPair } from "./self_signed.ts";

const SECRET_BYTES = 32;
/** Name, HMAC key and AES key, 16 each, as other servers have them. */
const TICKET_KEY_BYTES = 48;
const TICKET_KEYS_MAX = 16;

/** @throws {UserError} naming the file and what to do */
export function readCertificateFiles(certificatePath: string, keyPath: string): PemPair {
  const certificatePem = readText(certificatePath, "tls.cert");
  const privateKeyPem = readText(keyPath, "tls.key");
  const certificate = parseCertificate(certificatePem, certificatePath);
  const key = parseKey(privateKeyPem, keyPath);
  if (!certificate.checkPrivateKey(key)) {
    throw new UserError(
      `tls.key: ${keyPath} is not the key of the certificate in ${certificatePath}\n` +
        "  in a chain the server's own certificate comes first",
      2,
    );
  }
  return { certificatePem, privateKeyPem };
}

/** What would stop clients, though not us: "" or one sentence. */
export function validityWarning(certificatePem: string, nowMs: number): string {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  if (Date.parse(validTo) < nowMs) return `the certificate expired on ${validTo}`;
  if (Date.parse(validFrom) > nowMs) return `the certificate is not valid before ${validFrom}`;
  return "";
}

/**
 * The 32 bytes that every key of the server is derived from: raw, or 64 hex digits and white space.
 *
 * @throws {UserError}
 */
export function readSecret(path: string): Uint8Array {
  const bytes = readBytes(path, "tls.secret_file");
  if (bytes.length === SECRET_BYTES) return new Uint8Array(bytes);
  const digits = bytes.toString("latin1").trim();
  if (/^[0-9a-f]{64}$/i.test(digits)) return new Uint8Array(Buffer.from(digits, "hex"));
  throw new UserError(
    `tls.secret_file: ${path} holds ${bytes.length} bytes\n` +
      "  must be 32 random bytes, or 64 hex digits: openssl rand -hex 32",
    2,
  );
}

/**
 * Keys of session tickets one after the other, at most 16: raw, or 96 hex digits a line.
 *
 * @throws {UserError}
 */
export function readTicketKeys(path: string): Uint8Array {
  const bytes = readBytes(path, "tls.ticket_keys_file");
  const lines = bytes.toString("latin1").trim().split(/\s+/);
  const hex = lines.every((line) => /^[0-9a-f]{96}$/i.test(line));
  const keys = new Uint8Array(hex ? Buffer.from(lines.join(""), "hex") : bytes);
  const count = keys.length / TICKET_KEY_BYTES;
  if (Number.isInteger(count) && count >= 1 && count <= TICKET_KEYS_MAX) return keys;
  throw new UserError(
    `tls.ticket_keys_file: ${path} holds ${bytes.length} bytes\n` +
      "  must be 1 to 16 keys of 48 random bytes, or lines of 96 hex digits: openssl rand -hex 48",
    2,
  );
}

function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new UserError(`tls.cert: ${path} is no certificate in PEM form`, 2);
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    const encrypted = pem.includes("ENCRYPTED");
    const remedy = encrypted ? "it is encrypted: decrypt it first" : "PKCS #8, SEC 1 or PKCS #1";
    throw new UserError(`tls.key: ${path} is no private key in PEM form\n  ${remedy}`, 2);
  }
}

function readText(path: string, option: string): string {
  return readBytes(path, option).toString("utf8");
}

function readBytes(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError(`${option}: cannot read it: ${reason}`, 2);
  }
}
