/* migrate.c - see migrate.h. */
#include "migrate.h"
#include "answer.h"
#include "connect.h"
#include "connection.h"
#include "worker.h"

/*
 * The server follows with our next packet; what it had under way comes for some round trips
 * more.
 */
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
		qd_leave_path(connection->quiche, &move->left, &connection->peer);
	close_port(connection, &move->left_port);
	move->leaving = false;
	quicd_connection_wants_flush(connection);
}

/* RFC 9000 §18.2. Before the handshake is complete nothing is known (§9). */
static bool is_forbidden(struct quicd_connection *connection)
{
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
	return true;
}

/* It goes no further: whoever asked is told, and the connection stays where it is. */
static void give_up(struct quicd_connection *connection, enum quicd_refusal refusal)
{
	struct quicd_move *move = &connection->move;
	if (move->stage == QUICD_MOVE_TRIES)
		qd_leave_path(connection->quiche, &move->next, &connection->peer);
	move->stage = QUICD_MOVE_NONE;
	close_port(connection, &move->next_port);
	answer(connection, refusal);
}

/* As far as it can: quiche refuses the path while no connection ID is left for it. */
static void begin(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	const uint64_t now_ns = connection->worker->now_ns;
	if (connection->state != QUICD_STATE_ESTABLISHED)
		return;
	if (move->begun_ns == 0)
		move->begun_ns = now_ns;
	if (is_forbidden(connection)) {
		give_up(connection, QUICD_REFUSED_UNSUPPORTED);
	} else if (move->next_port == 0 && !open_next(connection)) {
		give_up(connection, QUICD_REFUSED_SYSTEM);
	} else if (qd_probe_path(connection->quiche, &move->next, &connection->peer) == 0) {
		move->stage = QUICD_MOVE_TRIES;
		move->asked = 1;
		move->asked_ns = now_ns;
		quicd_connection_wants_flush(connection);
	} else if (now_ns >= move->begun_ns + WAIT_NS) {
		give_up(connection, QUICD_REFUSED_FULL);
	}
}

void quicd_migrate(struct quicd_connection *connection, uint32_t request_id)
{
	struct quicd_move *move = &connection->move;
	if (move->stage != QUICD_MOVE_NONE) {
		quicd_answer(connection, QUICD_EVENT_MIGRATE_OUTCOME, request_id,
			     QUICD_REFUSED_FULL);
		return;
	}
	leave_now(connection); /* one more would be too many */
	move->stage = QUICD_MOVE_WAITS;
	move->request_id = request_id;
	move->begun_ns = 0;
	begin(connection);
	if (move->stage == QUICD_MOVE_WAITS)
		quicd_connection_set_timer(connection);
}

static void go(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (qd_migrate(connection->quiche, &move->next, &connection->peer) != 0) {
		give_up(connection, QUICD_REFUSED_PATH);
		return;
	}
	move->stage = QUICD_MOVE_NONE;
	move->leaving = true;
	move->left = connection->local;
	move->left_port = move->port;
	move->left_ns = connection->worker->now_ns;
	move->port = move->next_port;
	move->next_port = 0;
	connection->local = move->next;
	quicd_connection_show_addresses(connection);
	connection->pending |= QUICD_PENDING_PATH;
	answer(connection, QUICD_OK);
	/* A server follows what is no mere probe (RFC 9000 §9.3). */
	qd_send_ack_eliciting(connection->quiche);
	quicd_connection_wants_flush(connection);
}

void quicd_migrate_follow(struct quicd_connection *connection, const struct qd_path_event *event)
{
	const struct quicd_move *move = &connection->move;
	if (move->stage != QUICD_MOVE_TRIES || event->local.port != move->next_port)
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
	const uint64_t leave_ns = move->leaving ? move->left_ns + LEAVE_NS : UINT64_MAX;
	uint64_t move_ns = UINT64_MAX;
	if (move->stage == QUICD_MOVE_WAITS)
		move_ns = move->begun_ns + WAIT_NS;
	else if (move->stage == QUICD_MOVE_TRIES)
		move_ns = move->asked_ns + ASK_AGAIN_NS;
	return leave_ns < move_ns ? leave_ns : move_ns;
}

static void ask_again(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (move->asked >= ASKED_MAX ||
	    qd_probe_path(connection->quiche, &move->next, &connection->peer) != 0) {
		give_up(connection, QUICD_REFUSED_PATH);
		return;
	}
	move->asked++;
	move->asked_ns = connection->worker->now_ns;
	quicd_connection_wants_flush(connection);
}

void quicd_migrate_go_on(struct quicd_connection *connection)
{
	const struct quicd_move *move = &connection->move;
	const uint64_t now_ns = connection->worker->now_ns;
	if (move->leaving && now_ns >= move->left_ns + LEAVE_NS)
		leave_now(connection);
	if (move->stage == QUICD_MOVE_WAITS)
		begin(connection);
	else if (move->stage == QUICD_MOVE_TRIES && now_ns >= move->asked_ns + ASK_AGAIN_NS)
		ask_again(connection);
}

void quicd_migrate_end(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	close_port(connection, &move->port);
	close_port(connection, &move->next_port);
	close_port(connection, &move->left_port);
}
