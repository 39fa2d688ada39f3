/**
 * Leases on slab buffers, as this app thread holds them. Every retain and take is answered by
 * exactly one release, or by one command that hands the lease over to a worker; C counts along and
 * refuses the rest.
 */
import { assert } from "../assert.ts";
import { BUFFER_LARGE, BUFFER_SMALL, NONE, OK, SMALL_BUFFER_BYTES } from "../native/abi.gen.ts";
import type { Attachment } from "../native/attachment.ts";
import type { HotCalls } from "../native/hot_calls.ts";
import type { Slab } from "../native/slab.ts";

export class Leases {
  /** The slab that {@link take} takes from. */
  readonly own: Slab;
  readonly #calls: HotCalls;
  readonly #app: number;
  readonly #slabs: readonly Slab[];
  #closed = false;

  constructor(
    attachment: Pick<Attachment, "calls" | "handle" | "ownSlab" | "slabs">,
    /** QUICD_DEBUG_LEASES=1: received bytes are copied out and overwritten at release. */
    readonly poison = false,
  ) {
    this.#calls = attachment.calls;
    this.#app = attachment.handle;
    this.#slabs = attachment.slabs;
    this.own = attachment.ownSlab;
  }

  /** The workers take back every lease; what chunks still do with theirs is ignored. */
  close(): void {
    this.#closed = true;
  }

  slab(id: number): Slab {
    return this.#slabs[id]!;
  }

  /**
   * A buffer of our own slab for up to `bytes`, with one lease; NONE when it is empty (the doorbell
   * then rings when some came back). A large one stands in for a small one and, last, a small for a
   * large.
   */
  take(bytes: number): number {
    if (this.#closed) return NONE;
    const fits = bytes <= SMALL_BUFFER_BYTES ? BUFFER_SMALL : BUFFER_LARGE;
    const buffer = this.#calls.quicd_buffer_take(this.#app, fits);
    if (buffer !== NONE) return buffer;
    return this.#calls.quicd_buffer_take(this.#app, BUFFER_SMALL + BUFFER_LARGE - fits);
  }

  /**
   * As {@link take}, of at least `bytes`. No small one is tried for a large one: giving it back
   * would ring the bell that this very failure armed.
   */
  takeWhole(bytes: number): number {
    if (bytes <= SMALL_BUFFER_BYTES) return this.take(bytes);
    return this.#closed ? NONE : this.#calls.quicd_buffer_take(this.#app, BUFFER_LARGE);
  }

  retain(slab: number, buffer: number): void {
    if (this.#closed) return;
    const refusal = this.#calls.quicd_buffer_retain(this.#app, slab, buffer);
    assert(refusal === OK, `retain of buffer ${buffer} of slab ${slab} was refused: ${refusal}`);
  }

  release(slab: number, buffer: number): void {
    if (this.#closed) return;
    const refusal = this.#calls.quicd_buffer_release(this.#app, slab, buffer);
    assert(refusal === OK, `release of buffer ${buffer} of slab ${slab} was refused: ${refusal}`);
  }
}
