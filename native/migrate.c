/* migrate.c - see migrate.h. */
#include "migrate.h"
#include <assert.h>
#include <string.h>
#include "answer.h"
#include "connect.h"
#include "connection.h"
#include "preferred.h"
#include "worker.h"

/* Once the server has followed, what it had under way comes for some round trips more. */
#define LEAVE_NS 1000000000ull
/* A server offers IDs as soon as the handshake is complete; lost, they come some PTOs later. */
#define WAIT_NS 2000000000ull
/*
 * A PATH_RESPONSE is not retransmitted, and where the PATH_CHALLENGE was acknowledged on another
 * path nothing is lost in quiche's eyes: it is asked again (RFC 9000 §8.2.1), then given up
 * (§8.2.4).
 */
#define ASK_AGAIN_NS 300000000ull
#define ASKED_MAX 5

static void answer(struct quicd_connection *connection, enum quicd_refusal refusal)
{
	quicd_answer(connection, QUICD_EVENT_MIGRATE_OUTCOME, connection->move.request_id, refusal);
}

static void close_port(struct quicd_connection *connection, uint16_t *port)
{
	if (*port != 0)
		quicd_net_close(connection->worker, *port);
	*port = 0;
}

static void leave_now(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (!move->leaving)
		return;
	if (!connection->dead)
		qd_leave_path(connection->quiche, &move->left, &move->left_peer);
	close_port(connection, &move->left_port);
	move->leaving = false;
	quicd_connection_wants_flush(connection);
}

/* RFC 9000 §18.2: what the server says of it is about the address that it had at first. */
static bool is_forbidden(struct quicd_connection *connection)
{
	if (connection->move.at_preferred)
		return false;
	struct qd_peer_parameters parameters;
	qd_get_peer_parameters(connection->quiche, &parameters);
	return parameters.disable_active_migration;
}

static bool open_next(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (quicd_net_open(connection->worker, connection->cid_bytes, &move->next_port) != 0)
		return false;
	if (quicd_connect_source(connection->worker, &connection->peer, &move->next) != 0) {
		close_port(connection, &move->next_port);
		return false;
	}
	move->next.port = move->next_port;
	move->next_peer = connection->peer;
	return true;
}

static void end_try(struct quicd_connection *connection, enum quicd_refusal refusal)
{
	struct quicd_move *move = &connection->move;
	move->stage = move->queued ? QUICD_MOVE_WAITS : QUICD_MOVE_NONE;
	if (!move->to_preferred)
		answer(connection, refusal);
	move->begun_ns = 0;
	move->queued = move->to_preferred = false;
}

/* It goes no further: whoever asked is told, and the connection stays where it is. */
static void give_up(struct quicd_connection *connection, enum quicd_refusal refusal)
{
	struct quicd_move *move = &connection->move;
	if (move->stage == QUICD_MOVE_TRIES)
		qd_leave_path(connection->quiche, &move->next, &move->next_peer);
	close_port(connection, &move->next_port);
	end_try(connection, refusal);
}

/* False while no connection ID is left for the path. */
static bool try_path(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (qd_probe_path(connection->quiche, &move->next, &move->next_peer) != 0)
		return false;
	move->stage = QUICD_MOVE_TRIES;
	move->asked = 1;
	move->asked_ns = connection->worker->now_ns;
	quicd_connection_wants_flush(connection);
	return true;
}

/* As far as it can. */
static void begin(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	const uint64_t now_ns = connection->worker->now_ns;
	if (connection->state != QUICD_STATE_ESTABLISHED || !move->confirmed)
		return;
	leave_now(connection); /* one more would be too many */
	if (move->begun_ns == 0)
		move->begun_ns = now_ns;
	if (is_forbidden(connection))
		give_up(connection, QUICD_REFUSED_UNSUPPORTED);
	else if (move->next_port == 0 && !open_next(connection))
		give_up(connection, QUICD_REFUSED_SYSTEM);
	else if (!try_path(connection) && now_ns >= move->begun_ns + WAIT_NS)
		give_up(connection, QUICD_REFUSED_FULL);
}

void quicd_migrate(struct quicd_connection *connection, uint32_t request_id)
{
	struct quicd_move *move = &connection->move;
	if (move->queued || (move->stage != QUICD_MOVE_NONE && !move->to_preferred)) {
		quicd_answer(connection, QUICD_EVENT_MIGRATE_OUTCOME, request_id,
			     QUICD_REFUSED_FULL);
		return;
	}
	move->request_id = request_id;
	move->queued = move->to_preferred;
	if (move->queued)
		return;
	move->stage = QUICD_MOVE_WAITS;
	move->begun_ns = 0;
	begin(connection);
	if (move->stage == QUICD_MOVE_WAITS)
		quicd_connection_set_timer(connection);
}

/*
 * By the socket that it has, to the server's address of the same family (RFC 9000 §9.6.1). A move
 * that waits comes after it.
 */
static void look_for_preferred(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (move->preferred_seen || !move->confirmed)
		return;
	assert(move->stage != QUICD_MOVE_TRIES && "nothing is tried before it is confirmed");
	move->preferred_seen = true;
	if (!qd_preferred_address(connection->quiche, connection->peer.family, &move->next_peer))
		return;
	if (!quicd_preferred_may_go(&move->next_peer, &connection->peer)) {
		connection->worker->counters->preferred_refused++;
		return;
	}
	if (quicd_connect_source(connection->worker, &move->next_peer, &move->next) != 0)
		return;
	move->next.port = connection->local.port;
	const bool waits = move->stage == QUICD_MOVE_WAITS;
	move->to_preferred = try_path(connection);
	move->queued = waits && move->to_preferred;
}

static void go(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (qd_migrate(connection->quiche, &move->next, &move->next_peer) != 0) {
		give_up(connection, QUICD_REFUSED_PATH);
		return;
	}
	move->leaving = true;
	move->left = connection->local;
	move->left_peer = connection->peer;
	move->followed_ns = 0;
	if (move->next_port != 0) {
		move->left_port = move->port;
		move->port = move->next_port;
		move->next_port = 0;
	}
	connection->local = move->next;
	connection->peer = move->next_peer;
	move->at_preferred |= move->to_preferred;
	connection->worker->counters->preferred_moves += move->to_preferred;
	quicd_connection_show_addresses(connection);
	connection->pending |= QUICD_PENDING_PATH;
	end_try(connection, QUICD_OK);
	/* A server follows what is no mere probe (RFC 9000 §9.3). */
	qd_send_ack_eliciting(connection->quiche);
	quicd_connection_wants_flush(connection);
}

static bool is_next(const struct quicd_move *move, const struct qd_path_event *event)
{
	return memcmp(&event->local, &move->next, sizeof(move->next)) == 0 &&
	       memcmp(&event->peer, &move->next_peer, sizeof(move->next_peer)) == 0;
}

void quicd_migrate_follow(struct quicd_connection *connection, const struct qd_path_event *event)
{
	const struct quicd_move *move = &connection->move;
	if (move->stage != QUICD_MOVE_TRIES || !is_next(move, event))
		return;
	if (event->kind == QD_PATH_VALIDATED)
		go(connection);
	else if (event->kind == QD_PATH_FAILED)
		give_up(connection, QUICD_REFUSED_PATH);
}

uint64_t quicd_migrate_deadline(const struct quicd_connection *connection)
{
	const struct quicd_move *move = &connection->move;
	/* One that closes leaves nothing more: its sockets go with it. */
	if (connection->state != QUICD_STATE_ESTABLISHED)
		return UINT64_MAX;
	const bool leaves = move->leaving && move->followed_ns != 0;
	const uint64_t leave_ns = leaves ? move->followed_ns + LEAVE_NS : UINT64_MAX;
	uint64_t move_ns = UINT64_MAX;
	if (move->stage == QUICD_MOVE_WAITS && move->begun_ns != 0)
		move_ns = move->begun_ns + WAIT_NS;
	else if (move->stage == QUICD_MOVE_TRIES)
		move_ns = move->asked_ns + ASK_AGAIN_NS;
	return leave_ns < move_ns ? leave_ns : move_ns;
}

static void ask_again(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (move->asked >= ASKED_MAX ||
	    qd_probe_path(connection->quiche, &move->next, &move->next_peer) != 0) {
		give_up(connection, QUICD_REFUSED_PATH);
		return;
	}
	move->asked++;
	move->asked_ns = connection->worker->now_ns;
	quicd_connection_wants_flush(connection);
}

void quicd_migrate_go_on(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	const uint64_t now_ns = connection->worker->now_ns;
	if (!quicd_connection_is_client(connection))
		return;
	/* From its preferred address a server sends only when it has validated the path, too. */
	if (move->leaving && move->followed_ns == 0 &&
	    qd_peer_uses_path(connection->quiche, &connection->local, &connection->peer))
		move->followed_ns = now_ns;
	if (move->leaving && move->followed_ns != 0 && now_ns >= move->followed_ns + LEAVE_NS)
		leave_now(connection);
	if (!move->confirmed) {
		struct qd_state state;
		qd_get_state(connection->quiche, &state);
		move->confirmed = state.confirmed;
	}
	look_for_preferred(connection);
	if (move->stage == QUICD_MOVE_TRIES && now_ns >= move->asked_ns + ASK_AGAIN_NS)
		ask_again(connection);
	if (move->stage == QUICD_MOVE_WAITS)
		begin(connection);
}

void quicd_migrate_end(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	close_port(connection, &move->port);
	close_port(connection, &move->next_port);
	close_port(connection, &move->left_port);
}
