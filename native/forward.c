/* forward.c - see forward.h. */
#include "forward.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "engine.h"
#include "pages.h"
#include "quic_header.h"
#include "receive.h"
#include "worker.h"

/* Records start at multiples of this, so that a length fits before every end of the ring. */
#define ALIGNMENT 16
#define SKIP_TO_START UINT32_MAX /* as length: the rest up to the end is unused */

static_assert(ALIGNMENT >= sizeof(((struct quicd_forwarded *)0)->length), "a length always fits");

static uint32_t record_bytes(uint32_t length)
{
	return (uint32_t)(sizeof(struct quicd_forwarded) + length + ALIGNMENT - 1) &
	       ~(uint32_t)(ALIGNMENT - 1);
}

bool quicd_forward_ring_create(struct quicd_forward_ring *ring, uint32_t capacity)
{
	assert(capacity >= ALIGNMENT && (capacity & (capacity - 1)) == 0);
	memset(ring, 0, sizeof(*ring));
	ring->capacity = capacity;
	ring->bytes = quicd_pages_map(capacity);
	return ring->bytes != NULL;
}

void quicd_forward_ring_destroy(struct quicd_forward_ring *ring)
{
	quicd_pages_unmap(ring->bytes, ring->capacity);
	ring->bytes = NULL;
}

bool quicd_forward_push(struct quicd_forward_ring *ring, const struct quicd_forwarded *datagram,
			const uint8_t *bytes)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	/* Acquire: the reader is done with what it passed. */
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	const uint32_t size = record_bytes(datagram->length);
	const uint32_t at = tail & (ring->capacity - 1);
	const uint32_t skipped = ring->capacity - at < size ? ring->capacity - at : 0;
	if (skipped + size > ring->capacity - (tail - head))
		return false;
	if (skipped > 0)
		*(uint32_t *)(ring->bytes + at) = SKIP_TO_START;
	uint8_t *record = ring->bytes + (skipped > 0 ? 0 : at);
	memcpy(record, datagram, sizeof(*datagram));
	memcpy(record + sizeof(*datagram), bytes, datagram->length);
	/* seq_cst: ordered before the look at "parked" when the reader is woken. */
	atomic_store_explicit(&ring->tail, tail + skipped + size, memory_order_seq_cst);
	return true;
}

const struct quicd_forwarded *quicd_forward_front(struct quicd_forward_ring *ring, uint8_t **bytes)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	/* Acquire: the record is whole before the index that shows it. */
	if (atomic_load_explicit(&ring->tail, memory_order_acquire) == head)
		return NULL;
	const uint32_t at = head & (ring->capacity - 1);
	if (*(const uint32_t *)(ring->bytes + at) == SKIP_TO_START) {
		head += ring->capacity - at;
		atomic_store_explicit(&ring->head, head, memory_order_release);
	}
	uint8_t *record = ring->bytes + (head & (ring->capacity - 1));
	*bytes = record + sizeof(struct quicd_forwarded);
	return (const struct quicd_forwarded *)record;
}

void quicd_forward_pop(struct quicd_forward_ring *ring)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	const struct quicd_forwarded *datagram =
		(const struct quicd_forwarded *)(ring->bytes + (head & (ring->capacity - 1)));
	/* Release: our reads of the record come before the writer's next use of its bytes. */
	atomic_store_explicit(&ring->head, head + record_bytes(datagram->length),
			      memory_order_release);
}

static struct quicd_forward_ring *ring_between(struct quicd_engine *engine, uint32_t from,
					       uint32_t to)
{
	return &engine->forward[from * engine->options.workers + to];
}

bool quicd_forward_create(struct quicd_engine *engine)
{
	const uint32_t workers = engine->options.workers;
	uint32_t capacity = QUICD_FORWARD_BYTES_MAX;
	while (capacity > QUICD_FORWARD_BYTES_MIN &&
	       (uint64_t)capacity * workers * workers > QUICD_FORWARD_BYTES_ALL)
		capacity /= 2;
	engine->forward = aligned_alloc(QUICD_CACHE_LINE,
					sizeof(*engine->forward) * workers * workers);
	if (!engine->forward)
		return false;
	memset(engine->forward, 0, sizeof(*engine->forward) * workers * workers);
	for (uint32_t from = 0; from < workers; from++)
		for (uint32_t to = 0; to < workers; to++)
			if (from != to &&
			    !quicd_forward_ring_create(ring_between(engine, from, to), capacity))
				return false;
	return true;
}

void quicd_forward_destroy(struct quicd_engine *engine)
{
	const uint32_t workers = engine->options.workers;
	for (uint32_t i = 0; engine->forward && i < workers * workers; i++)
		quicd_forward_ring_destroy(&engine->forward[i]);
	free(engine->forward);
	engine->forward = NULL;
}

/* Everything at worker 0 is a mode of the benches: new connections go by a keyed hash there. */
static uint32_t owner_by_address(const struct quicd_worker *worker, const struct qd_address *from)
{
	uint64_t words[2];
	memcpy(words, from->ip, sizeof(words));
	uint64_t hash = quicd_sip_one_word(&worker->engine->keys.map, words[0]);
	hash = quicd_sip_one_word(&worker->engine->keys.map, hash ^ words[1]);
	hash = quicd_sip_one_word(&worker->engine->keys.map, hash ^ from->port);
	return (uint32_t)(hash % worker->engine->options.workers);
}

static bool is_first_flight(const struct quicd_packet_header *header)
{
	return header->form == QUICD_PACKET_LONG && (header->type == QUICD_LONG_INITIAL ||
						     header->type == QUICD_LONG_ZERO_RTT);
}

/* The worker whose CID the packet carries; QUICD_NONE for a stranger's. */
static uint32_t owner_of(const struct quicd_worker *worker,
			 const struct quicd_packet_header *header)
{
	struct quicd_cid_route route;
	if (header->dcid_bytes != QUICD_CID_BYTES ||
	    (header->form == QUICD_PACKET_LONG && !quicd_version_is_known(header->version)) ||
	    !quicd_cid_open(&worker->engine->keys.cid, header->dcid, &route) ||
	    route.worker >= worker->engine->options.workers)
		return QUICD_NONE;
	return route.worker;
}

bool quicd_forward_elsewhere(struct quicd_worker *worker, const struct quicd_packet_header *header,
			     const uint8_t *bytes, struct quicd_forwarded *datagram)
{
	struct quicd_engine *engine = worker->engine;
	struct quicd_counters *counters = worker->counters;
	if (engine->options.workers == 1 || engine->options.no_forwarding)
		return false;
	uint32_t owner = owner_of(worker, header);
	if (owner == QUICD_NONE && engine->routing == QUICD_ROUTING_SINGLE &&
	    is_first_flight(header)) {
		owner = owner_by_address(worker, &datagram->from);
		datagram->may_open = true;
	}
	if (owner == QUICD_NONE || owner == worker->index)
		return false;
	/*
	 * A first flight with an ID of ours is a client's second one after its address changed, or
	 * a replay that is aimed at that worker (RFC 9000 §21.13): a trickle is enough for the
	 * former.
	 */
	const uint64_t interval_ns =
		QUICD_FORWARD_INITIAL_NS * (engine->options.workers - 1);
	if (!datagram->may_open && is_first_flight(header) &&
	    !quicd_rate_take(&worker->forward_rate, worker->now_ns, interval_ns,
			     QUICD_FORWARD_INITIAL_BURST_NS)) {
		counters->receive_forward_limited++;
		return true;
	}
	if (!quicd_forward_push(ring_between(engine, worker->index, owner), datagram, bytes)) {
		counters->receive_forward_full++;
	} else {
		counters->receive_forwarded++;
	}
	worker->forwarded_to |= 1ull << owner;
	return true;
}

void quicd_forward_receive(struct quicd_worker *worker)
{
	const uint32_t workers = worker->engine->options.workers;
	for (uint32_t from = 0; from < workers; from++) {
		if (from == worker->index)
			continue;
		struct quicd_forward_ring *ring =
			ring_between(worker->engine, from, worker->index);
		const struct quicd_forwarded *datagram;
		uint8_t *bytes;
		/* What comes meanwhile waits for the next turn. */
		uint32_t left = QUICD_NET_BATCH;
		while (left-- > 0 && (datagram = quicd_forward_front(ring, &bytes))) {
			quicd_receive_forwarded(worker, datagram, bytes);
			quicd_forward_pop(ring);
		}
	}
}

void quicd_forward_wake(struct quicd_worker *worker)
{
	while (worker->forwarded_to) {
		const uint32_t to = (uint32_t)__builtin_ctzll(worker->forwarded_to);
		worker->forwarded_to &= worker->forwarded_to - 1;
		quicd_worker_kick(&worker->engine->workers[to]);
	}
}

bool quicd_forward_waits(struct quicd_worker *worker)
{
	const uint32_t workers = worker->engine->options.workers;
	for (uint32_t from = 0; from < workers; from++)
		if (from != worker->index &&
		    !quicd_forward_empty(ring_between(worker->engine, from, worker->index)))
			return true;
	return false;
}
