/* open.c - see open.h. */
#include "open.h"
#include "answer.h"
#include "connection.h"
#include "stream.h"
#include "worker.h"

enum open_outcome { OPEN_DONE, OPEN_LATER, OPEN_NEVER };

/*
 * An empty write makes the stream known to quiche, which counts it against the peer's limit;
 * nothing is sent for it, but beyond the limit STREAMS_BLOCKED is (RFC 9000 §19.14).
 */
static enum open_outcome open_one(struct quicd_connection *connection, bool unidirectional,
				  uint32_t request_id)
{
	uint64_t *next = &connection->next_id[unidirectional];
	uint64_t error_code = 0;
	const ssize_t made =
		qd_stream_send_copy(connection->quiche, *next, NULL, 0, false, &error_code);
	if (made == QD_ERROR_STREAM_LIMIT) {
		quicd_connection_wants_flush(connection);
		return OPEN_LATER;
	}
	if (made < 0 && made != QD_DONE)
		return OPEN_NEVER;
	struct quicd_stream *stream = quicd_stream_new(connection, *next);
	if (!stream)
		return OPEN_NEVER;
	*next += 4;
	stream->request_id = request_id;
	stream->announced = true;
	stream->pending |= QUICD_STREAM_PENDING_OPENED;
	quicd_list_append(&connection->telling, &stream->telling);
	quicd_list_append(&connection->worker->blocked, &connection->blocked);
	return OPEN_DONE;
}

static void refuse(struct quicd_connection *connection, uint32_t request_id)
{
	quicd_answer(connection, QUICD_EVENT_OPEN_REFUSED, request_id, QUICD_REFUSED_LIMIT);
}

void quicd_open_stream(struct quicd_connection *connection, bool unidirectional,
		       uint32_t request_id)
{
	struct quicd_answers *queue = &connection->opens[unidirectional];
	enum open_outcome outcome = OPEN_LATER;
	if (!queue->head)
		outcome = open_one(connection, unidirectional, request_id);
	if (outcome == OPEN_DONE)
		return;
	if (outcome == OPEN_NEVER || connection->opens_waiting >= QUICD_OPENS_WAITING_MAX) {
		refuse(connection, request_id);
		return;
	}
	quicd_answer_queue(connection->worker, queue, QUICD_EVENT_STREAM_OPENED, request_id);
	connection->opens_waiting++;
	connection->worker->counters->opens_waiting++;
}

void quicd_open_waiting(struct quicd_connection *connection)
{
	for (int kind = 0; kind < 2 && connection->opens_waiting > 0; kind++) {
		struct quicd_answers *queue = &connection->opens[kind];
		while (queue->head) {
			const uint32_t request_id = queue->head->request_id;
			const enum open_outcome outcome = open_one(connection, kind, request_id);
			if (outcome == OPEN_LATER)
				break;
			quicd_answer_free(connection->worker, quicd_answer_take(queue));
			connection->opens_waiting--;
			connection->worker->counters->opens_waiting--;
			if (outcome == OPEN_NEVER)
				refuse(connection, request_id);
		}
	}
}
