/** Entity tags, RFC 9110 §8.8.3. */

export interface EntityTag {
  /** What stands between the quotes. */
  readonly opaque: string;
  readonly weak: boolean;
}

/** One tag of a list with its comma. Other bytes than `etagc` make the whole list invalid. */
const LISTED_TAG = /[ \t]*(?:(W\/)?"([\x21\x23-\x7e\x80-\xff]*)")?[ \t]*(,|$)/y;

/** Changes with every change that a file system can show. Always strong: see {@link EntityTag}. */
export function entityTag(sizeBytes: bigint, modifiedNs: bigint, inode: bigint): EntityTag {
  const parts = [inode, sizeBytes, modifiedNs];
  return { opaque: parts.map((part) => part.toString(36)).join("-"), weak: false };
}

export function formatTag(tag: EntityTag): string {
  return tag.weak ? `W/"${tag.opaque}"` : `"${tag.opaque}"`;
}

/** A field value of If-Match or If-None-Match without "*"; null when it is no list of tags. */
export function parseTags(value: string): EntityTag[] | null {
  const tags: EntityTag[] = [];
  LISTED_TAG.lastIndex = 0;
  while (LISTED_TAG.lastIndex < value.length) {
    const match = LISTED_TAG.exec(value);
    if (match === null) return null;
    const opaque = match[2];
    if (opaque !== undefined) tags.push({ opaque, weak: match[1] !== undefined });
  }
  return tags;
}

/** RFC 9110 §8.8.3.2: neither weak, same text. */
export function matchesStrongly(one: EntityTag, other: EntityTag): boolean {
  return !one.weak && !other.weak && one.opaque === other.opaque;
}

/** RFC 9110 §8.8.3.2: same text, weak or not. */
export function matchesWeakly(one: EntityTag, other: EntityTag): boolean {
  return one.opaque === other.opaque;
}
