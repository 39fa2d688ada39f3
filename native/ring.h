/*
 * ring.h - single-producer, single-consumer queue of 64-byte entries.
 *
 * head and tail run free and are masked only to index: equal is empty, capacity apart is full, and
 * wrap-around of the u32 is harmless because capacity is a power of two. JavaScript never touches
 * them; it reads and writes entries in place between calls.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "limits.h"

#define QUICD_ENTRY_BYTES 64

struct quicd_ring {
	uint8_t *entries; /* capacity * 64 bytes, cache-line aligned */
	uint32_t capacity;
	/* Producer's line. */
	_Alignas(QUICD_CACHE_LINE) _Atomic uint32_t tail;
	uint32_t head_cached; /* what the producer last saw of head */
	/* Consumer's line. */
	_Alignas(QUICD_CACHE_LINE) _Atomic uint32_t head;
	uint32_t tail_cached; /* what the consumer last saw of tail */
};

/* |capacity| is a power of two. False when memory is short. */
bool quicd_ring_create(struct quicd_ring *ring, uint32_t capacity);
void quicd_ring_destroy(struct quicd_ring *ring);
/* Only when neither side runs. */
void quicd_ring_reset(struct quicd_ring *ring);

/*
 * Producer: entries that may be written now; looks at the consumer's index only if fewer than
 * |wanted| are known.
 */
uint32_t quicd_ring_room(struct quicd_ring *ring, uint32_t wanted);
/* Producer: the entry |ahead| places after the last published one; only within room. */
void *quicd_ring_slot(struct quicd_ring *ring, uint32_t ahead);
void quicd_ring_publish(struct quicd_ring *ring, uint32_t count);

/* Consumer: how many entries wait. */
uint32_t quicd_ring_ready(struct quicd_ring *ring);
/* Consumer: the oldest entry; only when one is ready. */
void *quicd_ring_front(struct quicd_ring *ring);
void quicd_ring_consume(struct quicd_ring *ring, uint32_t count);
