/** What `quicd serve` says when it is up: what was chosen, what was granted, where to go. */
import { networkInterfaces } from "node:os";
import type { CertificateIdentity } from "../tls/identity.ts";
import type { Style } from "./style.ts";

/** All facts, none of them looked up here. */
export interface BannerFacts {
  version: string;
  /** Folder or module, as the user named it. */
  serving: string;
  host: string;
  port: number;
  backend: string;
  /** Why another backend than the first choice was taken, or "". */
  backendNote: string;
  routing: string;
  /** Why not eBPF although it was the first choice, or "". */
  routingNote: string;
  /** 0: no workers of ours; what is about them is left out. */
  workers: number;
  pinned: boolean;
  gro: boolean;
  gso: boolean;
  /** Least that any worker's socket was granted, and what was asked for. */
  receiveBufferBytes: number;
  sendBufferBytes: number;
  askedBufferBytes: number;
  /** 0: the main thread. */
  appThreads: number;
  alpns: readonly string[];
  /** Null when the operator gave a certificate. */
  development: DevelopmentFacts | null;
  warnings: readonly string[];
}

export interface DevelopmentFacts extends CertificateIdentity {
  /** "" when it could not be kept. */
  path: string;
}

const ROUTINGS: Readonly<Record<string, string>> = {
  ebpf: "ebpf, by connection ID",
  forward: "forward, by the kernel's hash of addresses",
};

export function bannerText(facts: BannerFacts, style: Style): string {
  const offload = [facts.gro ? "GRO" : "", facts.gso ? "GSO" : ""].filter((name) => name !== "");
  const rows: [name: string, value: string][] = [
    ["serving", facts.serving],
    ["protocols", facts.alpns.join(" ")],
    ["backend", [facts.backend, facts.backendNote].filter((part) => part !== "").join("; ")],
  ];
  if (facts.workers > 0) {
    rows.push(
      ["routing", ROUTINGS[facts.routing] ?? facts.routing],
      ["workers", `${facts.workers}${facts.pinned ? ", each on its CPU" : ""}`],
      ["app threads", facts.appThreads === 0 ? "main thread" : String(facts.appThreads)],
      ["buffers", buffersText(facts)],
      ["offload", offload.length === 0 ? "none" : offload.join(" ")],
    );
  }
  const lines = [
    `${style.bold("quicd")} ${facts.version}`,
    ...rows.map(([name, value]) => `  ${style.dim(name.padEnd(12))}${value}`),
    ...warningsOf(facts).map((warning) => `  ${style.yellow("warning")}     ${warning}`),
    "",
    ...urlsOf(facts.host, facts.port).map((url) => `  ${style.bold(url)}`),
    ...(facts.development === null ? [] : developmentLines(facts.development, facts.port, style)),
    "",
  ];
  return `${lines.join("\n")}\n`;
}

/** Where browsers on this machine and on its network find the server; the first is the best one. */
export function urlsOf(host: string, port: number): string[] {
  if (host !== "::" && host !== "0.0.0.0") return [`https://${urlHost(host)}:${port}/`];
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outer = addresses.filter(({ internal, family }) => !internal && family === "IPv4");
  return ["localhost", ...outer.map(({ address }) => address)].map(
    (name) => `https://${name}:${port}/`,
  );
}

/** Loopback goes by its name: browsers tie their development flags to it. */
function urlHost(host: string): string {
  if (host === "127.0.0.1" || host === "::1") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

function developmentLines(facts: DevelopmentFacts, port: number, style: Style): string[] {
  const kept = facts.path === "" ? "not kept, new at the next start" : facts.path;
  return [
    "",
    `  development certificate (${kept})`,
    `  ${style.dim("SHA-256 for WebTransport's serverCertificateHashes:")}`,
    `    base64    ${facts.sha256Base64}`,
    `    hex       ${facts.sha256Hex}`,
    `  ${style.dim("public key pin, and a Chromium that accepts it:")}`,
    `    pin       ${facts.publicKeyPin}`,
    `    ${chromiumLine(facts.publicKeyPin, port)}`,
  ];
}

export function chromiumLine(pin: string, port: number): string {
  const origin = `localhost:${port}`;
  return (
    `chromium --origin-to-force-quic-on=${origin} ` +
    `--ignore-certificate-errors-spki-list=${pin} https://${origin}/`
  );
}

function buffersText(facts: BannerFacts): string {
  const receive = mebibytes(facts.receiveBufferBytes);
  return `receive ${receive}, send ${mebibytes(facts.sendBufferBytes)} granted per worker`;
}

function warningsOf(facts: BannerFacts): string[] {
  const warnings = [...facts.warnings];
  if (facts.routingNote !== "") warnings.push(facts.routingNote);
  const asked = facts.askedBufferBytes;
  if (facts.workers > 0 && facts.receiveBufferBytes < asked) {
    warnings.push(
      `the kernel grants less than the ${mebibytes(asked)} asked for receiving: ` +
        `sysctl -w net.core.rmem_max=${asked}`,
    );
  }
  return warnings;
}

function mebibytes(bytes: number): string {
  const size = bytes / (1024 * 1024);
  return `${Number.isInteger(size) ? size : size.toFixed(2)} MiB`;
}
