/**
 * Encoded field sections to request heads, with a memory: the same bytes make the same head, and
 * clients repeat themselves.
 *
 * Two steps: the whole section is known, or all of it but the path is. One reader serves all
 * connections of an app thread. Sections with credentials or never-indexed lines stay out of both
 * caches, so that no client can find out by timing what another one sends.
 */
import { ByteCache } from "./byte_cache.ts";
import { buildRequestHead, checkTrailers, type RequestHead, withPath } from "./message.ts";
import { FieldSectionDecoder } from "./qpack/field_section_decoder.ts";
import { PathLine } from "./qpack/path_line.ts";

/** 256 sections x 1 KiB: at most 256 KiB of keys in each cache. */
const CACHE_SLOTS = 256;
const CACHED_SECTION_MAX_BYTES = 1024;

/** A head that was read before with another path. */
interface Template {
  readonly head: RequestHead;
  /** Size of the section (RFC 9114 §4.2.2) but for the path's value. */
  readonly sectionBytes: number;
}

export class HeadReader {
  readonly #maxBytes: number;
  readonly #decoder: FieldSectionDecoder;
  readonly #heads = new ByteCache<RequestHead>(CACHE_SLOTS, CACHED_SECTION_MAX_BYTES);
  readonly #templates = new ByteCache<Template>(CACHE_SLOTS, CACHED_SECTION_MAX_BYTES);
  readonly #pathLine = new PathLine();
  /** Where the path line stood, then the section without it. */
  readonly #key = new Uint8Array(1 + CACHED_SECTION_MAX_BYTES);
  #keyBytes = 0;

  /** `maxBytes`: our SETTINGS_MAX_FIELD_SECTION_SIZE. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#decoder = new FieldSectionDecoder(maxBytes);
  }

  /** @throws {H3Error} see FieldSectionDecoder.decode and buildRequestHead. */
  readHead(memory: Uint8Array, start: number, end: number): RequestHead {
    const known = this.#heads.get(memory, start, end);
    if (known !== undefined) return known;
    const hasKey = this.#makeKey(memory, start, end);
    if (hasKey) {
      const template = this.#templates.get(this.#key, 0, this.#keyBytes);
      if (template !== undefined) {
        const head = this.#fromTemplate(template, memory);
        if (head !== null) {
          this.#heads.put(memory, start, end, head);
          return head;
        }
      }
    }
    const fields = this.#decoder.decode(memory, start, end);
    const head = buildRequestHead(fields);
    if (fields.sensitive) return head;
    this.#heads.put(memory, start, end, head);
    if (hasKey) {
      const sectionBytes = fields.sectionBytes - head.path.length;
      this.#templates.put(this.#key, 0, this.#keyBytes, { head, sectionBytes });
    }
    return head;
  }

  /**
   * False when the section has no path line that is found at a glance, or is too large to be kept.
   */
  #makeKey(memory: Uint8Array, start: number, end: number): boolean {
    const path = this.#pathLine;
    if (end - start > CACHED_SECTION_MAX_BYTES || !path.find(memory, start, end)) return false;
    const key = this.#key;
    const before = path.start - start;
    // The place is part of the key: behind a regular field the same path would be malformed.
    if (before > 0xff) return false;
    key[0] = before;
    let length = 1;
    for (let i = start; i < path.start; i++) key[length++] = memory[i]!;
    for (let i = path.end; i < end; i++) key[length++] = memory[i]!;
    this.#keyBytes = length;
    return true;
  }

  /** Null for a section that is too large: the decoder says so. */
  #fromTemplate(template: Template, memory: Uint8Array): RequestHead | null {
    const { valueStart, end, coded } = this.#pathLine;
    const path = this.#decoder.decodeString(memory, valueStart, end, coded);
    if (template.sectionBytes + path.length > this.#maxBytes) return null;
    return withPath(template.head, path);
  }

  /** @throws {H3Error} likewise. */
  readTrailers(memory: Uint8Array, start: number, end: number): void {
    checkTrailers(this.#decoder.decode(memory, start, end));
  }
}
