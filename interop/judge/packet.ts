/** What the judge knows of a captured datagram and of the QUIC packets in it. */
import type { Role } from "../cases/case.ts";

export type PacketType =
  | "initial"
  | "0rtt"
  | "handshake"
  | "retry"
  | "version_negotiation"
  | "1rtt"
  /** A long header of a version that nobody knows: damaged on the way, or a probe. */
  | "unknown";

export interface Packet {
  type: PacketType;
  /** 0 in Version Negotiation and in short headers, which carry none. */
  version: number;
  /** Hexadecimal; "" when empty, absent, or (short headers) of unknown length. */
  destinationId: string;
  sourceId: string;
  /** Null when it has none or could not be decrypted. */
  number: number | null;
  /** Of 1-RTT packets that could be decrypted. */
  keyPhase: 0 | 1 | null;
  /** Hexadecimal: of an Initial or a Retry. */
  token: string;
  /** Encrypted, with the tag, without the packet number. 0 when it was not asked for. */
  payloadBytes: number;
  /** Where its furthest CRYPTO frame ends. */
  cryptoEnd: number;
  /** A CRYPTO or STREAM frame of it had bytes that were in an earlier packet. */
  repeats: boolean;
  /** TLS messages that this packet completes (RFC 8446 §4). */
  tlsMessages: number[];
  cipherSuites: number[];
  hasCertificates: boolean;
  /** initial_max_streams_bidi of the transport parameters that this packet completes. */
  streamLimits: number[];
  /** Hexadecimal, in order. */
  pathChallenges: string[];
  pathResponses: string[];
  hasAckEcn: boolean;
}

export interface Datagram {
  /** Its place in the capture, from 1. */
  frame: number;
  /** Seconds. */
  time: number;
  /** By the source address. Null: neither's, for instance a client behind a NAT. */
  sender: Role | null;
  source: string;
  sourcePort: number;
  destination: string;
  destinationPort: number;
  /** Of the IP header: 0 not ECN-capable, 1 ECT(1), 2 ECT(0), 3 CE. */
  ecn: number;
  payloadBytes: number;
  /** At least one. */
  packets: Packet[];
}

export const VERSION_1 = 1;
export const VERSION_2 = 0x6b3343cf;

const senders = new Map<string, Role>([
  ["193.167.0.100", "client"],
  ["fd00:cafe:cafe::100", "client"],
  ["193.167.100.100", "server"],
  ["fd00:cafe:cafe:100::100", "server"],
]);

export function senderOf(address: string): Role | null {
  return senders.get(address) ?? null;
}

export function emptyPacket(type: PacketType): Packet {
  return {
    type,
    version: 0,
    destinationId: "",
    sourceId: "",
    number: null,
    keyPhase: null,
    token: "",
    payloadBytes: 0,
    cryptoEnd: 0,
    repeats: false,
    tlsMessages: [],
    cipherSuites: [],
    hasCertificates: false,
    streamLimits: [],
    pathChallenges: [],
    pathResponses: [],
    hasAckEcn: false,
  };
}

export function emptyDatagram(): Datagram {
  return {
    frame: 0,
    time: 0,
    sender: null,
    source: "",
    sourcePort: 0,
    destination: "",
    destinationPort: 0,
    ecn: 0,
    payloadBytes: 0,
    packets: [],
  };
}
