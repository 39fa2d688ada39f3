/* command.c - see command.h. */
#include "command.h"
#include <assert.h>
#include <string.h>
#include "answer.h"
#include "connect.h"
#include "connection.h"
#include "event.h"
#include "open.h"
#include "qlog.h"
#include "stream.h"
#include "worker.h"

bool quicd_command_carries_buffer(const struct quicd_command *command)
{
	return (command->kind == QUICD_COMMAND_WRITE || command->kind == QUICD_COMMAND_DATAGRAM ||
		command->kind == QUICD_COMMAND_CLOSE || command->kind == QUICD_COMMAND_CONNECT) &&
	       command->buffer != QUICD_NONE;
}

bool quicd_command_range_ok(const struct quicd_engine *engine, const struct quicd_command *command)
{
	if (command->slab >= engine->slab_count)
		return false;
	const struct quicd_slab *slab = engine->slabs[command->slab];
	if (command->buffer >= quicd_slab_count(slab))
		return false;
	const uint32_t capacity = quicd_slab_buffer_bytes(slab, command->buffer);
	return command->offset <= capacity && command->length <= capacity - command->offset;
}

static void release_buffer(struct quicd_worker *worker, const struct quicd_command *command)
{
	if (quicd_command_carries_buffer(command))
		quicd_slab_release(worker->engine->slabs[command->slab], command->buffer);
}

static const uint8_t *bytes_of(struct quicd_worker *worker, const struct quicd_command *command)
{
	if (!quicd_command_carries_buffer(command))
		return NULL;
	return quicd_slab_at(worker->engine->slabs[command->slab], command->buffer) +
	       command->offset;
}

static void run_write(struct quicd_connection *connection, const struct quicd_command *command)
{
	struct quicd_worker *worker = connection->worker;
	struct quicd_stream *stream =
		quicd_stream_of_command(connection, command->stream, command->stream_generation);
	if (!stream || stream->send_done || stream->fin_queued) {
		worker->counters->commands_stale++;
		release_buffer(worker, command);
		return;
	}
	const uint32_t room = stream->credit_limit - stream->written_bytes;
	const bool fin = command->flags & QUICD_FLAG_FIN;
	/* Neither bytes nor an end, or bytes of no buffer. */
	const bool empty = command->length == 0 ? !fin : command->buffer == QUICD_NONE;
	if (command->length > room || empty) {
		worker->counters->commands_invalid++;
		release_buffer(worker, command);
		return;
	}
	struct quicd_segment *segment = quicd_segment_new(&worker->segments);
	segment->fin = fin;
	if (command->length > 0) {
		segment->bytes = bytes_of(worker, command);
		segment->length = command->length;
		segment->slab = command->slab;
		segment->buffer = command->buffer;
	} else {
		release_buffer(worker, command);
	}
	quicd_stream_queue(stream, connection, segment);
}

static enum quicd_refusal send_datagram(struct quicd_connection *connection,
					const struct quicd_command *command)
{
	struct quicd_worker *worker = connection->worker;
	/* One more reference goes along and comes back through quicd_worker_release, whatever
	 * the outcome; the lease's own is released by the caller. */
	quicd_slab_retain(worker->engine->slabs[command->slab], command->buffer);
	connection->referenced_bytes +=
		quicd_slab_buffer_bytes(worker->engine->slabs[command->slab], command->buffer);
	const bool told = command->flags & QUICD_FLAG_ANSWER;
	const int result = qd_datagram_send_ref(
		connection->quiche, bytes_of(worker, command), command->length, connection,
		command->slab, command->buffer, told ? command->request_id : 0);
	if (result >= 0) {
		worker->counters->datagrams_send_dropped += (uint64_t)result;
		quicd_connection_wants_flush(connection);
		return QUICD_OK;
	}
	switch (result) {
	case QD_DONE:
		worker->counters->datagrams_send_dropped++;
		return QUICD_REFUSED_DROPPED;
	case QD_ERROR_BUFFER_TOO_SHORT:
		return QUICD_REFUSED_TOO_LARGE;
	default:
		return QUICD_REFUSED_UNSUPPORTED;
	}
}

static void run_datagram(struct quicd_connection *connection, const struct quicd_command *command)
{
	enum quicd_refusal outcome = QUICD_REFUSED_INVALID;
	if (command->buffer != QUICD_NONE)
		outcome = send_datagram(connection, command);
	release_buffer(connection->worker, command);
	/* A queued one is answered when it leaves the queue: quicd_worker_datagram_outcome. */
	if (outcome != QUICD_OK && command->flags & QUICD_FLAG_ANSWER)
		quicd_answer(connection, QUICD_EVENT_DATAGRAM_OUTCOME, command->request_id,
			     outcome);
}

static void run_close(struct quicd_connection *connection, const struct quicd_command *command)
{
	struct quicd_worker *worker = connection->worker;
	const bool application = command->flags & QUICD_CLOSE_APPLICATION;
	const uint8_t *reason = bytes_of(worker, command);
	const uint32_t length = reason ? command->length : 0;
	struct quicd_goodbye *goodbye = &connection->goodbye;
	if (!(command->flags & QUICD_CLOSE_DRAINED)) {
		qd_close(connection->quiche, application, command->error_code, reason, length);
	} else if (!goodbye->waiting) {
		*goodbye = (struct quicd_goodbye){.waiting = true,
						  .application = application,
						  .error_code = command->error_code,
						  .progress_ns = worker->now_ns,
						  .deadline_ns = worker->now_ns + QUICD_GOODBYE_NS};
		goodbye->reason_bytes =
			length < sizeof(goodbye->reason) ? length : sizeof(goodbye->reason);
		if (length > 0)
			memcpy(goodbye->reason, reason, goodbye->reason_bytes);
	}
	release_buffer(worker, command);
	quicd_connection_wants_flush(connection);
	quicd_list_append(&worker->dirty, &connection->dirty);
}

static void run_stream_command(struct quicd_connection *connection,
			       const struct quicd_command *command)
{
	struct quicd_stream *stream =
		quicd_stream_of_command(connection, command->stream, command->stream_generation);
	if (!stream) {
		connection->worker->counters->commands_stale++;
		return;
	}
	if (command->kind == QUICD_COMMAND_RESET)
		quicd_stream_reset(stream, connection, command->error_code,
				   command->reliable_bytes);
	else if (command->kind == QUICD_COMMAND_STOP)
		quicd_stream_stop(stream, connection, command->error_code);
	else
		qd_stream_priority(connection->quiche, stream->id, (uint8_t)command->length,
				   command->flags & 1);
}

static void run_migrate(struct quicd_connection *connection, const struct quicd_command *command)
{
	if (quicd_connection_is_client(connection))
		quicd_migrate(connection, command->request_id);
	else
		connection->worker->counters->commands_invalid++;
}

/* Those that are on their way to the application, and that it has not used yet, would be late. */
static void run_start(struct quicd_connection *connection, const struct quicd_command *command)
{
	if (command->length <= connection->opens_waiting)
		quicd_connection_let_go(connection);
}

/* A client may give up in the midst of its handshake; nothing else makes sense there. */
static bool may_run(const struct quicd_connection *connection, const struct quicd_command *command)
{
	if (quicd_state_is_open(connection->state))
		return true;
	return command->kind == QUICD_COMMAND_CLOSE && quicd_connection_is_client(connection) &&
	       (connection->state == QUICD_STATE_INITIAL ||
		connection->state == QUICD_STATE_HANDSHAKING);
}

static void run(struct quicd_worker *worker, const struct quicd_command *command, uint32_t app)
{
	if (quicd_command_carries_buffer(command) &&
	    !quicd_command_range_ok(worker->engine, command)) {
		worker->counters->commands_invalid++;
		return; /* no buffer that could be released */
	}
	if (command->kind == QUICD_COMMAND_CONNECT) {
		quicd_connect(worker, command, bytes_of(worker, command), app);
		release_buffer(worker, command);
		return;
	}
	struct quicd_connection *connection =
		quicd_connection_of(worker, command->connection, command->connection_generation);
	if (!connection || connection->app != app || connection->dead ||
	    !may_run(connection, command)) {
		worker->counters->commands_stale++;
		release_buffer(worker, command);
		return;
	}
	switch ((enum quicd_command_kind)command->kind) {
	case QUICD_COMMAND_WRITE:
		run_write(connection, command);
		break;
	case QUICD_COMMAND_OPEN:
		quicd_open_stream(connection, command->flags & QUICD_FLAG_UNIDIRECTIONAL,
				  command->request_id);
		break;
	case QUICD_COMMAND_DATAGRAM:
		run_datagram(connection, command);
		break;
	case QUICD_COMMAND_CLOSE:
		run_close(connection, command);
		break;
	case QUICD_COMMAND_RESET:
	case QUICD_COMMAND_STOP:
	case QUICD_COMMAND_PRIORITY:
		run_stream_command(connection, command);
		break;
	case QUICD_COMMAND_KEEP_ALIVE:
		connection->keep_alive_ns = (uint64_t)command->length * 1000000;
		quicd_connection_set_timer(connection);
		break;
	case QUICD_COMMAND_QLOG:
		if (command->flags)
			quicd_qlog_begin(connection);
		else
			quicd_qlog_end(connection);
		break;
	case QUICD_COMMAND_REFRESH:
		quicd_connection_refresh_view(connection);
		break;
	case QUICD_COMMAND_UPDATE_KEYS:
		qd_update_keys(connection->quiche);
		break;
	case QUICD_COMMAND_MIGRATE:
		run_migrate(connection, command);
		break;
	case QUICD_COMMAND_START:
		run_start(connection, command);
		break;
	case QUICD_COMMAND_NOP:
		break;
	default:
		worker->counters->commands_invalid++;
		break;
	}
}

uint32_t quicd_commands_run(struct quicd_worker *worker, struct quicd_link *link, uint32_t app,
			    uint32_t limit)
{
	uint32_t count = quicd_ring_ready(&link->commands);
	if (count > limit)
		count = limit;
	for (uint32_t i = 0; i < count; i++) {
		struct quicd_command command;
		memcpy(&command, quicd_ring_front(&link->commands), sizeof(command));
		quicd_ring_consume(&link->commands, 1);
		run(worker, &command, app);
	}
	worker->counters->commands += count;
	return count;
}
