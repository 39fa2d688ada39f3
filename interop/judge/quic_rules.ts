/** Which rules hold for which QUIC case and measurement. */
import { longHandshake, withinAmplificationLimit } from "./amplification_rules.ts";
import type { Rule } from "./evidence.ts";
import { filesArrived } from "./file_rules.ts";
import {
  earlyData,
  handshakes,
  negotiatedVersion2,
  noRetry,
  onlyChaCha20,
  onlyVersion1,
  repeatedClientHello,
  resumed,
  retryTokenReturns,
  streamLimit,
} from "./handshake_rules.ts";
import {
  ecnBothWays,
  keysUpdated,
  migrationChangesId,
  newPathsValidated,
  onlyIpv6,
  severalClientAddresses,
} from "./path_rules.ts";
import type { ShortDatagrams } from "./trace.ts";

export interface Judgement {
  rules: readonly Rule[];
  /** Without a key log it can't be judged. */
  needsKeys?: boolean;
  /** What is read of 1-RTT datagrams at the client's and at the server's side. Default: none. */
  left?: ShortDatagrams;
  right?: ShortDatagrams;
}

/** Of each of zerortt's 40 file names 250 letters; the client may send half of that again. */
const EARLY_DATA_BYTES = 0.5 * 250 * 40;

const transferred = [handshakes(1), onlyVersion1, filesArrived];
const oneTransfer: Judgement = { rules: transferred };
const connections: Judgement = { rules: [handshakes(50), onlyVersion1, filesArrived] };
const moved: Judgement = {
  rules: [...transferred, newPathsValidated],
  needsKeys: true,
  left: "headers",
  right: "headers",
};

export const QUIC_JUDGEMENTS: ReadonlyMap<string, Judgement> = new Map<string, Judgement>([
  ["handshake", { rules: [...transferred, noRetry] }],
  ["transfer", oneTransfer],
  ["longrtt", { rules: [...transferred, noRetry, repeatedClientHello] }],
  ["chacha20", { rules: [...transferred, onlyChaCha20] }],
  ["multiplexing", { rules: [...transferred, streamLimit(1000)], needsKeys: true }],
  ["retry", { rules: [...transferred, retryTokenReturns] }],
  ["resumption", { rules: [handshakes(2), onlyVersion1, filesArrived, resumed], needsKeys: true }],
  [
    "zerortt",
    {
      rules: [handshakes(2), onlyVersion1, filesArrived, earlyData(EARLY_DATA_BYTES)],
      left: "payload",
    },
  ],
  ["http3", oneTransfer],
  ["blackhole", oneTransfer],
  [
    "keyupdate",
    { rules: [...transferred, keysUpdated], needsKeys: true, left: "headers", right: "headers" },
  ],
  [
    "ecn",
    {
      rules: [...transferred, noRetry, ecnBothWays],
      needsKeys: true,
      left: "headers",
      right: "headers",
    },
  ],
  [
    "amplificationlimit",
    {
      rules: [...transferred, longHandshake(7500), withinAmplificationLimit],
      needsKeys: true,
      right: "headers",
    },
  ],
  ["handshakeloss", connections],
  ["transferloss", oneTransfer],
  ["handshakecorruption", connections],
  ["transfercorruption", oneTransfer],
  ["ipv6", { rules: [...transferred, onlyIpv6], right: "headers" }],
  ["v2", { rules: [negotiatedVersion2, filesArrived] }],
  ["rebind-port", moved],
  ["rebind-addr", { ...moved, rules: [...moved.rules, severalClientAddresses] }],
  ["connectionmigration", { ...moved, rules: [...moved.rules, migrationChangesId] }],
  ["goodput", { rules: transferred, left: "headers" }],
  ["crosstraffic", { rules: transferred, left: "headers" }],
]);
