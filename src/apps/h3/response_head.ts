/**
 * Response heads as encoded field sections, with a memory: servers repeat themselves more than
 * clients.
 *
 * `content-length` is not part of what is remembered, since it differs where the rest repeats; the
 * writer appends it. Date is part of it, so an entry lasts until the second ends.
 */
import { dateSecond, dateText } from "./date_field.ts";
import { CONNECTION_SPECIFIC_NAMES, isFieldName, isSendableFieldValue } from "./field_syntax.ts";
import {
  encodeFieldLine,
  encodeSectionPrefix,
  fieldLineMaxBytes,
  SECTION_PREFIX_BYTES,
} from "./qpack/field_section_encoder.ts";

const CACHE_SLOTS = 64;
/** 64 x 2 KiB. */
const CACHED_SECTION_MAX_BYTES = 2048;

interface Entry {
  readonly status: number;
  readonly fields: readonly string[];
  readonly second: number;
  readonly section: Uint8Array;
  readonly declaredLength: number;
}

function sameFields(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  const { length } = a;
  if (length !== b.length) return false;
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function slotOf(status: number, fields: readonly string[]): number {
  let hash = status * 31 + fields.length;
  for (let i = 1; i < fields.length; i += 2) hash = hash * 7 + fields[i]!.length;
  return hash & (CACHE_SLOTS - 1);
}

export class ResponseHeadEncoder {
  readonly #entries: (Entry | null)[] = new Array<Entry | null>(CACHE_SLOTS).fill(null);
  /** Fields that missed last, per slot: they enter at their second sight in a row. */
  readonly #missed: (readonly string[] | null)[] = new Array<null>(CACHE_SLOTS).fill(null);
  #scratch = new Uint8Array(1024);

  /** The encoded section, valid until the next {@link encode}: `section[0 .. sectionBytes)`. */
  section: Uint8Array = this.#scratch;
  sectionBytes = 0;
  /** What the handler's own `content-length` said; -1: nothing. It is not in the section. */
  declaredLength = -1;

  /**
   * Encodes status and fields (a list that never changes again: lower-case name, value, ...) into
   * {@link section}. Connection-specific fields are dropped: handlers written for HTTP/1 set them
   * (RFC 9114 §4.2).
   * @throws {TypeError} for a name or value that can't be sent: CR or LF would split the response
   * (RFC 9110 §5.5).
   */
  encode(status: number, fields: readonly string[]): void {
    const slot = slotOf(status, fields);
    const second = dateSecond();
    const entry = this.#entries[slot]!;
    const known = entry !== null && entry.status === status && sameFields(entry.fields, fields);
    if (known && entry.second === second) {
      this.section = entry.section;
      this.sectionBytes = entry.section.length;
      this.declaredLength = entry.declaredLength;
      return;
    }
    this.#encodeAnew(status, fields);
    const missed = this.#missed[slot]!;
    if (!known && (missed === null || !sameFields(missed, fields))) {
      this.#missed[slot] = fields;
      return;
    }
    if (this.sectionBytes > CACHED_SECTION_MAX_BYTES) return;
    this.#entries[slot] = {
      status,
      fields,
      second,
      section: this.section.slice(0, this.sectionBytes),
      declaredLength: this.declaredLength,
    };
  }

  #encodeAnew(status: number, fields: readonly string[]): void {
    this.#reserve(fields);
    const memory = this.#scratch;
    let offset = encodeSectionPrefix(memory, 0);
    offset = encodeFieldLine(":status", String(status), memory, offset);
    this.declaredLength = -1;
    let dated = false;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!;
      const value = fields[i + 1]!;
      if (!isFieldName(name)) throw new TypeError(`field name ${JSON.stringify(name)}`);
      if (!isSendableFieldValue(value)) throw new TypeError(`value of field ${name}`);
      if (name === "content-length") {
        this.declaredLength = /^\d{1,15}$/.test(value) ? Number(value) : -1;
        continue;
      }
      if (CONNECTION_SPECIFIC_NAMES.has(name)) continue;
      if (name === "date") dated = true;
      offset = encodeFieldLine(name, value, memory, offset);
    }
    // 1xx heads carry no Date: they precede the response (RFC 9110 §6.6.1).
    if (!dated && status >= 200) offset = encodeFieldLine("date", dateText(), memory, offset);
    this.section = memory;
    this.sectionBytes = offset;
  }

  #reserve(fields: readonly string[]): void {
    let needed = SECTION_PREFIX_BYTES + fieldLineMaxBytes(":status", "200") + 64;
    for (let i = 0; i < fields.length; i += 2) {
      needed += fieldLineMaxBytes(fields[i]!, fields[i + 1]!);
    }
    if (this.#scratch.length < needed) this.#scratch = new Uint8Array(2 * needed);
  }
}
