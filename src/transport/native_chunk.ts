/**
 * Chunks over slab memory: {@link BorrowedChunk}, the one flyweight that every receive call gets,
 * and {@link NativeChunk}, a lease of its own. Under QUICD_DEBUG_LEASES both show a private copy
 * instead, overwritten with 0xdb when its time is over.
 */
import { assert } from "../assert.ts";
import { NONE } from "../native/abi.gen.ts";
import type { Chunk, ChunkView } from "./chunk.ts";
import { copyBytes } from "./copy_bytes.ts";
import type { Leases } from "./leases.ts";

const POISON = 0xdb;

/** Counts the chunks that a reader holds, to name the one that forgets to release. */
export interface ChunkLedger {
  outstanding: number;
}

function checkRange(start: number, end: number, length: number): void {
  if (start >= 0 && start <= end && end <= length) return;
  throw new RangeError(`chunk range ${start}..${end} of ${length} bytes`);
}

/** Memory of one lease. `buffer` is NONE for a private (poisoned) copy, and for no bytes at all. */
export class NativeChunk implements Chunk {
  readonly #leases: Leases;
  readonly #memory: Uint8Array;
  readonly #slab: number;
  readonly #buffer: number;
  /** In the memory, not in the buffer. */
  readonly #start: number;
  readonly #ledger: ChunkLedger | null;
  #released = false;

  /** Takes over one lease on `buffer`, unless that is NONE. */
  constructor(
    leases: Leases,
    memory: Uint8Array,
    slab: number,
    buffer: number,
    start: number,
    readonly length: number,
    ledger: ChunkLedger | null,
  ) {
    this.#leases = leases;
    this.#memory = memory;
    this.#slab = slab;
    this.#buffer = buffer;
    this.#start = start;
    this.#ledger = ledger;
    if (ledger !== null) ledger.outstanding++;
  }

  bytes(): Uint8Array {
    return this.unsafeView().slice();
  }

  copyTo(target: Uint8Array, targetOffset = 0): number {
    const room = Math.max(0, target.length - targetOffset);
    const count = Math.min(room, this.length);
    this.#check();
    if (count > 0) copyBytes(target, targetOffset, this.#memory, this.#start, count);
    return count;
  }

  unsafeView(): Uint8Array {
    this.#check();
    return this.#memory.subarray(this.#start, this.#start + this.length);
  }

  slice(start: number, end = this.length): Chunk {
    this.#check();
    checkRange(start, end, this.length);
    if (this.#buffer !== NONE) this.#leases.retain(this.#slab, this.#buffer);
    return this.#derive(start, end);
  }

  retain(): Chunk {
    return this.slice(0);
  }

  release(): void {
    this.#end();
    if (this.#buffer !== NONE) this.#leases.release(this.#slab, this.#buffer);
    else if (this.#leases.poison) this.#memory.fill(POISON);
  }

  /** Ends this chunk without giving the lease back: a command hands it over to a worker. */
  handOver(): void {
    this.#end();
  }

  /** Where the bytes lie, for a command. `buffer` is NONE when they are not in a slab. */
  place(): { slab: number; buffer: number; offset: number; memory: Uint8Array } {
    this.#check();
    const slab = this.#slab;
    const buffer = this.#buffer;
    const base = buffer === NONE ? 0 : this.#leases.slab(slab).offsetOf(buffer);
    return { slab, buffer, offset: this.#start - base, memory: this.#memory };
  }

  #derive(start: number, end: number): NativeChunk {
    const leases = this.#leases;
    const from = this.#start + start;
    const bytes = end - start;
    const memory = leases.poison ? this.#memory.slice(from, from + bytes) : this.#memory;
    const at = leases.poison ? 0 : from;
    return new NativeChunk(leases, memory, this.#slab, this.#buffer, at, bytes, this.#ledger);
  }

  #check(): void {
    if (this.#released) throw new Error("chunk used after its release");
  }

  #end(): void {
    if (this.#released) throw new Error("chunk released twice");
    this.#released = true;
    if (this.#ledger !== null) this.#ledger.outstanding--;
  }
}

/** The bytes of the event at hand. Set before each call into a sink, ended after it. */
export class BorrowedChunk implements ChunkView {
  memory: Uint8Array = new Uint8Array(0);
  offset = 0;
  length = 0;
  /** Given to the chunks that are retained from here. */
  ledger: ChunkLedger | null = null;
  readonly #leases: Leases;
  #slab = 0;
  #buffer = NONE;
  /** The event's own lease is still here, not with the first retained chunk. */
  #holdsLease = false;

  constructor(leases: Leases) {
    this.#leases = leases;
  }

  /** Takes over the one lease that came with the event. `buffer` may be NONE with `length` 0. */
  begin(slab: number, buffer: number, length: number): void {
    this.ledger = null;
    this.#slab = slab;
    this.#buffer = buffer;
    this.length = length;
    this.#holdsLease = buffer !== NONE;
    if (buffer === NONE) {
      this.offset = 0;
      return;
    }
    const { memory, id } = this.#leases.slab(slab);
    const offset = this.#leases.slab(slab).offsetOf(buffer);
    this.memory = memory;
    this.offset = offset;
    if (!this.#leases.poison) return;
    this.memory = memory.slice(offset, offset + length);
    this.offset = 0;
    this.#buffer = NONE;
    this.#holdsLease = false;
    this.#leases.release(id, buffer);
  }

  /** The call is over: gives the lease back unless a chunk took it. */
  end(): void {
    if (this.#holdsLease) {
      this.#holdsLease = false;
      this.#leases.release(this.#slab, this.#buffer);
    } else if (this.#leases.poison) {
      this.memory.fill(POISON);
    }
    this.#buffer = NONE;
    this.length = 0;
  }

  retain(start = 0, end = this.length): Chunk {
    checkRange(start, end, this.length);
    const { memory, ledger } = this;
    const leases = this.#leases;
    const from = this.offset + start;
    if (leases.poison) {
      const copy = memory.slice(from, from + end - start);
      return new NativeChunk(leases, copy, this.#slab, NONE, 0, end - start, ledger);
    }
    assert(this.#buffer !== NONE || this.length === 0, "retain after the call");
    if (this.#holdsLease) this.#holdsLease = false;
    else if (this.#buffer !== NONE) leases.retain(this.#slab, this.#buffer);
    return new NativeChunk(leases, memory, this.#slab, this.#buffer, from, end - start, ledger);
  }

  /**
   * A lease for a command that sends these bytes by reference, or null when they lie in no slab.
   */
  lend(): { slab: number; buffer: number; offset: number } | null {
    if (this.#buffer === NONE) return null;
    if (this.#holdsLease) this.#holdsLease = false;
    else this.#leases.retain(this.#slab, this.#buffer);
    const offset = this.offset - this.#leases.slab(this.#slab).offsetOf(this.#buffer);
    return { slab: this.#slab, buffer: this.#buffer, offset };
  }
}
