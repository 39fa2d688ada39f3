/**
 * What a client's 0-RTT goes by beside the transport's limits: the SETTINGS that it remembers of us
 * (RFC 9114 §7.2.4.2). The engine refuses early data from a session that was made under other ones.
 */
import { encodeSettings, MAX_FIELD_SECTION_BYTES } from "../apps/h3/settings.ts";

const FRAME_BYTES_MAX = 64;

/** SHA-256 of it. */
export function earlyContext(): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES_MAX);
  const end = encodeSettings(MAX_FIELD_SECTION_BYTES, frame, 0);
  return Bun.SHA256.hash(frame.subarray(0, end)) as Uint8Array;
}
