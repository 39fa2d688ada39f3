/** A Request's head as an encoded HEADERS frame, RFC 9114 §4.3.1. */
import { CONNECTION_SPECIFIC_NAMES, isFieldName, isSendableFieldValue } from "../field_syntax.ts";
import { encodeFrameHeader, FRAME_HEADER_MAX_BYTES, FrameType } from "../frame.ts";
import {
  encodeFieldLine,
  encodeSectionPrefix,
  fieldLineMaxBytes,
  SECTION_PREFIX_BYTES,
} from "../qpack/field_section_encoder.ts";

export interface RequestFields {
  method: string;
  url: URL;
  /** Lower-case name, value, ...; connection-specific ones and `host` are left out. */
  fields: readonly string[];
}

/** RFC 9114 §4.2.2: what each field line counts for beside its name and value. */
const FIELD_OVERHEAD_BYTES = 32;

/**
 * The whole frame.
 * @param sectionBytesMax the server's SETTINGS_MAX_FIELD_SECTION_SIZE
 * @throws {TypeError} for a field that cannot be sent, or a head that the server would refuse.
 */
export function encodeRequestHead(request: RequestFields, sectionBytesMax: number): Uint8Array {
  const { method, url, fields } = request;
  const lines: string[] = [":method", method, ":scheme", url.protocol.slice(0, -1)];
  lines.push(":authority", url.host, ":path", `${url.pathname}${url.search}`);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const value = fields[i + 1]!;
    if (!isFieldName(name)) throw new TypeError(`field name ${JSON.stringify(name)}`);
    if (!isSendableFieldValue(value)) throw new TypeError(`value of field ${name}`);
    if (CONNECTION_SPECIFIC_NAMES.has(name) || name === "host") continue;
    lines.push(name, name === "te" ? "trailers" : value);
  }
  return encodeLines(lines, sectionBytesMax);
}

function encodeLines(lines: readonly string[], sectionBytesMax: number): Uint8Array {
  let encodedMax = SECTION_PREFIX_BYTES;
  let sectionBytes = 0;
  for (let i = 0; i < lines.length; i += 2) {
    const [name, value] = [lines[i]!, lines[i + 1]!];
    encodedMax += fieldLineMaxBytes(name, value);
    sectionBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
  }
  if (sectionBytes > sectionBytesMax) {
    throw new TypeError(
      `request head of ${sectionBytes} bytes: the server takes ${sectionBytesMax}`,
    );
  }
  const section = new Uint8Array(encodedMax);
  let end = encodeSectionPrefix(section, 0);
  for (let i = 0; i < lines.length; i += 2) {
    end = encodeFieldLine(lines[i]!, lines[i + 1]!, section, end);
  }
  const frame = new Uint8Array(FRAME_HEADER_MAX_BYTES + end);
  const start = encodeFrameHeader(FrameType.Headers, end, frame, 0);
  frame.set(section.subarray(0, end), start);
  return frame.subarray(0, start + end);
}
