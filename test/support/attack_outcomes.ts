/**
 * How either end of ours has to take what the scenarios of interop/peers/aioquic/attack_acks.py,
 * attack_packets.py and attack_parameters.py do to it: the error that it closes with, or "alive"
 * for what has to be ignored. Numbers are rows of the list of attacks (SECURITY.md).
 */
import type { Code } from "./attack.ts";

export type Outcomes = Readonly<Record<string, Code | "alive">>;

const every = (code: Code | "alive", names: string): Outcomes =>
  Object.fromEntries(names.split(/\s+/).map((name) => [name, code]));

export const OF_PACKETS: Outcomes = {
  // 19 (RFC 9000 §13.1, §21.4)
  ...every(
    "PROTOCOL_VIOLATION",
    "ack-unsent ack-unsent-2^62 ack-unsent-all ack-unsent-below ack-optimistic",
  ),
  "ack-honest": "alive",
  // 20 (§19.3)
  ...every(
    "FRAME_ENCODING_ERROR",
    "ack-range-below-zero ack-range-2^62 ack-gap-below-zero ack-gap-2^62 " +
      "ack-second-range-below-zero ack-count-2^62 ack-count-beyond ack-ecn-truncated",
  ),
  "ack-range-flood": "alive",
  // 22 (§17.2, §17.3.1, §12.4); that a frame's type could be shorter may be an error, and is none
  ...every("PROTOCOL_VIOLATION", "reserved-bits reserved-bits-both packet-empty"),
  ...every("alive", "fixed-bit packet-padding frame-type-longer"),
  ...every(
    "FRAME_ENCODING_ERROR",
    "frame-unknown frame-unknown-2^62 frame-unknown-behind frame-type-truncated",
  ),
  // 33 (RFC 9001 §6.2, §6.4)
  ...every("KEY_UPDATE_ERROR", "keys-twice keys-backwards keys-mixed"),
  ...every("alive", "keys-old-after-new keys-forged"),
};

/** 21 (RFC 9000 §7.3, §7.4, §18) */
const OF_BOTH: Outcomes = {
  ...every(
    "TRANSPORT_PARAMETER_ERROR",
    "parameter-truncated parameter-length-beyond parameter-length-2^62 parameter-id-truncated " +
      "parameter-id-alone parameter-none parameter-twice parameter-scid-twice " +
      "parameter-integer-empty parameter-integer-truncated parameter-integer-and-more " +
      "parameter-udp-payload-1199 parameter-ack-exponent-21 parameter-ack-delay-2^14 " +
      "parameter-id-limit-1 parameter-streams-2^60 parameter-streams-uni-2^60 " +
      "parameter-migration-value parameter-scid-missing parameter-scid-wrong " +
      "parameter-scid-21-bytes parameter-retry-scid",
  ),
  ...every(
    "alive",
    "parameter-unknown parameter-idle-2^62 parameter-data-2^62 parameter-udp-payload-2^62 " +
      "parameter-id-limit-2^62",
  ),
};
export const OF_CLIENT_PARAMETERS: Outcomes = {
  ...OF_BOTH,
  ...every(
    "TRANSPORT_PARAMETER_ERROR",
    "parameter-original-id parameter-reset-token parameter-preferred-address",
  ),
};
export const OF_SERVER_PARAMETERS: Outcomes = {
  ...OF_BOTH,
  ...every(
    "TRANSPORT_PARAMETER_ERROR",
    "parameter-original-id-missing parameter-original-id-wrong parameter-original-id-21-bytes " +
      "parameter-reset-token-15 parameter-reset-token-17",
  ),
  ...every(
    "TRANSPORT_PARAMETER_ERROR",
    "parameter-preferred-address-empty parameter-preferred-address-no-id " +
      "parameter-preferred-address-cut parameter-preferred-address-21-bytes " +
      "parameter-preferred-address-more",
  ),
  "parameter-preferred-address-silent": "alive",
};
/** Frames that a 0-RTT packet may not hold (RFC 9000 §12.5; RFC 9001 §8.3). */
export const EARLY = "crypto ack new-token handshake-done path-response retire-id"
  .split(" ")
  .map((frame) => `early-${frame}`);
/**
 * With some of their octets changed: each is right, by what was hit. That of versions says that
 * another one was chosen than is spoken (RFC 9368 §4).
 */
export const RANDOM_PARAMETERS = Array.from({ length: 40 }, (_, i) => `parameters-random-${i}`);
export const REFUSALS = ["TRANSPORT_PARAMETER_ERROR", "VERSION_NEGOTIATION_ERROR"];
export const EITHER = ["alive", ...REFUSALS];

/** Which frame a close names (RFC 9000 §19.19), where that is not the same for all. */
export function frameTypeOf(name: string): number {
  if (name.startsWith("parameter")) return 0x06;
  if (name.startsWith("ack-ecn")) return 0x03;
  if (name.startsWith("ack-") || name === "keys-not-followed") return 0x02;
  const unknown: Record<string, number> = {
    "frame-unknown": 0x21,
    "frame-unknown-2^62": 2 ** 62,
    "frame-unknown-behind": 0x3f,
  };
  return unknown[name] ?? 0;
}
