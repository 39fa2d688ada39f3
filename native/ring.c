/* ring.c - see ring.h. */
#include "ring.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "abi_check.gen.h"
#include "pages.h"

static_assert(sizeof(struct quicd_event) == QUICD_ENTRY_BYTES, "one event per entry");
static_assert(sizeof(struct quicd_command) == QUICD_ENTRY_BYTES, "one command per entry");

bool quicd_ring_create(struct quicd_ring *ring, uint32_t capacity)
{
	assert(capacity > 0 && (capacity & (capacity - 1)) == 0);
	memset(ring, 0, sizeof(*ring));
	ring->capacity = capacity;
	ring->entries = quicd_pages_map((size_t)capacity * QUICD_ENTRY_BYTES);
	return ring->entries != NULL;
}

void quicd_ring_destroy(struct quicd_ring *ring)
{
	quicd_pages_unmap(ring->entries, (size_t)ring->capacity * QUICD_ENTRY_BYTES);
}

void quicd_ring_reset(struct quicd_ring *ring)
{
	atomic_store(&ring->tail, 0);
	atomic_store(&ring->head, 0);
	ring->head_cached = 0;
	ring->tail_cached = 0;
}

uint32_t quicd_ring_room(struct quicd_ring *ring, uint32_t wanted)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t room = ring->capacity - (tail - ring->head_cached);
	if (room < wanted) {
		/*
		 * Acquire: pairs with the release in quicd_ring_consume; those entries are ours
		 * again.
		 */
		ring->head_cached = atomic_load_explicit(&ring->head, memory_order_acquire);
		room = ring->capacity - (tail - ring->head_cached);
	}
	assert(room <= ring->capacity);
	return room;
}

void *quicd_ring_slot(struct quicd_ring *ring, uint32_t ahead)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	assert(tail + ahead - ring->head_cached < ring->capacity);
	return ring->entries + (size_t)((tail + ahead) & (ring->capacity - 1)) * QUICD_ENTRY_BYTES;
}

void quicd_ring_publish(struct quicd_ring *ring, uint32_t count)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	assert(tail + count - ring->head_cached <= ring->capacity);
	/*
	 * Release: the entries are whole before the index that shows them; seq_cst orders it
	 * before the look at "parked".
	 */
	atomic_store_explicit(&ring->tail, tail + count, memory_order_seq_cst);
}

uint32_t quicd_ring_ready(struct quicd_ring *ring)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	/*
	 * seq_cst: after "parked" was stored, this look must not be older. Pairs with
	 * quicd_ring_publish.
	 */
	ring->tail_cached = atomic_load_explicit(&ring->tail, memory_order_seq_cst);
	assert(ring->tail_cached - head <= ring->capacity);
	return ring->tail_cached - head;
}

void *quicd_ring_front(struct quicd_ring *ring)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	assert(head != ring->tail_cached);
	return ring->entries + (size_t)(head & (ring->capacity - 1)) * QUICD_ENTRY_BYTES;
}

void quicd_ring_consume(struct quicd_ring *ring, uint32_t count)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	assert(count <= ring->tail_cached - head);
	/* Release: our reads of the entries come before the producer's next writes. */
	atomic_store_explicit(&ring->head, head + count, memory_order_release);
}
