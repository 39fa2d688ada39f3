/**
 * The development certificate against the rules that browsers have for it, read back by an X.509
 * parser that is not ours.
 */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  readCertificateFiles,
  readSecret,
  validityWarning,
} from "../../src/tls/certificate_files.ts";
import * as der from "../../src/tls/der.ts";
import { developmentCertificate, stateFolder } from "../../src/tls/development.ts";
import { identityOf } from "../../src/tls/identity.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 5, 1);

let folder = "";
const folders: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "quicd-state-"));
  folders.push(folder);
});
afterAll(() => {
  for (const old of folders) rmSync(old, { recursive: true });
});

function make(options: Parameters<typeof developmentCertificate>[0] = {}) {
  const made = developmentCertificate({ folder, nowMs: NOW_MS, ...options });
  return { ...made, x509: new X509Certificate(made.certificatePem) };
}

describe("a new certificate", () => {
  test("is valid for at most 14 days in all, from before now", () => {
    const { x509 } = make();
    const from = Date.parse(x509.validFrom);
    const to = Date.parse(x509.validTo);
    expect(to - from).toBeLessThan(14 * DAY_MS);
    expect(from).toBeLessThan(NOW_MS);
    expect(to).toBeGreaterThan(NOW_MS + 12 * DAY_MS);
  });

  test("is for this machine by each of its names", () => {
    const { x509 } = make();
    expect(x509.checkHost("localhost")).toBe("localhost");
    expect(x509.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(x509.checkIP("::1")).toBe("::1");
    expect(x509.checkHost("example.com")).toBeUndefined();
    expect(x509.subjectAltName).toContain("DNS:localhost");
  });

  test("is P-256, signed by itself, no authority, with the key that belongs to it", () => {
    const { x509, privateKeyPem } = make();
    expect(x509.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(x509.verify(x509.publicKey)).toBe(true);
    expect(x509.ca).toBe(false);
    expect(x509.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
  });

  test("has the addresses it was asked for", () => {
    const names = ["10.1.2.3", "2001:db8::a:b", "::ffff:1", "fe80::", "a.example"];
    const { x509 } = make({ names });
    for (const name of names.slice(0, 4)) expect(x509.checkIP(name)).toBeDefined();
    expect(x509.checkHost("a.example")).toBe("a.example");
  });

  test("has a serial number of its own, positive (RFC 5280 §4.1.2.2)", () => {
    const serials = Array.from({ length: 20 }, (_, n) => make({ folder: join(folder, `${n}`) }));
    const distinct = new Set(serials.map(({ x509 }) => x509.serialNumber));
    expect(distinct.size).toBe(20);
    for (const serial of distinct) expect(serial).toMatch(/^[0-9A-F]{2,32}$/);
  });

  test("is pinned as browsers do it", () => {
    const { x509, certificatePem } = make();
    const { sha256Hex, sha256Base64, publicKeyPin } = identityOf(certificatePem);
    expect(sha256Hex).toBe(x509.fingerprint256.replaceAll(":", "").toLowerCase());
    expect(Buffer.from(sha256Base64, "base64").toString("hex")).toBe(sha256Hex);
    const spki = x509.publicKey.export({ type: "spki", format: "der" });
    expect(publicKeyPin).toBe(createHash("sha256").update(spki).digest("base64"));
  });
});

describe("a kept certificate", () => {
  test("is in a file for its owner alone", () => {
    const { path } = make();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, "utf8")).toContain("PRIVATE KEY");
  });

  test("is used again until 48 hours before it expires", () => {
    const first = make();
    expect(first.made).toBe(true);
    const expiresMs = Date.parse(first.x509.validTo);
    const later = make({ nowMs: expiresMs - 48 * HOUR_MS - 1000 });
    expect(later.made).toBe(false);
    expect(later.certificatePem).toBe(first.certificatePem);
    expect(later.privateKeyPem).toBe(first.privateKeyPem);
    const renewed = make({ nowMs: expiresMs - 48 * HOUR_MS });
    expect(renewed.made).toBe(true);
    expect(renewed.certificatePem).not.toBe(first.certificatePem);
  });

  test.each<[name: string, spoil: (path: string) => void, options?: object]>([
    ["is not valid yet", () => {}, { nowMs: NOW_MS - 30 * DAY_MS }],
    ["lacks a name", () => {}, { names: ["localhost", "new.example"] }],
    ["is readable by others", (path) => chmodSync(path, 0o644)],
    ["is damaged", (path) => writeFileSync(path, "junk")],
  ])("that %s is made anew", (_, spoil, options = {}) => {
    spoil(make().path);
    expect(make(options).made).toBe(true);
    expect(make(options).made).toBe(false);
  });

  test("that cannot be kept is made all the same, and says so", () => {
    writeFileSync(join(folder, "file"), "");
    const { path, note, x509 } = make({ folder: join(folder, "file", "below") });
    expect(path).toBe("");
    expect(note).toContain("ENOTDIR");
    expect(x509.checkHost("localhost")).toBe("localhost");
  });

  test.each([
    [{ HOME: "/home/a" }, "/home/a/.local/state/quicd"],
    [{ HOME: "/home/a", XDG_STATE_HOME: "/state" }, "/state/quicd"],
    [{ HOME: "/home/a", XDG_STATE_HOME: "state" }, "/home/a/.local/state/quicd"],
    [{ HOME: "/home/a", XDG_STATE_HOME: "" }, "/home/a/.local/state/quicd"],
  ])("with %j is kept in %s", (env, expected) => {
    expect(stateFolder(env)).toBe(expected);
  });
});

describe("files of the operator", () => {
  function write(name: string, text: string | Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  }

  test("are read as they are", () => {
    const { certificatePem, privateKeyPem } = make();
    const read = readCertificateFiles(write("c", certificatePem), write("k", privateKeyPem));
    expect(read).toEqual({ certificatePem, privateKeyPem });
  });

  test("that do not fit are refused, by name", () => {
    const { certificatePem, privateKeyPem } = make();
    const other = make({ folder: join(folder, "other") });
    const certificate = write("c", certificatePem);
    const key = write("k", privateKeyPem);
    const read = (c: string, k: string) => () => readCertificateFiles(c, k);
    expect(read(certificate, write("o", other.privateKeyPem))).toThrow("is not the key of");
    expect(read(key, key)).toThrow("tls.cert: ");
    expect(read(certificate, certificate)).toThrow("tls.key: ");
    expect(read(join(folder, "absent"), key)).toThrow("tls.cert: cannot read it: ENOENT");
  });

  test("that are out of date are warned about", () => {
    const { certificatePem } = make();
    expect(validityWarning(certificatePem, NOW_MS)).toBe("");
    expect(validityWarning(certificatePem, NOW_MS + 14 * DAY_MS)).toContain("expired on");
    expect(validityWarning(certificatePem, NOW_MS - DAY_MS)).toContain("not valid before");
  });

  test("with the secret hold 32 bytes, raw or as hex", () => {
    const bytes = Uint8Array.from({ length: 32 }, (_, n) => n);
    expect(readSecret(write("raw", bytes))).toEqual(bytes);
    expect(readSecret(write("hex", `${Buffer.from(bytes).toString("hex")}\n`))).toEqual(bytes);
    expect(() => readSecret(write("short", "abc"))).toThrow("must be 32 random bytes");
  });
});

test.each([
  [der.unsigned(Uint8Array.of(0)), "020100"],
  [der.unsigned(Uint8Array.of(0, 0, 0x7f)), "02017f"],
  [der.unsigned(Uint8Array.of(0x80)), "02020080"],
  [der.objectIdentifier("1.2.840.10045.4.3.2"), "06082a8648ce3d040302"],
  [der.time(new Date(Date.UTC(2049, 11, 31))), "170d3439313233313030303030305a"],
  [der.time(new Date(Date.UTC(2050, 0, 1))), "180f32303530303130313030303030305a"],
  [der.octets(new Uint8Array(127)).subarray(0, 2), "047f"],
  [der.octets(new Uint8Array(128)).subarray(0, 3), "048180"],
  [der.octets(new Uint8Array(256)).subarray(0, 4), "04820100"],
])("DER %#", (bytes, hex) => {
  expect(Buffer.from(bytes).toString("hex")).toBe(hex);
});
