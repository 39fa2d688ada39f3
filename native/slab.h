/*
 * slab.h - payload memory that native code and JavaScript share, in reference-counted buffers of
 * two classes.
 *
 * One thread owns a slab (a worker, or an app thread); only it takes buffers. Anyone may hold
 * references. The last release puts the buffer on the slab's return list (a lock-free stack that
 * the owner empties at once), so nothing can overflow and nothing waits.
 *
 * |references| counts every native holder as one and the app thread's leases, however many, as one.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "limits.h"

struct quicd_buffer {
	_Atomic uint32_t references;
	/* in the free list (owner) or the return list (releaser); index + 1, 0 ends */
	uint32_t next;
	uint32_t leases;    /* of app thread |lease_app|; touched by it alone while it lives */
	uint32_t lease_app; /* app thread index in the engine */
	/* Whose chunk it is, for the bounds of stream and connection; owner worker only. */
	uint32_t connection;
	uint32_t connection_generation;
	uint32_t stream;
	uint32_t stream_generation;
};

struct quicd_slab {
	uint8_t *memory;
	struct quicd_buffer *buffers;
	uint32_t small_count;
	uint32_t large_count;
	uint32_t id;
	/* Owner only. */
	uint32_t free_head[2]; /* by enum quicd_buffer_class; index + 1 */
	uint32_t free_count[2];
	/*
	 * By class, written by the owner: less than a quarter is free, so what is queued for long
	 * shall not stay in these buffers.
	 */
	_Atomic bool scarce[2];
	/* Wakes the owner when it waits for buffers; may be NULL. */
	_Atomic uint32_t wanted;
	void (*wake)(void *owner);
	void *owner;
	/* index + 1 of the newest returned buffer */
	_Alignas(QUICD_CACHE_LINE) _Atomic uint32_t returned;
};

bool quicd_slab_create(struct quicd_slab *slab, uint32_t id, uint32_t small_count,
		       uint32_t large_count);
void quicd_slab_destroy(struct quicd_slab *slab);

static inline uint32_t quicd_slab_count(const struct quicd_slab *slab)
{
	return slab->small_count + slab->large_count;
}

static inline enum quicd_buffer_class quicd_slab_class(const struct quicd_slab *slab,
						       uint32_t index)
{
	return index < slab->small_count ? QUICD_BUFFER_SMALL : QUICD_BUFFER_LARGE;
}

static inline uint32_t quicd_slab_buffer_bytes(const struct quicd_slab *slab, uint32_t index)
{
	return index < slab->small_count ? QUICD_SMALL_BUFFER_BYTES : QUICD_LARGE_BUFFER_BYTES;
}

static inline uint8_t *quicd_slab_at(const struct quicd_slab *slab, uint32_t index)
{
	if (index < slab->small_count)
		return slab->memory + (uint64_t)index * QUICD_SMALL_BUFFER_BYTES;
	return slab->memory + (uint64_t)slab->small_count * QUICD_SMALL_BUFFER_BYTES +
	       (uint64_t)(index - slab->small_count) * QUICD_LARGE_BUFFER_BYTES;
}

/* Owner, before it takes: brings home what was returned if few are left, and says if few stay. */
void quicd_slab_watch(struct quicd_slab *slab, enum quicd_buffer_class class);

/* Anybody: whether buffers of this one's class are few. */
bool quicd_slab_is_scarce(const struct quicd_slab *slab, uint32_t index);

/* Owner: a buffer with one reference, or QUICD_NONE when none of the class is free. */
uint32_t quicd_slab_take(struct quicd_slab *slab, enum quicd_buffer_class buffer_class);
/*
 * Owner: moves what came back to the free lists; |seen| (may be NULL) is told of each before it
 * can be taken again.
 */
uint32_t quicd_slab_collect(struct quicd_slab *slab, void (*seen)(void *context, uint32_t index),
			    void *context);
/* Anyone who holds a reference. */
void quicd_slab_retain(struct quicd_slab *slab, uint32_t index);
void quicd_slab_release(struct quicd_slab *slab, uint32_t index);
/*
 * Owner: ends every lease of app thread |app|, which no longer runs. Returns how many buffers
 * had one.
 */
uint32_t quicd_slab_end_leases(struct quicd_slab *slab, uint32_t app);
