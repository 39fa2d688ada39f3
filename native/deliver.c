/*
 * deliver.c - telling the application, in order, what it has not been told; see connection.h and
 * event.h.
 */
#include <assert.h>
#include "chunk.h"
#include "connection.h"
#include "event.h"
#include "stream.h"
#include "worker.h"

static uint32_t flags_of(const struct quicd_connection *connection, enum quicd_event_kind kind)
{
	if (kind == QUICD_EVENT_CONNECTED)
		return connection->early ? QUICD_FLAG_EARLY : 0;
	if (kind == QUICD_EVENT_HANDSHAKE_DONE)
		return connection->view->flags & QUICD_CONNECTION_EARLY ? QUICD_FLAG_EARLY : 0;
	return 0;
}

static bool tell(struct quicd_connection *connection, enum quicd_event_kind kind, uint32_t bit)
{
	if (!(connection->pending & bit))
		return true;
	if (!quicd_event_room(connection, true))
		return false;
	connection->pending &= ~bit;
	connection->told |= bit;
	quicd_event_emit(connection,
			 &(struct quicd_event){.kind = kind,
					       .stream = QUICD_NONE,
					       .flags = flags_of(connection, kind),
					       .buffer = QUICD_NONE,
					       .request_id = bit == QUICD_PENDING_STARTED
								     ? connection->request_id
								     : 0,
					       .error_code = connection->view->close_code});
	return true;
}

static bool tell_answers(struct quicd_connection *connection)
{
	while (connection->answers.head) {
		if (!quicd_event_room(connection, true))
			return false;
		struct quicd_answer *answer = quicd_answer_take(&connection->answers);
		quicd_event_emit(connection,
				 &(struct quicd_event){.kind = answer->kind,
						       .stream = QUICD_NONE,
						       .buffer = QUICD_NONE,
						       .request_id = answer->request_id,
						       .error_code = answer->error_code});
		quicd_answer_free(connection->worker, answer);
	}
	return true;
}

static bool tell_stream(struct quicd_stream *stream, struct quicd_connection *connection)
{
	static const struct {
		uint32_t bit;
		enum quicd_event_kind kind;
	} ORDER[] = {
		{ QUICD_STREAM_PENDING_OPENED, QUICD_EVENT_STREAM_OPENED },
		{ QUICD_STREAM_PENDING_RESET, QUICD_EVENT_STREAM_RESET },
		{ QUICD_STREAM_PENDING_STOPPED, QUICD_EVENT_STREAM_STOPPED },
		{ QUICD_STREAM_PENDING_WRITABLE, QUICD_EVENT_STREAM_WRITABLE },
	};
	for (size_t i = 0; i < sizeof(ORDER) / sizeof(ORDER[0]); i++) {
		if (!(stream->pending & ORDER[i].bit))
			continue;
		if (!quicd_event_room(connection, true))
			return false;
		stream->pending &= ~ORDER[i].bit;
		struct quicd_event event = { .kind = ORDER[i].kind,
					     .buffer = QUICD_NONE,
					     .request_id = stream->request_id };
		if (ORDER[i].bit == QUICD_STREAM_PENDING_RESET)
			event.error_code = stream->reset_code;
		if (ORDER[i].bit == QUICD_STREAM_PENDING_STOPPED)
			event.error_code = stream->stopped_code;
		quicd_event_of_stream(&event, stream);
		quicd_event_emit(connection, &event);
	}
	return true;
}

static bool tell_streams(struct quicd_connection *connection)
{
	while (quicd_node_linked(&connection->telling)) {
		struct quicd_stream *stream =
			QUICD_ELEMENT(connection->telling.next, struct quicd_stream, telling);
		if (!tell_stream(stream, connection))
			return false;
		quicd_node_remove(&stream->telling);
		quicd_stream_settle(stream, connection);
	}
	return true;
}

/* RFC 9221. Without room they wait in quiche's queue, which drops its oldest when full. */
static bool tell_datagrams(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	for (;;) {
		const ssize_t waiting = qd_datagram_front_bytes(connection->quiche);
		if (waiting < 0)
			return true;
		if (!quicd_event_room(connection, false))
			return false;
		const uint32_t buffer = quicd_chunk_take(connection, (size_t)waiting);
		if (buffer == QUICD_NONE)
			return false;
		const ssize_t got =
			qd_datagram_recv(connection->quiche, quicd_slab_at(&worker->slab, buffer),
					 quicd_slab_buffer_bytes(&worker->slab, buffer));
		if (got < 0) {
			quicd_chunk_give_back(worker, buffer);
			return true;
		}
		connection->datagrams_told++;
		quicd_chunk_lease(connection, buffer, NULL);
		const bool early = connection->state == QUICD_STATE_EARLY;
		quicd_event_emit(connection,
				 &(struct quicd_event){.kind = QUICD_EVENT_DATAGRAM,
						       .stream = QUICD_NONE,
						       .flags = early ? QUICD_FLAG_EARLY : 0,
						       .buffer = buffer,
						       .length = (uint32_t)got});
		connection->answer_expected = true;
	}
}

/*
 * Client: the newest session. Nothing waits for it: without room it comes with a later turn, or
 * not at all.
 */
static void tell_session(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	if (!quicd_connection_is_client(connection) || connection->state != QUICD_STATE_ESTABLISHED)
		return;
	const ssize_t waiting = qd_session_bytes(connection->quiche);
	if (waiting <= 0 || (uint32_t)waiting == connection->session_left)
		return;
	if (waiting > QUICD_LARGE_BUFFER_BYTES) {
		connection->session_left = (uint32_t)waiting;
		worker->counters->sessions_dropped++;
		return;
	}
	if (!quicd_event_room(connection, false))
		return;
	const uint32_t buffer = quicd_chunk_take(connection, (size_t)waiting);
	if (buffer == QUICD_NONE)
		return;
	const ssize_t got =
		qd_take_session(connection->quiche, quicd_slab_at(&worker->slab, buffer),
				quicd_slab_buffer_bytes(&worker->slab, buffer));
	if (got < 0) {
		quicd_chunk_give_back(worker, buffer);
		return;
	}
	worker->counters->sessions++;
	quicd_chunk_lease(connection, buffer, NULL);
	quicd_event_emit(connection, &(struct quicd_event){ .kind = QUICD_EVENT_SESSION,
							    .stream = QUICD_NONE,
							    .buffer = buffer,
							    .length = (uint32_t)got });
}

/* True when nothing is left to tell. */
static bool tell_all(struct quicd_connection *connection)
{
	const uint32_t first = QUICD_PENDING_STARTED | QUICD_PENDING_CONNECTED;
	if (!((connection->told | connection->pending) & first))
		return true; /* the application never heard of it */
	if (!tell(connection, QUICD_EVENT_CONNECT_STARTED, QUICD_PENDING_STARTED) ||
	    !tell(connection, QUICD_EVENT_CONNECTED, QUICD_PENDING_CONNECTED) ||
	    !tell(connection, QUICD_EVENT_HANDSHAKE_DONE, QUICD_PENDING_HANDSHAKE_DONE))
		return false;
	if (!(connection->told & QUICD_PENDING_CLOSING) && !connection->dead) {
		tell_session(connection);
		if (!tell(connection, QUICD_EVENT_PATH_CHANGED, QUICD_PENDING_PATH) ||
		    !tell_answers(connection) || !quicd_streams_read(connection) ||
		    !tell_streams(connection) || !tell_datagrams(connection))
			return false;
	}
	return tell(connection, QUICD_EVENT_CLOSING, QUICD_PENDING_CLOSING) &&
	       tell(connection, QUICD_EVENT_CLOSED, QUICD_PENDING_CLOSED);
}

void quicd_connection_deliver(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	if (!tell_all(connection)) {
		quicd_list_append(&worker->blocked, &connection->blocked);
		return;
	}
	if (connection->state == QUICD_STATE_CLOSED)
		quicd_list_append(&worker->dying, &connection->dying);
}
