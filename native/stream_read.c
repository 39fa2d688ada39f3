/* stream_read.c - from quiche into chunks and events, see stream.h. */
#include <assert.h>
#include "chunk.h"
#include "connection.h"
#include "event.h"
#include "stream.h"
#include "worker.h"

#define IDS_PER_CALL 64

enum read_outcome { READ_DRAINED, READ_PAUSED, READ_BLOCKED };

static void note_reset(struct quicd_stream *stream, struct quicd_connection *connection,
		       uint64_t error_code)
{
	stream->receive_done = true;
	stream->reset_code = error_code;
	stream->pending |= QUICD_STREAM_PENDING_RESET;
	quicd_list_append(&connection->telling, &stream->telling);
}

/* One chunk and its event. */
static enum read_outcome read_once(struct quicd_stream *stream, struct quicd_connection *connection,
				   bool *more)
{
	struct quicd_worker *worker = connection->worker;
	*more = false;
	if (stream->chunks_out >= worker->engine->options.stream_chunks) {
		stream->receive_paused = true;
		worker->paused_streams++;
		return READ_PAUSED;
	}
	if (!quicd_event_room(connection, false))
		return READ_BLOCKED;
	const size_t waiting = qd_stream_readable_bytes(connection->quiche, stream->id);
	const uint32_t buffer = quicd_chunk_take(connection, waiting);
	if (buffer == QUICD_NONE)
		return READ_BLOCKED;
	const size_t capacity = quicd_slab_buffer_bytes(&worker->slab, buffer);
	bool fin = false;
	uint64_t error_code = 0;
	const ssize_t got =
		qd_stream_recv(connection->quiche, stream->id, quicd_slab_at(&worker->slab, buffer),
			       capacity, &fin, &error_code);
	if (got <= 0)
		quicd_chunk_give_back(worker, buffer);
	if (got == QD_ERROR_STREAM_RESET) {
		note_reset(stream, connection, error_code);
		return READ_DRAINED;
	}
	if (got < 0 || (got == 0 && !fin))
		return READ_DRAINED;
	struct quicd_event event = { .kind = QUICD_EVENT_STREAM_DATA,
				     .flags = fin ? QUICD_FLAG_FIN : 0,
				     .buffer = got > 0 ? buffer : QUICD_NONE,
				     .length = (uint32_t)got };
	if (got > 0) {
		quicd_chunk_lease(connection, buffer, stream);
		stream->chunks_out++;
		worker->counters->receive_copied_bytes += (uint64_t)got;
	}
	quicd_event_of_stream(&event, stream);
	quicd_event_emit(connection, &event);
	connection->answer_expected = true;
	if (fin)
		stream->receive_done = true;
	/* Less than there was room for is all there was; or a reset comes next. */
	*more = !fin && ((size_t)got == capacity ||
			 qd_stream_is_readable(connection->quiche, stream->id));
	return READ_DRAINED;
}

static enum read_outcome read_stream(struct quicd_stream *stream,
				     struct quicd_connection *connection)
{
	bool more = true;
	while (more) {
		const enum read_outcome outcome = read_once(stream, connection, &more);
		if (outcome != READ_DRAINED)
			return outcome;
	}
	return READ_DRAINED;
}

bool quicd_streams_read(struct quicd_connection *connection)
{
	while (quicd_node_linked(&connection->readable)) {
		struct quicd_stream *stream =
			QUICD_ELEMENT(connection->readable.next, struct quicd_stream, readable);
		if (read_stream(stream, connection) == READ_BLOCKED)
			return false;
		quicd_node_remove(&stream->readable);
		quicd_stream_settle(stream, connection);
	}
	return true;
}

static void note_readable(struct quicd_connection *connection, uint64_t id)
{
	struct quicd_stream *stream = quicd_stream_find(connection, id);
	if (!stream) {
		if (quicd_stream_is_local(connection, id))
			return; /* one of ours that is done on both sides */
		stream = quicd_stream_new(connection, id);
		if (!stream) {
			/*
			 * The table is full: refuse this one stream rather than stall the
			 * connection.
			 */
			qd_stream_shutdown(connection->quiche, id, QD_SHUTDOWN_READ, 0);
			if (!quicd_stream_is_unidirectional(id))
				qd_stream_shutdown(connection->quiche, id, QD_SHUTDOWN_WRITE, 0);
			return;
		}
		stream->early = connection->state == QUICD_STATE_EARLY;
	}
	if (stream->stopped_by_us) {
		uint8_t scrap[256];
		bool fin = false;
		uint64_t error_code = 0;
		while (qd_stream_recv(connection->quiche, id, scrap, sizeof(scrap), &fin,
				      &error_code) > 0 &&
		       !fin)
			;
		quicd_stream_settle(stream, connection);
		return;
	}
	if (!stream->receive_done && !stream->receive_paused)
		quicd_list_append(&connection->readable, &stream->readable);
}

void quicd_streams_note_readable(struct quicd_connection *connection)
{
	uint64_t ids[IDS_PER_CALL];
	size_t count;
	do {
		count = qd_next_readable(connection->quiche, ids, IDS_PER_CALL);
		for (size_t i = 0; i < count; i++)
			note_readable(connection, ids[i]);
	} while (count == IDS_PER_CALL);
}

void quicd_stream_stop(struct quicd_stream *stream, struct quicd_connection *connection,
		       uint64_t error_code)
{
	if (stream->receive_done)
		return;
	qd_stream_shutdown(connection->quiche, stream->id, QD_SHUTDOWN_READ, error_code);
	stream->receive_done = true;
	stream->stopped_by_us = true;
	quicd_node_remove(&stream->readable);
	quicd_connection_wants_flush(connection);
	quicd_stream_settle(stream, connection);
}
