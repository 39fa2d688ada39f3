/** `tls` as `Bun.serve` takes it: PEM text, a path, bytes or a file. */
import type { BunFile } from "bun";
import type { CipherSuite } from "../native/addon.ts";
import { developmentCertificate } from "../tls/development.ts";

export type PemSource = string | Uint8Array | BunFile;

export interface TlsOptions {
  /** Certificate chain, the server's own first. */
  cert: PemSource;
  key: PemSource;
  /** All that are taken, most wanted first. Default: what this machine is fast at. */
  ciphers?: readonly CipherSuite[];
}

/** @throws TypeError that names the option at fault. */
export async function readPem(source: PemSource, name: "cert" | "key" | "ca"): Promise<string> {
  if (source instanceof Uint8Array) return new TextDecoder().decode(source);
  if (typeof source === "string" && source.includes("-----BEGIN")) return source;
  const file = typeof source === "string" ? Bun.file(source) : source;
  const text = await file.text().catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TypeError(`tls.${name} is neither PEM text nor a file that can be read: ${reason}`);
  });
  if (!text.includes("-----BEGIN")) throw new TypeError(`tls.${name}: the file is not PEM`);
  return text;
}

/** @throws TypeError that names the half which is missing or unreadable. */
export async function readTls(
  tls: TlsOptions | undefined,
): Promise<{ certificatePem: string; privateKeyPem: string }> {
  if (tls === undefined) return developmentCertificate();
  const [certificatePem, privateKeyPem] = await Promise.all([
    readPem(tls.cert, "cert"),
    readPem(tls.key, "key"),
  ]);
  return { certificatePem, privateKeyPem };
}
