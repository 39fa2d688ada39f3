/** How a certificate is pinned, in the forms that browsers ask for. */
import { createHash, X509Certificate } from "node:crypto";

export interface CertificateIdentity {
  /** SHA-256 of the DER: WebTransport's `serverCertificateHashes`. Lower-case hex. */
  sha256Hex: string;
  sha256Base64: string;
  /** SHA-256 of the public key's DER, base64: `--ignore-certificate-errors-spki-list`. */
  publicKeyPin: string;
}

/** @param pem the leaf comes first, further certificates are ignored */
export function identityOf(pem: string): CertificateIdentity {
  const certificate = new X509Certificate(pem);
  const digest = createHash("sha256").update(certificate.raw).digest();
  const publicKey = certificate.publicKey.export({ type: "spki", format: "der" });
  return {
    sha256Hex: digest.toString("hex"),
    sha256Base64: digest.toString("base64"),
    publicKeyPin: createHash("sha256").update(publicKey).digest("base64"),
  };
}
