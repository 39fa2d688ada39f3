/* stream_send.c - from the application's writes into quiche, see stream.h. */
#include <assert.h>
#include "connection.h"
#include "event.h"
#include "memory.h"
#include "stream.h"
#include "worker.h"

#define IDS_PER_CALL 64

static uint32_t pinned_bytes(struct quicd_worker *worker, const struct quicd_segment *segment)
{
	if (segment->slab == QUICD_NONE)
		return 0;
	return quicd_slab_buffer_bytes(worker->engine->slabs[segment->slab], segment->buffer);
}

/* It is in no queue any more. */
static void free_segment(struct quicd_connection *connection, struct quicd_segment *segment)
{
	struct quicd_worker *worker = connection->worker;
	connection->queued_segments--;
	worker->queued_slab_bytes -= pinned_bytes(worker, segment);
	quicd_segment_free(&worker->segments, segment, worker->engine->slabs);
}

static void drop_segment(struct quicd_stream *stream, struct quicd_connection *connection)
{
	struct quicd_segment *segment = stream->head;
	stream->head = segment->next;
	if (!stream->head)
		stream->tail = NULL;
	free_segment(connection, segment);
}

/* Bytes that wait no longer, whether quiche has them or nobody. */
static void count_left(struct quicd_stream *stream, struct quicd_connection *connection,
		       uint32_t bytes)
{
	stream->left_bytes += bytes;
	stream->queued_bytes -= bytes;
	connection->queued_bytes -= bytes;
	connection->worker->queued_bytes -= bytes;
}

void quicd_stream_drop_queue(struct quicd_stream *stream, struct quicd_connection *connection)
{
	count_left(stream, connection, stream->queued_bytes);
	while (stream->head)
		drop_segment(stream, connection);
	quicd_node_remove(&stream->sendable);
}

void quicd_stream_queue(struct quicd_stream *stream, struct quicd_connection *connection,
			struct quicd_segment *segment)
{
	struct quicd_worker *worker = connection->worker;
	assert(!stream->fin_queued && !stream->send_done);
	if (segment->slab != QUICD_NONE &&
	    (worker->queued_slab_bytes >= QUICD_WORKER_QUEUE_SLAB_BYTES ||
	     quicd_slab_is_scarce(worker->engine->slabs[segment->slab], segment->buffer)))
		quicd_segment_copy_out(segment, worker->engine->slabs);
	worker->queued_slab_bytes += pinned_bytes(worker, segment);
	if (stream->tail)
		stream->tail->next = segment;
	else
		stream->head = segment;
	stream->tail = segment;
	connection->queued_segments++;
	stream->fin_queued = segment->fin;
	stream->written_bytes += segment->length;
	stream->queued_bytes += segment->length;
	connection->queued_bytes += segment->length;
	worker->queued_bytes += segment->length;
	if (stream->head == segment)
		quicd_list_append(&connection->sendable, &stream->sendable);
	quicd_connection_wants_flush(connection);
}

/*
 * The application may write on: at once when the queue ran low, never more than the connection's
 * share.
 */
static void raise_credit(struct quicd_stream *stream, struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	if (stream->fin_queued || stream->send_done)
		return;
	uint32_t window = QUICD_STREAM_CREDIT_MAX;
	if (connection->queued_bytes > QUICD_CONNECTION_QUEUE_BYTES / 2)
		window = QUICD_STREAM_CREDIT_MIN;
	if (worker->queued_bytes > QUICD_WORKER_QUEUE_BYTES || !quicd_memory_is_ample(worker))
		window = QUICD_STREAM_CREDIT_TIGHT;
	const uint32_t limit = stream->left_bytes + window;
	const int32_t step = (int32_t)(limit - stream->credit_limit);
	if (step <= 0 || ((uint32_t)step < window / 4 && stream->queued_bytes > 0))
		return;
	struct quicd_stream_view *view = &worker->stream_views[stream->index];
	stream->credit_limit = limit;
	atomic_store_explicit((_Atomic uint32_t *)&view->credit_limit, limit, memory_order_seq_cst);
	/* seq_cst with quicd_stream_want: either it sees the new limit, or we see its wish. */
	if (atomic_load_explicit((_Atomic uint32_t *)&view->want_writable, memory_order_seq_cst) ==
		    0 ||
	    atomic_exchange_explicit((_Atomic uint32_t *)&view->want_writable, 0,
				     memory_order_seq_cst) == 0)
		return;
	stream->pending |= QUICD_STREAM_PENDING_WRITABLE;
	quicd_list_append(&connection->telling, &stream->telling);
}

static bool lends(struct quicd_connection *connection, const struct quicd_segment *segment)
{
	return segment->slab != QUICD_NONE && segment->length >= QUICD_REFERENCE_BYTES_MIN &&
	       connection->referenced_bytes < QUICD_REFERENCE_BYTES_MAX;
}

static ssize_t offer(struct quicd_stream *stream, struct quicd_connection *connection,
		     struct quicd_segment *segment, uint64_t *error_code)
{
	struct quicd_worker *worker = connection->worker;
	if (!lends(connection, segment)) {
		const ssize_t taken =
			qd_stream_send_copy(connection->quiche, stream->id, segment->bytes,
					    segment->length, segment->fin, error_code);
		if (taken > 0)
			worker->counters->send_copied_bytes += (uint64_t)taken;
		return taken;
	}
	/*
	 * One reference and its count go along; quicd_worker_release takes both back, whatever
	 * the outcome.
	 */
	quicd_slab_retain(worker->engine->slabs[segment->slab], segment->buffer);
	connection->referenced_bytes += pinned_bytes(worker, segment);
	const ssize_t taken = qd_stream_send_ref(connection->quiche, stream->id, segment->bytes,
						 segment->length, segment->fin, connection,
						 segment->slab, segment->buffer, error_code);
	if (taken > 0)
		worker->counters->send_referenced_bytes += (uint64_t)taken;
	return taken;
}

static void end_by_peer(struct quicd_stream *stream, struct quicd_connection *connection,
			uint64_t error_code)
{
	quicd_stream_drop_queue(stream, connection);
	stream->send_done = true;
	stream->stopped_code = error_code;
	stream->pending |= QUICD_STREAM_PENDING_STOPPED;
	quicd_list_append(&connection->telling, &stream->telling);
}

/* quiche has all that is to arrive. */
static void finish_reset(struct quicd_stream *stream, struct quicd_connection *connection)
{
	stream->resetting = false;
	stream->send_done = true;
	const int outcome = qd_stream_reset_at(connection->quiche, stream->id,
					       stream->reset_at_code, stream->reset_at);
	/* Gone, or stopped by the peer: there is nobody to reset it for. */
	assert(outcome != QD_ERROR_FINAL_SIZE);
	quicd_connection_wants_flush(connection);
}

/* Until the queue is empty or quiche is full. */
static void pump(struct quicd_stream *stream, struct quicd_connection *connection)
{
	while (stream->head) {
		struct quicd_segment *segment = stream->head;
		uint64_t error_code = 0;
		ssize_t taken = offer(stream, connection, segment, &error_code);
		if (taken == QD_ERROR_PANIC) {
			connection->dead = true;
			return;
		}
		if (taken == QD_DONE)
			taken = 0;
		if (taken < 0) {
			end_by_peer(stream, connection, error_code);
			return;
		}
		const bool all = (uint32_t)taken == segment->length;
		if (taken > 0) /* a FIN alone has no bytes to point into */
			segment->bytes += taken;
		segment->length -= (uint32_t)taken;
		stream->taken_bytes += (uint64_t)taken;
		count_left(stream, connection, (uint32_t)taken);
		if (!all)
			break; /* quicd_streams_note_writable brings it back */
		if (segment->fin)
			stream->send_done = true;
		drop_segment(stream, connection);
	}
	if (stream->resetting && !stream->head)
		finish_reset(stream, connection);
	raise_credit(stream, connection);
}

void quicd_streams_pump(struct quicd_connection *connection)
{
	while (quicd_node_linked(&connection->sendable) && !connection->dead) {
		struct quicd_stream *stream =
			QUICD_ELEMENT(connection->sendable.next, struct quicd_stream, sendable);
		quicd_node_remove(&stream->sendable);
		pump(stream, connection);
		quicd_stream_settle(stream, connection);
	}
}

static void note_writable(struct quicd_connection *connection, uint64_t id)
{
	struct quicd_stream *stream = quicd_stream_find(connection, id);
	if (!stream || stream->send_done)
		return;
	uint64_t error_code = 0;
	if (qd_stream_capacity(connection->quiche, id, &error_code) == QD_ERROR_STREAM_STOPPED) {
		end_by_peer(stream, connection, error_code);
		return;
	}
	if (stream->head) {
		quicd_list_append(&connection->sendable, &stream->sendable);
		quicd_connection_wants_flush(connection);
	}
}

void quicd_streams_note_writable(struct quicd_connection *connection)
{
	uint64_t ids[IDS_PER_CALL];
	size_t count;
	do {
		count = qd_next_writable(connection->quiche, ids, IDS_PER_CALL);
		for (size_t i = 0; i < count; i++)
			note_writable(connection, ids[i]);
	} while (count == IDS_PER_CALL);
}

/* Takes back what was written beyond |end|, an offset in the stream. */
static void cut_queue(struct quicd_stream *stream, struct quicd_connection *connection,
		      uint64_t end)
{
	uint64_t offset = stream->taken_bytes;
	struct quicd_segment **place = &stream->head;
	struct quicd_segment *kept = NULL;
	while (*place && offset < end) {
		kept = *place;
		kept->fin = false;
		if (kept->length > end - offset)
			kept->length = (uint32_t)(end - offset);
		offset += kept->length;
		place = &kept->next;
	}
	struct quicd_segment *rest = *place;
	*place = NULL;
	stream->tail = kept;
	while (rest) {
		struct quicd_segment *next = rest->next;
		free_segment(connection, rest);
		rest = next;
	}
	const uint32_t kept_bytes = (uint32_t)(offset - stream->taken_bytes);
	count_left(stream, connection, stream->queued_bytes - kept_bytes);
}

/* RESET_STREAM_AT: at once, or when flow control has let out what is to arrive. */
static void reset_at(struct quicd_stream *stream, struct quicd_connection *connection,
		     uint64_t error_code, uint64_t reliable_bytes)
{
	const uint64_t written = stream->taken_bytes + stream->queued_bytes;
	stream->reset_at = reliable_bytes < written ? reliable_bytes : written;
	stream->reset_at_code = error_code;
	stream->resetting = true;
	stream->fin_queued = true; /* nothing is written any more */
	cut_queue(stream, connection, stream->reset_at);
	if (stream->head)
		return;
	quicd_node_remove(&stream->sendable);
	finish_reset(stream, connection);
	quicd_stream_settle(stream, connection);
}

void quicd_stream_reset(struct quicd_stream *stream, struct quicd_connection *connection,
			uint64_t error_code, uint64_t reliable_bytes)
{
	if (stream->send_done || stream->resetting)
		return;
	if (reliable_bytes > 0 && connection->view->flags & QUICD_CONNECTION_RESETS_AT) {
		reset_at(stream, connection, error_code, reliable_bytes);
		return;
	}
	qd_stream_shutdown(connection->quiche, stream->id, QD_SHUTDOWN_WRITE, error_code);
	quicd_stream_drop_queue(stream, connection);
	stream->send_done = true;
	quicd_connection_wants_flush(connection);
	quicd_stream_settle(stream, connection);
}
