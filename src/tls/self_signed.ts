/**
 * Makes a self-signed P-256 certificate (RFC 5280) for a server that is being developed.
 *
 * No key usage and no CA bit: TLS stacks then take it as a leaf, and OpenSSL takes the same file
 * as its own trust anchor (`curl --cacert`).
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import * as der from "./der.ts";

const ECDSA_WITH_SHA256 = der.sequence(der.objectIdentifier("1.2.840.10045.4.3.2"));
const COMMON_NAME = der.objectIdentifier("2.5.4.3");
const SUBJECT_ALTERNATIVE_NAME = der.objectIdentifier("2.5.29.17");
const BASIC_CONSTRAINTS = der.objectIdentifier("2.5.29.19");
const EXTENDED_KEY_USAGE = der.objectIdentifier("2.5.29.37");
const SERVER_AUTH = der.objectIdentifier("1.3.6.1.5.5.7.3.1");

/** RFC 5280 §4.1: version 3 is written as 2. */
const VERSION_3 = der.explicit(0, der.unsigned(Uint8Array.of(2)));
/** GeneralName, RFC 5280 §4.2.1.6. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;
const SERIAL_BYTES = 16;

export interface PemPair {
  certificatePem: string;
  /** PKCS #8. */
  privateKeyPem: string;
}

/** @param names host names and IP addresses that the certificate is for, at least one */
export function selfSigned(names: readonly string[], notBefore: Date, notAfter: Date): PemPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const name = der.sequence(der.set(der.sequence(COMMON_NAME, der.text("QuicD development"))));
  const certificate = der.sequence(
    VERSION_3,
    der.unsigned(randomBytes(SERIAL_BYTES)),
    ECDSA_WITH_SHA256,
    name,
    der.sequence(der.time(notBefore), der.time(notAfter)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der.explicit(3, extensions(names)),
  );
  const signature = sign("sha256", certificate, privateKey);
  const signed = der.sequence(certificate, ECDSA_WITH_SHA256, der.bits(signature));
  return {
    certificatePem: pem("CERTIFICATE", signed),
    privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function extensions(names: readonly string[]): Uint8Array {
  const noCertificateAuthority = der.octets(der.sequence());
  return der.sequence(
    der.sequence(BASIC_CONSTRAINTS, der.truth(), noCertificateAuthority),
    der.sequence(EXTENDED_KEY_USAGE, der.octets(der.sequence(SERVER_AUTH))),
    der.sequence(SUBJECT_ALTERNATIVE_NAME, der.octets(der.sequence(...names.map(generalName)))),
  );
}

function generalName(name: string): Uint8Array {
  if (isIP(name) === 0) return der.implicit(DNS_NAME, Buffer.from(name, "latin1"));
  return der.implicit(IP_ADDRESS, addressBytes(name));
}

/** 4 or 16 bytes, network order. */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split("."), Number);
  const [head = "", tail] = address.split("::");
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<number>(8 - left.length - right.length).fill(0);
  const groups = [...left, ...zeros, ...right];
  return Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

/** RFC 7468: 64 characters a line. */
function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
