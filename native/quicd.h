/*
 * quicd.h - the functions that TypeScript calls through bun:ffi (2-10 ns a call: only u32 and
 * pointers). Lifecycle and doorbells are in napi.c; shared bytes in abi.h.
 *
 * |app| is the handle that napi.c's attach() gave: a small integer, checked on every call. An app
 * handle belongs to one JavaScript thread; nothing here is safe to call with the same handle from
 * two. A detached or unknown handle makes every function a no-op that answers 0 (or QUICD_NONE):
 * late calls of a thread that is being torn down are ordinary.
 *
 * Nothing that comes from JavaScript is trusted: indices, offsets, lengths and leases are checked
 * here, before a worker sees them, and indices once more by the worker on its own copy of the
 * entry.
 */
#pragma once
#include <stdint.h>

#define QUICD_EXPORT __attribute__((visibility("default")))

QUICD_EXPORT uint32_t quicd_abi_hash(void);

/* Events. Entries [head, head + n) of ring (app, worker), head counted by the caller, are
 * readable in place until released. n is at most 256, so that the event loop gets its turn. */
QUICD_EXPORT uint32_t quicd_events_peek(uint32_t app, uint32_t worker);
QUICD_EXPORT void quicd_events_release(uint32_t app, uint32_t worker, uint32_t count);
/* Arms the doorbell. 1: armed, it will ring. 0: something arrived meanwhile, drain again. */
QUICD_EXPORT uint32_t quicd_park(uint32_t app);

/* Commands are filled in at the link's draft, which holds one. reserve: 0, its index, or QUICD_NONE
 * when the ring is full. commit: publishes a copy of it; enum quicd_refusal: INVALID when it names
 * a buffer or range that the caller holds no lease on (nothing is published, the lease stays). */
QUICD_EXPORT uint32_t quicd_commands_reserve(uint32_t app, uint32_t worker);
QUICD_EXPORT uint32_t quicd_commands_commit(uint32_t app, uint32_t worker);
/* Wakes the worker if it is parked. Once after a batch of commits. */
QUICD_EXPORT void quicd_kick(uint32_t app, uint32_t worker);

/* Buffers. take: one of the app thread's own slab, with one lease, or QUICD_NONE (the doorbell
 * then rings when some came back). retain: one more lease. release: gives one back. Leases are
 * counted per buffer; releasing what is not held is refused (QUICD_REFUSED_INVALID) and counted. */
QUICD_EXPORT uint32_t quicd_buffer_take(uint32_t app, uint32_t buffer_class);
QUICD_EXPORT uint32_t quicd_buffer_retain(uint32_t app, uint32_t slab, uint32_t buffer);
QUICD_EXPORT uint32_t quicd_buffer_release(uint32_t app, uint32_t slab, uint32_t buffer);

/* Credit: total bytes that may have been written to the stream so far, modulo 2^32. want: asks
 * for a WRITABLE event when it moves beyond |seen|; 1: it already has, no event will come. */
QUICD_EXPORT uint32_t quicd_stream_credit(uint32_t app, uint32_t worker, uint32_t stream);
QUICD_EXPORT uint32_t quicd_stream_want(uint32_t app, uint32_t worker, uint32_t stream,
					uint32_t seen);
