/**
 * Open files by path, so that a popular file costs one stat per request and not six syscalls.
 *
 * A kept descriptor is used only while the path still leads to the same, unchanged inode: every
 * `acquire` compares device, inode, size and times. Holders are counted; a file is closed when it
 * has left the cache and its last holder released it.
 */
import { type BigIntStats, closeSync, statSync } from "node:fs";
import { assert } from "../assert.ts";
import { contentType } from "./content_type.ts";
import { type EntityTag, entityTag } from "./entity_tag.ts";
import { formatHttpDate } from "./http_date.ts";
import { type OpenFailure, openBeneath } from "./open_beneath.ts";

/** A file younger than this may change again within the clock's tick: its tag is weak. */
const SETTLED_AFTER_MS = 1000;

/** One open file and what a response says about it. Release it once. */
export class ServedFile {
  readonly fd: number;
  readonly length: number;
  readonly contentType: string;
  readonly #stat: BigIntStats;
  readonly #modifiedMs: number;
  readonly #strongTag: EntityTag;
  readonly #lastModified: string;
  #holders = 1;

  constructor(path: string, fd: number, stat: BigIntStats) {
    this.fd = fd;
    this.length = Number(stat.size);
    this.contentType = contentType(path);
    this.#stat = stat;
    this.#modifiedMs = Number(stat.mtimeMs);
    this.#strongTag = entityTag(stat.size, stat.mtimeNs, stat.ino);
    this.#lastModified = formatHttpDate(this.#modifiedMs);
  }

  /** Strong once no later change could bear the same time (RFC 9110 §8.8.1). */
  tag(nowMs: number): EntityTag {
    const settled = nowMs - this.#modifiedMs >= SETTLED_AFTER_MS;
    return settled ? this.#strongTag : { opaque: this.#strongTag.opaque, weak: true };
  }

  /** Seconds since 1970; never later than now (RFC 9110 §8.8.2.1). */
  modifiedSeconds(nowMs: number): number {
    return Math.floor(Math.min(this.#modifiedMs, nowMs) / 1000);
  }

  lastModified(nowMs: number): string {
    return this.#modifiedMs <= nowMs ? this.#lastModified : formatHttpDate(nowMs);
  }

  /** The path leads here, and nothing changed since the file was opened. */
  isStillAt(path: string): boolean {
    const then = this.#stat;
    const now = statOrNull(path);
    return (
      now !== null &&
      now.ino === then.ino &&
      now.dev === then.dev &&
      now.size === then.size &&
      now.mtimeNs === then.mtimeNs &&
      now.ctimeNs === then.ctimeNs
    );
  }

  retain(): this {
    assert(this.#holders > 0, "a closed file was retained");
    this.#holders++;
    return this;
  }

  release(): void {
    assert(this.#holders > 0, "a file was released twice");
    if (--this.#holders === 0) closeSync(this.fd);
  }
}

function statOrNull(path: string): BigIntStats | null {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

export type Acquired = ServedFile | "directory" | OpenFailure;

export class FileCache {
  readonly #root: string;
  readonly #capacity: number;
  /** In order of use, the least recent first. */
  readonly #files = new Map<string, ServedFile>();

  /** @param capacity descriptors kept open at most; 0 keeps none */
  constructor(root: string, capacity: number) {
    this.#root = root;
    this.#capacity = capacity;
  }

  /** A file that the caller releases, or why there is none. */
  acquire(path: string): Acquired {
    const kept = this.#files.get(path);
    if (kept !== undefined) {
      this.#files.delete(path);
      if (kept.isStillAt(path)) {
        this.#files.set(path, kept);
        return kept.retain();
      }
      kept.release();
    }
    return this.#open(path);
  }

  /** Closes what nobody holds; the rest closes with its last holder. */
  clear(): void {
    for (const file of this.#files.values()) file.release();
    this.#files.clear();
  }

  #open(path: string): Acquired {
    let opened = openBeneath(this.#root, path);
    if (opened.kind === "exhausted" && this.#files.size > 0) {
      this.clear();
      opened = openBeneath(this.#root, path);
    }
    if (opened.kind !== "file") return opened.kind;
    const file = new ServedFile(path, opened.fd, opened.stat);
    this.#keep(path, file);
    return file;
  }

  #keep(path: string, file: ServedFile): void {
    if (this.#capacity === 0) return;
    if (this.#files.size >= this.#capacity) {
      const oldest = this.#files.entries().next().value;
      assert(oldest !== undefined, "a full cache is empty");
      this.#files.delete(oldest[0]);
      oldest[1].release();
    }
    this.#files.set(path, file.retain());
  }
}
