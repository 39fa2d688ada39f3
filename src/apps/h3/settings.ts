/** The SETTINGS frame, RFC 9114 §7.2.4 and RFC 9204 §5. */
import { ByteCursor, HUGE, INCOMPLETE } from "../../wire/cursor.ts";
import { encodeVarint } from "../../wire/varint.ts";
import { H3Error, H3ErrorCode } from "./error.ts";
import { encodeFrameHeader, FrameType } from "./frame.ts";

export const SettingId = {
  QpackMaxTableCapacity: 0x01,
  MaxFieldSectionSize: 0x06,
  QpackBlockedStreams: 0x07,
} as const;

/** Ours, as sent, bytes (RFC 9114 §4.2.2). */
export const MAX_FIELD_SECTION_BYTES = 32 * 1024;

/** Set: settings that only HTTP/2 had (RFC 9114 §7.2.4.1, §11.2.2). */
const HTTP2_ONLY_IDS = (1 << 0x00) | (1 << 0x02) | (1 << 0x03) | (1 << 0x04) | (1 << 0x05);
/** 0x1f * N + 0x21 (RFC 9114 §7.2.4.1). */
const GREASE_ID = 0x1f * 7 + 0x21;

/** What we keep of the peer's. */
export interface Settings {
  /** HUGE: unlimited, the default. */
  maxFieldSectionBytes: number;
}

/**
 * Decodes the payload `memory[start .. end)`.
 * @throws {H3Error} SettingsError for a duplicate or an HTTP/2 setting, FrameError for a truncated
 * one; both connection errors.
 */
export function decodeSettings(memory: Uint8Array, start: number, end: number): Settings {
  const cursor = new ByteCursor(memory, start, end);
  const seen = new Set<number>();
  const settings: Settings = { maxFieldSectionBytes: HUGE };
  while (cursor.offset < end) {
    const id = cursor.tryReadVarint();
    const value = id === INCOMPLETE ? INCOMPLETE : cursor.tryReadVarint();
    if (value === INCOMPLETE) throw new H3Error(H3ErrorCode.FrameError, "truncated setting");
    if (id < 0x10 && (HTTP2_ONLY_IDS & (1 << id)) !== 0) {
      throw new H3Error(H3ErrorCode.SettingsError, `HTTP/2 setting 0x${id.toString(16)}`);
    }
    // All ids above 2^53-1 read as one, HUGE, and none of them is known.
    if (id === HUGE) continue;
    if (seen.has(id)) {
      throw new H3Error(H3ErrorCode.SettingsError, `setting 0x${id.toString(16)} twice`);
    }
    seen.add(id);
    if (id === SettingId.MaxFieldSectionSize) settings.maxFieldSectionBytes = value;
  }
  return settings;
}

/**
 * Writes our SETTINGS frame; returns the offset after it. `maxFieldSectionBytes` is what the
 * decoder enforces.
 */
export function encodeSettings(
  maxFieldSectionBytes: number,
  memory: Uint8Array,
  offset: number,
): number {
  const payload = new Uint8Array(48);
  let end = 0;
  for (const [id, value] of [
    [SettingId.QpackMaxTableCapacity, 0],
    [SettingId.MaxFieldSectionSize, maxFieldSectionBytes],
    [SettingId.QpackBlockedStreams, 0],
    [GREASE_ID, 0],
  ] as const) {
    end = encodeVarint(value, payload, encodeVarint(id, payload, end));
  }
  const next = encodeFrameHeader(FrameType.Settings, end, memory, offset);
  memory.set(payload.subarray(0, end), next);
  return next + end;
}
