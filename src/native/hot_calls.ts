/**
 * The calls of native/quicd.h, by their C names: u32 in, u32 out, 2-10 ns each. Tests put an object
 * of their own in place of the shared library.
 *
 * `app` is the handle from `Addon.attach`. After a detach every call is a no-op that answers 0 or
 * NONE.
 */

export interface HotCalls {
  /** Entries that may be read in place now, at most 256. */
  quicd_events_peek(app: number, worker: number): number;
  quicd_events_release(app: number, worker: number, count: number): void;
  /** 1: the doorbell is armed. 0: something arrived meanwhile, drain again. */
  quicd_park(app: number): number;
  /** Masked index of a free entry, or NONE when full; the same one until it is committed. */
  quicd_commands_reserve(app: number, worker: number): number;
  /** A `REFUSED_*` value or OK; INVALID publishes nothing and leaves the lease with the caller. */
  quicd_commands_commit(app: number, worker: number): number;
  quicd_kick(app: number, worker: number): void;
  /**
   * A buffer of this thread's slab with one lease, or NONE: the doorbell then rings when some
   * return.
   */
  quicd_buffer_take(app: number, bufferClass: number): number;
  quicd_buffer_retain(app: number, slab: number, buffer: number): number;
  quicd_buffer_release(app: number, slab: number, buffer: number): number;
  /** 1: the credit already moved beyond `seen`, no event will come. 0: a WRITABLE event will. */
  quicd_stream_want(app: number, worker: number, stream: number, seen: number): number;
}
