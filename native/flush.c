/*
 * flush.c - sending: one train per connection and turn, round robin; and the timers that follow
 * from it.
 */
#include <assert.h>
#include "connection.h"
#include "qlog.h"
#include "stream.h"
#include "worker.h"

/* What one UDP_SEGMENT takes; without it every datagram is a send of its own. */
static uint32_t train_segments(const struct quicd_connection *connection)
{
	return connection->worker->net.udp.gso ? QUICD_TRAIN_SEGMENTS_MAX : 1;
}

static void count_sent(struct quicd_connection *connection, const struct qd_train *train)
{
	connection->received_since_send = 0;
	connection->received_bytes_since_send = 0;
	connection->sent_ns = connection->worker->now_ns;
	connection->view->sent_bytes += train->bytes;
	connection->view->sent_packets += train->segments;
}

/*
 * True: the pacer wants the next packet later, and the timer will come back for it. Only data of an
 * open connection is paced: neither its handshake nor its end.
 */
static bool waits_for_pace(struct quicd_connection *connection)
{
	const uint64_t now = connection->worker->now_ns;
	connection->pace_until_ns = 0;
	if (connection->state != QUICD_STATE_ESTABLISHED || connection->leaving)
		return false;
	const uint64_t release = qd_release_ns(connection->quiche);
	if (release <= now)
		return false;
	/* An ACK that may not wait takes one packet with it (RFC 9002 §7.7). */
	if (!qd_hold_acks(connection->quiche, release))
		return false;
	connection->pace_until_ns = release;
	connection->worker->counters->paced++;
	return true;
}

/* One train into a send buffer; false when no buffer is free. |again|: there may be more. */
static bool send_train(struct quicd_connection *connection, bool *sent, bool *again)
{
	struct quicd_worker *worker = connection->worker;
	uint8_t *buffer = quicd_net_send_buffer(worker);
	if (!buffer)
		return false;
	quicd_streams_pump(connection);
	struct qd_train train = { 0 };
	const ssize_t bytes = qd_send_train(connection->quiche, buffer, QUICD_SEND_BUFFER_BYTES,
					    train_segments(connection), &train);
	connection->dead = connection->dead || bytes == QD_ERROR_PANIC;
	*sent = bytes > 0;
	/* What was sent may have made room for more. */
	*again = bytes > 0 && (train.more || quicd_node_linked(&connection->sendable));
	if (bytes > 0) {
		quicd_net_send(worker, &train);
		count_sent(connection, &train);
		/* A whole train: the others come first now. */
		if (train.segments == train_segments(connection))
			*sent = false;
	}
	return true;
}

void quicd_connection_let_go(struct quicd_connection *connection)
{
	connection->held_until_ns = 0;
	quicd_connection_wants_flush(connection);
}

/* Only 0-RTT is worth it: whatever else is to be said, an end too, is said at once. */
static bool is_held(const struct quicd_connection *connection)
{
	return connection->held_until_ns > connection->worker->now_ns &&
	       connection->state == QUICD_STATE_EARLY;
}

bool quicd_connection_flush(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	if (connection->dead)
		return true;
	if (is_held(connection)) {
		quicd_connection_set_timer(connection);
		return true;
	}
	/*
	 * After a short train quiche wants to be asked once more: usually it has nothing left,
	 * and a turn of its own for that answer would cost more than the question.
	 */
	bool sent = true, again = true, room = true;
	for (int attempt = 0; attempt < 2 && sent && again && room; attempt++) {
		if (waits_for_pace(connection)) {
			again = false;
			break;
		}
		room = send_train(connection, &sent, &again);
	}
	if (again)
		quicd_list_append(&worker->flushes, &connection->flush);
	else if (room)
		quicd_connection_say_goodbye(connection);
	if (quicd_node_linked(&connection->telling))
		quicd_list_append(&worker->blocked, &connection->blocked);
	quicd_connection_set_timer(connection);
	if (worker->now_ns - connection->refreshed_ns >= QUICD_REFRESH_NS)
		quicd_connection_refresh_view(connection);
	return room;
}

/*
 * The next PING that keeps it alive. It counts from when one was asked for, too: quiche may not
 * let it out yet.
 */
static uint64_t keep_alive_due(const struct quicd_connection *connection)
{
	if (connection->keep_alive_ns == 0 || connection->state != QUICD_STATE_ESTABLISHED)
		return QUICD_TIMER_NONE;
	const uint64_t last_ns = connection->sent_ns > connection->pinged_ns
					 ? connection->sent_ns
					 : connection->pinged_ns;
	return last_ns + connection->keep_alive_ns;
}

void quicd_connection_set_timer(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	uint64_t deadline = connection->dead ? worker->now_ns : qd_timeout_ns(connection->quiche);
	if (connection->pace_until_ns != 0 && connection->pace_until_ns < deadline)
		deadline = connection->pace_until_ns;
	if (is_held(connection) && connection->held_until_ns < deadline)
		deadline = connection->held_until_ns;
	if (quicd_state_is_half_open(connection->state)) {
		const uint64_t limit = connection->accepted_ns +
				       worker->engine->options.handshake_timeout_ms * 1000000;
		if (limit < deadline)
			deadline = limit;
	}
	if (connection->goodbye.waiting && connection->goodbye.deadline_ns < deadline)
		deadline = connection->goodbye.deadline_ns;
	if (keep_alive_due(connection) < deadline)
		deadline = keep_alive_due(connection);
	if (quicd_migrate_deadline(connection) < deadline)
		deadline = quicd_migrate_deadline(connection);
	deadline = quicd_qlog_deadline(connection, deadline);
	quicd_timers_set(&worker->timers, connection->index, deadline);
}

void quicd_connection_on_timer(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	const uint64_t now = worker->now_ns;
	worker->counters->timeouts++;
	if (!connection->dead) {
		if (qd_timeout_ns(connection->quiche) <= now)
			qd_on_timeout(connection->quiche);
		if (quicd_state_is_half_open(connection->state) &&
		    now >= connection->accepted_ns +
				    worker->engine->options.handshake_timeout_ms * 1000000) {
			worker->counters->handshake_timeouts++;
			connection->view->close_flags |= QUICD_CLOSE_TIMEOUT;
			connection->dead = true;
		}
	}
	if (!connection->dead && now >= keep_alive_due(connection)) {
		connection->pinged_ns = now;
		qd_send_ack_eliciting(connection->quiche);
	}
	quicd_qlog_on_timer(connection);
	/* timers are rare enough to keep the round trip fresh */
	quicd_connection_refresh_view(connection);
	quicd_list_append(&worker->dirty, &connection->dirty);
}
