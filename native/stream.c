/* stream.c - the table of streams, see stream.h. */
#include "stream.h"
#include <assert.h>
#include <string.h>
#include "connection.h"
#include "pages.h"
#include "worker.h"

/* Looked at in a turn of their connection; the others' turn comes. */
#define LINGERING_PER_TURN 8

bool quicd_streams_create(struct quicd_worker *worker, uint32_t capacity)
{
	uint32_t buckets = 64;
	while (buckets < capacity)
		buckets *= 2;
	worker->stream_capacity = capacity;
	worker->stream_bucket_mask = buckets - 1;
	worker->streams = quicd_pages_map((size_t)capacity * sizeof(*worker->streams));
	worker->stream_views = quicd_pages_map((size_t)capacity * sizeof(*worker->stream_views));
	worker->stream_buckets = quicd_pages_map((size_t)buckets * sizeof(*worker->stream_buckets));
	worker->stream_used = 0;
	return worker->streams && worker->stream_views && worker->stream_buckets;
}

/* The views stay mapped: JavaScript may still look at them. */
void quicd_streams_destroy(struct quicd_worker *worker)
{
	quicd_pages_unmap(worker->streams,
			  (size_t)worker->stream_capacity * sizeof(*worker->streams));
	const size_t buckets = (size_t)worker->stream_bucket_mask + 1;
	quicd_pages_unmap(worker->stream_buckets, buckets * sizeof(*worker->stream_buckets));
	worker->streams = NULL;
	worker->stream_buckets = NULL;
}

/* Keyed: a client chooses how many streams it opens, not where they land. */
static uint32_t *bucket_of(struct quicd_worker *worker, uint32_t connection, uint64_t id)
{
	uint64_t h = (id ^ worker->cids.key.k0) + ((uint64_t)connection << 32);
	h *= 0x9e3779b97f4a7c15ULL;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ULL ^ worker->cids.key.k1 << 1;
	return &worker->stream_buckets[(h >> 32) & worker->stream_bucket_mask];
}

bool quicd_stream_is_local(const struct quicd_connection *connection, uint64_t id)
{
	/* RFC 9000 §2.1: bit 0 is set in what a server opens */
	return (id & 1) != quicd_connection_is_client(connection);
}

struct quicd_stream *quicd_stream_find(struct quicd_connection *connection, uint64_t id)
{
	struct quicd_worker *worker = connection->worker;
	for (uint32_t slot = *bucket_of(worker, connection->index, id); slot != 0;) {
		struct quicd_stream *stream = &worker->streams[slot - 1];
		if (stream->connection == connection->index && stream->id == id)
			return stream;
		slot = stream->bucket_next;
	}
	return NULL;
}

struct quicd_stream *quicd_stream_of_command(struct quicd_connection *connection, uint32_t index,
					     uint32_t generation)
{
	struct quicd_worker *worker = connection->worker;
	if (index >= worker->stream_used)
		return NULL;
	struct quicd_stream *stream = &worker->streams[index];
	if (stream->generation != generation || stream->connection != connection->index)
		return NULL;
	return stream;
}

static void publish_first_credit(struct quicd_worker *worker, struct quicd_stream *stream)
{
	struct quicd_stream_view *view = &worker->stream_views[stream->index];
	/*
	 * With much queued already, a new stream starts small: a peer that never reads can open
	 * many.
	 */
	stream->credit_limit = worker->queued_bytes < QUICD_WORKER_QUEUE_BYTES
				       ? QUICD_STREAM_CREDIT_MIN
				       : QUICD_STREAM_CREDIT_TIGHT;
	view->generation = stream->generation;
	atomic_store_explicit((_Atomic uint32_t *)&view->want_writable, 0, memory_order_relaxed);
	/* Release: with the event that announces the stream, the app thread sees its credit. */
	atomic_store_explicit((_Atomic uint32_t *)&view->credit_limit, stream->credit_limit,
			      memory_order_release);
}

struct quicd_stream *quicd_stream_new(struct quicd_connection *connection, uint64_t id)
{
	struct quicd_worker *worker = connection->worker;
	uint32_t slot = worker->stream_free;
	if (slot != 0)
		worker->stream_free = worker->streams[slot - 1].bucket_next;
	else if (worker->stream_used < worker->stream_capacity)
		slot = ++worker->stream_used;
	else
		return NULL;
	struct quicd_stream *stream = &worker->streams[slot - 1];
	const uint32_t generation = stream->generation + 1;
	memset(stream, 0, sizeof(*stream));
	stream->id = id;
	stream->index = slot - 1;
	stream->generation = generation;
	stream->connection = connection->index;
	quicd_node_init(&stream->all);
	quicd_node_init(&stream->readable);
	quicd_node_init(&stream->sendable);
	quicd_node_init(&stream->telling);
	if (quicd_stream_is_unidirectional(id)) {
		stream->receive_done = quicd_stream_is_local(connection, id);
		stream->send_done = !stream->receive_done;
	}
	uint32_t *bucket = bucket_of(worker, connection->index, id);
	stream->bucket_next = *bucket;
	*bucket = slot;
	quicd_list_append(&connection->streams, &stream->all);
	publish_first_credit(worker, stream);
	worker->counters->live_streams++;
	return stream;
}

void quicd_stream_free(struct quicd_stream *stream, struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	quicd_stream_drop_queue(stream, connection);
	if (stream->receive_paused)
		worker->paused_streams--;
	quicd_node_remove(&stream->all);
	quicd_node_remove(&stream->readable);
	quicd_node_remove(&stream->sendable);
	quicd_node_remove(&stream->telling);
	uint32_t *link = bucket_of(worker, connection->index, stream->id);
	while (*link != stream->index + 1) {
		assert(*link != 0);
		link = &worker->streams[*link - 1].bucket_next;
	}
	*link = stream->bucket_next;
	stream->generation++;
	stream->connection = QUICD_NONE;
	stream->bucket_next = worker->stream_free;
	worker->stream_free = stream->index + 1;
	worker->counters->live_streams--;
}

void quicd_streams_settle_lingering(struct quicd_connection *connection)
{
	for (int i = 0; i < LINGERING_PER_TURN && quicd_node_linked(&connection->lingering); i++) {
		struct quicd_stream *stream =
			QUICD_ELEMENT(connection->lingering.next, struct quicd_stream, readable);
		quicd_node_remove(&stream->readable);
		quicd_stream_settle(stream, connection);
	}
}

void quicd_stream_settle(struct quicd_stream *stream, struct quicd_connection *connection)
{
	if (!stream->receive_done || !stream->send_done || stream->pending != 0)
		return;
	if (stream->stopped_by_us && !connection->dead &&
	    !qd_stream_finished(connection->quiche, stream->id)) {
		quicd_list_append(&connection->lingering, &stream->readable);
		return;
	}
	quicd_stream_free(stream, connection);
}
