/** The chains of the runner: the server's certificate first, the root apart. */
import { afterAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { certificateFolder } from "../../interop/runner/certificates.ts";

const cache = mkdtempSync(join(tmpdir(), "quicd-chains-"));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

function chainIn(folder: string): X509Certificate[] {
  const pem = readFileSync(join(folder, "cert.pem"), "utf8");
  const parts = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return parts.map((part) => new X509Certificate(part));
}

test.each([1, 9])("a chain of %p leads to the root", (length) => {
  const folder = certificateFolder(cache, length);
  const chain = chainIn(folder);
  expect(chain).toHaveLength(length);
  const root = new X509Certificate(readFileSync(join(folder, "ca.pem")));
  const above = [...chain.slice(1), root];
  chain.forEach((certificate, index) => {
    expect(certificate.verify(above[index]!.publicKey)).toBe(true);
    expect(certificate.ca).toBe(index > 0);
  });
  const [leaf] = chain;
  for (const name of ["server", "server4", "server6", "server46"])
    expect(leaf!.subjectAltName).toContain(`DNS:${name}`);
  expect(leaf!.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  expect(readFileSync(join(folder, "priv.key"), "utf8")).toContain("BEGIN EC PRIVATE KEY");
});

test("the long chain is more than an unvalidated address may be sent", () => {
  const bytes = chainIn(certificateFolder(cache, 9)).reduce((sum, one) => sum + one.raw.length, 0);
  expect(bytes).toBeGreaterThan(7500);
});

test("it is made once", () => {
  const path = join(certificateFolder(cache, 1), "cert.pem");
  const before = readFileSync(path, "utf8");
  certificateFolder(cache, 1);
  expect(readFileSync(path, "utf8")).toBe(before);
});
