/** The certificate of this start: the operator's, else the development one. */
import type { Config } from "../config.ts";
import { readCertificateFiles, validityWarning } from "../tls/certificate_files.ts";
import { developmentCertificate } from "../tls/development.ts";
import { identityOf } from "../tls/identity.ts";
import type { PemPair } from "../tls/self_signed.ts";
import type { DevelopmentFacts } from "./banner.ts";

export interface ChosenCertificate {
  pair: PemPair;
  /** Null when the operator gave one. */
  development: DevelopmentFacts | null;
  warnings: string[];
}

/** @throws {UserError} when the named files are not what they should be */
export function chooseCertificate({ tls }: Config): ChosenCertificate {
  if (tls.cert !== "") {
    const pair = readCertificateFiles(tls.cert, tls.key);
    const warning = validityWarning(pair.certificatePem, Date.now());
    return { pair, development: null, warnings: warning === "" ? [] : [warning] };
  }
  const { certificatePem, privateKeyPem, path, note } = developmentCertificate();
  return {
    pair: { certificatePem, privateKeyPem },
    development: { ...identityOf(certificatePem), path },
    warnings: note === "" ? [] : [`the development certificate could not be kept: ${note}`],
  };
}
