/**
 * The field lines of one field section, in order. One list is filled again and again: copy what is
 * to be kept.
 */

/** RFC 9114 §4.2.2: what each field line counts for beside its name and value. */
const FIELD_OVERHEAD_BYTES = 32;

export class FieldList {
  readonly names: string[] = [];
  readonly values: string[] = [];
  /** Uncompressed size as RFC 9114 §4.2.2 counts it. */
  sectionBytes = 0;
  /**
   * True if a line asked not to be indexed (RFC 9204 §7.1.3) or holds a credential: keep it out of
   * shared caches.
   */
  sensitive = false;

  clear(): void {
    this.names.length = 0;
    this.values.length = 0;
    this.sectionBytes = 0;
    this.sensitive = false;
  }

  add(name: string, value: string): void {
    this.names.push(name);
    this.values.push(value);
    this.sectionBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
  }
}
