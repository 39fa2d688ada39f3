/* connection.c - the table of connections and their state, see connection.h. */
#include "connection.h"
#include <assert.h>
#include <string.h>
#include "admission.h"
#include "event.h"
#include "open.h"
#include "pages.h"
#include "qlog.h"
#include "stream.h"
#include "worker.h"

#define INTERNAL_ERROR 1 /* RFC 9000 §20.1 */
#define NO_VIABLE_PATH 0x10

bool quicd_connections_create(struct quicd_worker *worker, uint32_t capacity)
{
	worker->connection_capacity = capacity;
	worker->connection_used = 0;
	worker->connections = quicd_pages_map((size_t)capacity * sizeof(*worker->connections));
	worker->connection_views =
		quicd_pages_map((size_t)capacity * sizeof(*worker->connection_views));
	return worker->connections && worker->connection_views;
}

/* The views stay mapped: JavaScript may still look at them. */
void quicd_connections_destroy(struct quicd_worker *worker)
{
	quicd_pages_unmap(worker->connections,
			  (size_t)worker->connection_capacity * sizeof(*worker->connections));
	worker->connections = NULL;
}

/*
 * Also while it is being closed, which lasts three probe timeouts, some 3 s before there is a round
 * trip: else packets that break a rule at once would take all places.
 */
static bool holds_half_open_place(const struct quicd_connection *connection,
				  enum quicd_connection_state state)
{
	return quicd_state_is_half_open(state) ||
	       (state == QUICD_STATE_DRAINING && !connection->proved);
}

void quicd_connection_advance(struct quicd_connection *connection, enum quicd_lifecycle_input input)
{
	const struct quicd_transition *to = quicd_lifecycle(connection->state, input);
	assert(to->possible);
	struct quicd_worker *worker = connection->worker;
	worker->half_open -= holds_half_open_place(connection, connection->state);
	connection->proved |= to->next == QUICD_STATE_ESTABLISHED;
	worker->half_open += holds_half_open_place(connection, to->next);
	if (!holds_half_open_place(connection, to->next))
		quicd_admission_leave(connection);
	worker->counters->half_open = worker->half_open;
	connection->state = to->next;
	connection->pending |= to->tell;
	/* A free slot's view goes on saying CLOSED: JavaScript may still look at it. */
	if (to->next != QUICD_STATE_FREE)
		connection->view->state = to->next;
}

/*
 * The oldest spent slot whose events are all consumed, else a fresh one. Its generation counts
 * on.
 */
static struct quicd_connection *take_slot(struct quicd_worker *worker)
{
	if (quicd_node_linked(&worker->spent)) {
		struct quicd_connection *oldest =
			QUICD_ELEMENT(worker->spent.next, struct quicd_connection, dying);
		if (oldest->events_out == 0) {
			quicd_node_remove(&oldest->dying);
			return oldest;
		}
	}
	if (worker->connection_used == worker->connection_capacity)
		return NULL;
	return &worker->connections[worker->connection_used++];
}

struct quicd_connection *quicd_connection_new(struct quicd_worker *worker)
{
	struct quicd_connection *connection = take_slot(worker);
	if (!connection)
		return NULL;
	const uint32_t generation = connection->generation + 1;
	memset(connection, 0, sizeof(*connection));
	connection->worker = worker;
	connection->index = (uint32_t)(connection - worker->connections);
	connection->generation = generation;
	connection->cid_bytes = QUICD_CID_BYTES;
	connection->view = &worker->connection_views[connection->index];
	struct quicd_node *nodes[] = {&connection->lingering,
				      &connection->streams,  &connection->readable,
				      &connection->sendable, &connection->telling,
				      &connection->dirty,    &connection->flush,
				      &connection->blocked,  &connection->dying};
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		quicd_node_init(nodes[i]);
	memset(connection->view, 0, sizeof(*connection->view));
	connection->view->generation = generation;
	const bool client = worker->engine->options.role == QUICD_ROLE_CLIENT;
	connection->view->flags = client ? QUICD_CONNECTION_CLIENT : 0;
	/* RFC 9000 §2.1: bit 1 for unidirectional ones, bit 0 for the server's */
	connection->next_id[0] = client ? 0 : 1;
	connection->next_id[1] = client ? 2 : 3;
	quicd_random(connection->view->connection_id, sizeof(connection->view->connection_id));
	quicd_connection_advance(connection, QUICD_INPUT_ACCEPT);
	worker->live_connections++;
	worker->counters->live_connections = worker->live_connections;
	return connection;
}

static void free_answers(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	worker->counters->opens_waiting -= connection->opens_waiting;
	connection->opens_waiting = 0;
	quicd_answers_clear(worker, &connection->answers);
	quicd_answers_clear(worker, &connection->opens[0]);
	quicd_answers_clear(worker, &connection->opens[1]);
}

void quicd_connection_free(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	while (quicd_node_linked(&connection->streams))
		quicd_stream_free(QUICD_ELEMENT(connection->streams.next, struct quicd_stream, all),
				  connection);
	quicd_connection_forget_cids(connection);
	quicd_migrate_end(connection);
	quicd_timers_remove(&worker->timers, connection->index);
	quicd_qlog_end(connection);
	/* One that quiche did not take was never counted as begun. */
	worker->counters->closed += connection->quiche != NULL;
	if (connection->quiche)
		qd_free(connection->quiche); /* releases what was lent to it */
	assert(connection->referenced_bytes == 0);
	assert(connection->queued_bytes == 0);
	free_answers(connection);
	quicd_node_remove(&connection->dirty);
	quicd_node_remove(&connection->flush);
	quicd_node_remove(&connection->blocked);
	quicd_node_remove(&connection->dying);
	struct quicd_link *link = &worker->engine->apps[connection->app].links[worker->index];
	assert(link->connections > 0);
	link->connections--;
	quicd_connection_advance(connection, QUICD_INPUT_END);
	quicd_connection_advance(connection, QUICD_INPUT_FREE);
	connection->quiche = NULL;
	quicd_list_append(&worker->spent, &connection->dying);
	worker->live_connections--;
	/* An idle worker keeps nothing of a busy day. */
	if (worker->live_connections == 0) {
		quicd_segments_destroy(&worker->segments);
		quicd_answer_pool_destroy(&worker->answers);
	}
	worker->counters->live_connections = worker->live_connections;
}

struct quicd_connection *quicd_connection_of(struct quicd_worker *worker, uint32_t index,
					     uint32_t generation)
{
	if (index >= worker->connection_used)
		return NULL;
	struct quicd_connection *connection = &worker->connections[index];
	if (connection->generation != generation || connection->state == QUICD_STATE_FREE)
		return NULL;
	return connection;
}

void quicd_connection_wants_flush(struct quicd_connection *connection)
{
	quicd_list_append(&connection->worker->flushes, &connection->flush);
}

void quicd_connection_show_addresses(struct quicd_connection *connection)
{
	struct quicd_connection_view *view = connection->view;
	view->family = connection->peer.family;
	view->peer_port = connection->peer.port;
	view->local_port = connection->local.port;
	memcpy(view->peer_ip, connection->peer.ip, sizeof(view->peer_ip));
	memcpy(view->local_ip, connection->local.ip, sizeof(view->local_ip));
}

static void follow_paths(struct quicd_connection *connection)
{
	struct qd_path_event event;
	while (qd_path_event_next(connection->quiche, &event)) {
		quicd_connection_show_datagram_bytes(connection);
		quicd_migrate_follow(connection, &event);
		if (event.kind != QD_PATH_PEER_MIGRATED)
			continue;
		connection->local = event.local;
		connection->peer = event.peer;
		quicd_connection_show_addresses(connection);
		connection->view->rebindings++;
		connection->worker->counters->rebindings++;
		connection->pending |= QUICD_PENDING_PATH;
	}
}

/*
 * RFC 9000 §13.2.2: an answer that is being made may carry the ACK. All else that there is to send
 * waits for nothing.
 */
static void flush_or_hold(struct quicd_connection *connection)
{
	if (connection->answer_expected && connection->state == QUICD_STATE_ESTABLISHED &&
	    connection->received_since_send < QUICD_ACK_HOLD_DATAGRAMS &&
	    connection->received_bytes_since_send < QUICD_ACK_HOLD_BYTES)
		qd_hold_acks(connection->quiche, connection->worker->now_ns + QUICD_ACK_HOLD_NS);
	connection->answer_expected = false;
	quicd_connection_wants_flush(connection);
}

void quicd_connection_process(struct quicd_connection *connection)
{
	quicd_connection_follow_handshake(connection);
	if (connection->state == QUICD_STATE_ESTABLISHED) {
		follow_paths(connection);
		quicd_migrate_go_on(connection);
		quicd_connection_drop_retired_cids(connection);
		quicd_connection_refill_cids(connection);
	}
	if (quicd_state_is_open(connection->state)) {
		quicd_streams_note_readable(connection);
		quicd_streams_note_writable(connection);
		quicd_streams_settle_lingering(connection);
		if (connection->opens_waiting > 0)
			quicd_open_waiting(connection);
		quicd_connection_deliver(connection);
	}
	if (connection->worker->now_ns >= connection->goodbye.deadline_ns)
		quicd_connection_say_goodbye(connection);
	quicd_connection_check_close(connection);
	flush_or_hold(connection);
}

void quicd_connection_say_goodbye(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	struct quicd_goodbye *goodbye = &connection->goodbye;
	if (!goodbye->waiting || connection->dead)
		return;
	struct qd_stats stats;
	qd_get_stats(connection->quiche, &stats);
	/* What is sent after that (ACKs, PINGs) must not keep the connection open for ever. */
	if (connection->queued_segments > 0)
		goodbye->arrived_ns = 0;
	else if (stats.in_flight_bytes == 0 && goodbye->arrived_ns == 0)
		goodbye->arrived_ns = worker->now_ns;
	if (stats.acknowledged_bytes != goodbye->acknowledged_bytes) {
		goodbye->acknowledged_bytes = stats.acknowledged_bytes;
		goodbye->progress_ns = worker->now_ns;
	}
	goodbye->deadline_ns = goodbye->progress_ns + QUICD_GOODBYE_NS;
	const uint64_t linger_ns = goodbye->arrived_ns + QUICD_GOODBYE_LINGER_NS;
	if (goodbye->arrived_ns != 0 && linger_ns < goodbye->deadline_ns)
		goodbye->deadline_ns = linger_ns;
	if (worker->now_ns < goodbye->deadline_ns)
		return;
	goodbye->waiting = false;
	qd_close(connection->quiche, goodbye->application, goodbye->error_code, goodbye->reason,
		 goodbye->reason_bytes);
	quicd_connection_wants_flush(connection);
	quicd_list_append(&worker->dirty, &connection->dirty);
}

static void note_close_reason(struct quicd_connection *connection, const struct qd_state *state)
{
	struct quicd_connection_view *view = connection->view;
	struct qd_close_reason reason = { 0 };
	uint32_t flags = 0;
	if (connection->dead) {
		if (view->close_flags & QUICD_CLOSE_TIMEOUT)
			return;
		/* A panic: nothing can be said to the peer, but it was we (RFC 9000 §20.1). */
		view->close_flags |= QUICD_CLOSE_LOCAL;
		view->close_code = INTERNAL_ERROR;
		return;
	}
	if (qd_peer_error(connection->quiche, &reason))
		flags = 0;
	else if (qd_local_error(connection->quiche, &reason))
		flags = QUICD_CLOSE_LOCAL;
	else if (state->timed_out)
		flags = QUICD_CLOSE_TIMEOUT;
	else if (state->reset)
		flags = QUICD_CLOSE_RESET;
	else if (state->closed) {
		/* No path works any more, and nobody is told (RFC 9000 §8.2.4). */
		flags = QUICD_CLOSE_LOCAL;
		reason.error_code = NO_VIABLE_PATH;
	}
	if (reason.application)
		flags |= QUICD_CLOSE_APPLICATION;
	view->close_flags |= flags;
	view->close_code = reason.error_code;
	view->reason_bytes =
		(uint16_t)(reason.reason_bytes < sizeof(view->reason) ? reason.reason_bytes
								      : sizeof(view->reason));
	if (view->reason_bytes > 0)
		memcpy(view->reason, reason.reason, view->reason_bytes);
}

void quicd_connection_check_close(struct quicd_connection *connection)
{
	if (connection->state == QUICD_STATE_CLOSED)
		return;
	struct qd_state state = { .closed = true };
	if (!connection->dead)
		qd_get_state(connection->quiche, &state);
	struct qd_close_reason reason;
	const bool closing = connection->dead || state.closed || state.draining ||
			     qd_local_error(connection->quiche, &reason) ||
			     qd_peer_error(connection->quiche, &reason);
	if (!closing)
		return;
	if (connection->state != QUICD_STATE_DRAINING) {
		note_close_reason(connection, &state);
		quicd_connection_refresh_view(connection);
	}
	quicd_connection_advance(connection, state.closed ? QUICD_INPUT_END : QUICD_INPUT_CLOSE);
	quicd_connection_deliver(connection);
}

void quicd_connection_refresh_view(struct quicd_connection *connection)
{
	if (connection->dead)
		return;
	struct qd_stats stats;
	qd_get_stats(connection->quiche, &stats);
	struct quicd_connection_view *view = connection->view;
	connection->refreshed_ns = connection->worker->now_ns;
	view->refreshed_us = (connection->refreshed_ns - connection->accepted_ns) / 1000;
	view->round_trip_us = (uint32_t)(stats.round_trip_ns / 1000);
	view->minimum_round_trip_us = (uint32_t)(stats.minimum_round_trip_ns / 1000);
	view->round_trip_variation_us = (uint32_t)(stats.round_trip_variation_ns / 1000);
	view->path_mtu_bytes = (uint32_t)stats.path_mtu_bytes;
	view->paths = (uint32_t)stats.paths;
	view->streams = 0;
	for (const struct quicd_node *node = connection->streams.next;
	     node != &connection->streams; node = node->next)
		view->streams++;
	view->probe_timeouts = (uint32_t)stats.probe_timeouts;
	view->congestion_window_bytes = stats.congestion_window_bytes;
	view->in_flight_bytes = stats.in_flight_bytes;
	view->delivery_rate = stats.delivery_rate;
	view->lost_packets = stats.lost_packets;
	view->lost_bytes = stats.lost_bytes;
	view->retransmitted_packets = stats.retransmitted_packets;
	view->retransmitted_bytes = stats.stream_retransmitted_bytes;
	view->queued_bytes = connection->queued_bytes;
	view->datagrams_received = stats.datagrams_received;
	view->datagrams_sent = stats.datagrams_sent;
	view->datagrams_lost = stats.datagrams_lost;
	view->acknowledged_bytes = stats.acknowledged_bytes;
	view->key_updates = stats.key_updates;
	view->ecn_state = stats.ecn_state;
	view->ecn_sent = stats.ecn_sent;
	view->ecn_ce = stats.ecn_ce;
	/* What neither waits nor was told fell out of the queue, oldest first. */
	const uint64_t dropped =
		stats.datagrams_received - stats.datagrams_waiting - connection->datagrams_told;
	connection->worker->counters->datagrams_dropped += dropped - view->dropped_datagrams;
	view->dropped_datagrams = dropped;
}
