/**
 * Encoded field sections to field lines, RFC 9204 §4.5, with a dynamic table of capacity 0: any
 * reference to one is the peer's error, and no section ever waits for the encoder stream.
 *
 * Whether the fields make a request is for message.ts to say.
 */
import { ByteCursor } from "../../../wire/cursor.ts";
import { readLatin1 } from "../../../wire/text.ts";
import { ByteCache } from "../byte_cache.ts";
import { H3Error, H3ErrorCode } from "../error.ts";
import { FieldList } from "./field_list.ts";
import { huffmanDecode, huffmanDecodedMaxBytes } from "./huffman.ts";
import { decodePrefixedInteger } from "./integer.ts";
import { STATIC_NAMES, STATIC_TABLE_ENTRIES, STATIC_VALUES } from "./static_table.ts";

/**
 * The fields are more than our SETTINGS_MAX_FIELD_SECTION_SIZE: the request's fault, answered with
 * 431 where possible.
 */
export class FieldSectionTooLarge extends H3Error {
  constructor(maxBytes: number) {
    super(H3ErrorCode.ExcessiveLoad, `field section above ${maxBytes} bytes`, "stream");
  }
}

/** 512 strings x 128 bytes: at most 64 KiB of keys per app thread. */
const STRING_CACHE_SLOTS = 512;
const STRING_CACHE_MAX_BYTES = 128;
/** Shorter strings are decoded faster than found. */
const STRING_CACHE_MIN_BYTES = 4;

const CREDENTIAL_NAMES: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
]);

function failure(reason: string): H3Error {
  return new H3Error(H3ErrorCode.QpackDecompressionFailed, reason);
}

export class FieldSectionDecoder {
  readonly #maxBytes: number;
  readonly #fields = new FieldList();
  readonly #cursor = new ByteCursor(new Uint8Array(0));
  /** Plain and Huffman-coded strings: the same bytes mean different text. */
  readonly #plainStrings = new ByteCache<string>(STRING_CACHE_SLOTS, STRING_CACHE_MAX_BYTES);
  readonly #codedStrings = new ByteCache<string>(STRING_CACHE_SLOTS, STRING_CACHE_MAX_BYTES);
  #scratch = new Uint8Array(1024);

  /** `maxBytes`: of a section, as RFC 9114 §4.2.2 counts it. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Decodes `memory[start .. end)`. The list is valid until the next call.
   * @throws {H3Error} QpackDecompressionFailed, a connection error; FieldSectionTooLarge, a stream
   * error.
   */
  decode(memory: Uint8Array, start: number, end: number): FieldList {
    const fields = this.#fields;
    const cursor = this.#cursor;
    fields.clear();
    cursor.set(memory, start, end);
    this.#readPrefix();
    while (cursor.offset < end) {
      this.#readLine(memory[cursor.offset]!);
      if (fields.sectionBytes > this.#maxBytes) throw new FieldSectionTooLarge(this.#maxBytes);
    }
    return fields;
  }

  /** RFC 9204 §4.5.1. */
  #readPrefix(): void {
    const cursor = this.#cursor;
    if (this.#integer(8) !== 0) throw failure("Required Insert Count above 0");
    if (cursor.offset >= cursor.end) throw failure("section ends in its prefix");
    // Base = Required Insert Count - Delta Base - 1 would be negative (§4.5.1.2).
    if ((cursor.memory[cursor.offset]! & 0x80) !== 0) throw failure("negative Base");
    this.#integer(7);
  }

  #readLine(first: number): void {
    if ((first & 0x80) !== 0) return this.#readIndexed(first);
    if ((first & 0x40) !== 0) return this.#readNameReference(first);
    if ((first & 0x20) !== 0) return this.#readLiteral(first);
    throw failure("post-Base reference");
  }

  /** RFC 9204 §4.5.2. */
  #readIndexed(first: number): void {
    if ((first & 0x40) === 0) throw failure("dynamic table reference");
    const index = this.#integer(6);
    if (index >= STATIC_TABLE_ENTRIES) throw failure(`static index ${index}`);
    this.#fields.add(STATIC_NAMES[index]!, STATIC_VALUES[index]!);
  }

  /** RFC 9204 §4.5.4. */
  #readNameReference(first: number): void {
    if ((first & 0x10) === 0) throw failure("dynamic table name reference");
    const index = this.#integer(4);
    if (index >= STATIC_TABLE_ENTRIES) throw failure(`static index ${index}`);
    this.#addLiteral(STATIC_NAMES[index]!, (first & 0x20) !== 0);
  }

  /** RFC 9204 §4.5.6. */
  #readLiteral(first: number): void {
    const nameBytes = this.#integer(3);
    const name = this.#string(nameBytes, (first & 0x08) !== 0, true);
    this.#addLiteral(name, (first & 0x10) !== 0);
  }

  #addLiteral(name: string, neverIndexed: boolean): void {
    const sensitive = neverIndexed || CREDENTIAL_NAMES.has(name);
    if (sensitive) this.#fields.sensitive = true;
    const cursor = this.#cursor;
    const coded = cursor.offset < cursor.end && (cursor.memory[cursor.offset]! & 0x80) !== 0;
    const valueBytes = this.#integer(7);
    this.#fields.add(name, this.#string(valueBytes, coded, !sensitive));
  }

  #integer(prefixBits: number): number {
    const value = decodePrefixedInteger(this.#cursor, prefixBits);
    if (value < 0) throw failure("truncated or oversized integer");
    return value;
  }

  /** The next `length` bytes as text (RFC 9204 §4.1.2). */
  #string(length: number, coded: boolean, cacheable: boolean): string {
    const { memory, offset: start, end: sectionEnd } = this.#cursor;
    const end = start + length;
    if (end > sectionEnd) throw failure("string longer than its section");
    this.#cursor.offset = end;
    // The shortest text that the bytes can stand for: at least 8 of 30 bits of code per character.
    if (length > 4 * this.#maxBytes) throw new FieldSectionTooLarge(this.#maxBytes);
    const found = cacheable && length >= STRING_CACHE_MIN_BYTES && length <= STRING_CACHE_MAX_BYTES;
    if (!found) return this.decodeString(memory, start, end, coded);
    const cache = coded ? this.#codedStrings : this.#plainStrings;
    const known = cache.get(memory, start, end);
    if (known !== undefined) return known;
    const text = this.decodeString(memory, start, end, coded);
    cache.put(memory, start, end, text);
    return text;
  }

  /**
   * The text that `memory[start .. end)` stands for, plain or Huffman-coded.
   * @throws {H3Error} QpackDecompressionFailed, a connection error.
   */
  decodeString(memory: Uint8Array, start: number, end: number, coded: boolean): string {
    if (!coded) return readLatin1(memory, start, end);
    const needed = huffmanDecodedMaxBytes(end - start);
    if (this.#scratch.length < needed) this.#scratch = new Uint8Array(2 * needed);
    const length = huffmanDecode(memory, start, end, this.#scratch);
    if (length < 0) throw failure("Huffman padding or EOS");
    return readLatin1(this.#scratch, 0, length);
  }
}
