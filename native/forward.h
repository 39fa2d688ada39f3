/*
 * forward.h - datagrams on their way from the worker that received them to the one that owns their
 * connection: one ring for each ordered pair, one writer and one reader, bytes copied in and read
 * in place. A datagram is forwarded once; a full ring drops it (it is UDP, and counted).
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "limits.h"
#include "quiche/quicd_quiche.h"

struct quicd_engine;
struct quicd_worker;
struct quicd_packet_header;

/* Before the bytes of each datagram in a ring. */
struct quicd_forwarded {
	uint32_t length;
	uint8_t ecn;
	bool may_open;	     /* the reader may make a connection of it */
	uint64_t arrived_ns; /* CLOCK_MONOTONIC, when the turn that received it began */
	struct qd_address from, to;
};

struct quicd_forward_ring {
	uint8_t *bytes;
	uint32_t capacity; /* a power of two */
	_Alignas(QUICD_CACHE_LINE) _Atomic uint32_t tail; /* writer's, runs free */
	_Alignas(QUICD_CACHE_LINE) _Atomic uint32_t head; /* reader's */
};

bool quicd_forward_ring_create(struct quicd_forward_ring *ring, uint32_t capacity);
void quicd_forward_ring_destroy(struct quicd_forward_ring *ring);
/* Writer: false when there is no room. */
bool quicd_forward_push(struct quicd_forward_ring *ring, const struct quicd_forwarded *datagram,
			const uint8_t *bytes);
/* Reader: the oldest datagram and its bytes, which it may overwrite; NULL when there is none. */
const struct quicd_forwarded *quicd_forward_front(struct quicd_forward_ring *ring, uint8_t **bytes);
void quicd_forward_pop(struct quicd_forward_ring *ring);
static inline bool quicd_forward_empty(const struct quicd_forward_ring *ring)
{
	/* seq_cst: after "parked" was stored, this look must not be older. */
	return atomic_load_explicit(&ring->tail, memory_order_seq_cst) ==
	       atomic_load_explicit(&ring->head, memory_order_relaxed);
}

/* All rings of an engine. False when memory is short. */
bool quicd_forward_create(struct quicd_engine *engine);
void quicd_forward_destroy(struct quicd_engine *engine);

/*
 * A datagram that no connection of |worker| knows: true if it is another worker's business, and
 * then it was forwarded, or dropped and counted.
 */
bool quicd_forward_elsewhere(struct quicd_worker *worker, const struct quicd_packet_header *header,
			     const uint8_t *bytes, struct quicd_forwarded *datagram);
/* Takes in all that other workers have forwarded to |worker|. */
void quicd_forward_receive(struct quicd_worker *worker);
/* Wakes those to whom this turn has forwarded. */
void quicd_forward_wake(struct quicd_worker *worker);
/* Whether something waits for |worker|. */
bool quicd_forward_waits(struct quicd_worker *worker);
