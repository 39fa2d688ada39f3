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

/*
 * RFC 9000 §9: not before the handshake is complete, and not to a server that forbids it
 * (§18.2).
 */
static enum quicd_refusal may_move(struct quicd_connection *connection)
{
	struct qd_peer_parameters parameters;
	if (connection->state != QUICD_STATE_ESTABLISHED || connection->move.trying)
		return QUICD_REFUSED_FULL;
	qd_get_peer_parameters(connection->quiche, &parameters);
	return parameters.disable_active_migration ? QUICD_REFUSED_UNSUPPORTED : QUICD_OK;
}

/* Opens a socket and asks quiche to try it. */
static enum quicd_refusal begin(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	struct quicd_move *move = &connection->move;
	if (quicd_net_open(worker, &move->next_port) != 0)
		return QUICD_REFUSED_SYSTEM;
	if (quicd_connect_source(worker, &connection->peer, &move->next) != 0) {
		close_port(connection, &move->next_port);
		return QUICD_REFUSED_SYSTEM;
	}
	move->next.port = move->next_port;
	if (qd_probe_path(connection->quiche, &move->next, &connection->peer) != 0) {
		close_port(connection, &move->next_port);
		return QUICD_REFUSED_FULL; /* no connection ID is left for it */
	}
	move->trying = true;
	move->asked = 1;
	move->asked_ns = worker->now_ns;
	return QUICD_OK;
}

void quicd_migrate(struct quicd_connection *connection, uint32_t request_id)
{
	struct quicd_move *move = &connection->move;
	enum quicd_refusal refusal = may_move(connection);
	if (refusal == QUICD_OK) {
		leave_now(connection); /* one more would be too many */
		refusal = begin(connection);
	}
	if (refusal != QUICD_OK) {
		quicd_answer(connection, QUICD_EVENT_MIGRATE_OUTCOME, request_id, refusal);
		return;
	}
	move->request_id = request_id;
	quicd_connection_wants_flush(connection);
}

static void give_up(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	move->trying = false;
	qd_leave_path(connection->quiche, &move->next, &connection->peer);
	close_port(connection, &move->next_port);
	answer(connection, QUICD_REFUSED_PATH);
}

static void go(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (qd_migrate(connection->quiche, &move->next, &connection->peer) != 0) {
		give_up(connection);
		return;
	}
	move->trying = false;
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
	if (!move->trying || event->local.port != move->next_port)
		return;
	if (event->kind == QD_PATH_VALIDATED)
		go(connection);
	else if (event->kind == QD_PATH_FAILED)
		give_up(connection);
}

uint64_t quicd_migrate_deadline(const struct quicd_connection *connection)
{
	const struct quicd_move *move = &connection->move;
	/* One that closes leaves nothing more: its sockets go with it. */
	if (connection->state != QUICD_STATE_ESTABLISHED)
		return UINT64_MAX;
	const uint64_t leave_ns = move->leaving ? move->left_ns + LEAVE_NS : UINT64_MAX;
	const uint64_t ask_ns = move->trying ? move->asked_ns + ASK_AGAIN_NS : UINT64_MAX;
	return leave_ns < ask_ns ? leave_ns : ask_ns;
}

static void ask_again(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	if (move->asked >= ASKED_MAX ||
	    qd_probe_path(connection->quiche, &move->next, &connection->peer) != 0) {
		give_up(connection);
		return;
	}
	move->asked++;
	move->asked_ns = connection->worker->now_ns;
	quicd_connection_wants_flush(connection);
}

void quicd_migrate_leave(struct quicd_connection *connection)
{
	const struct quicd_move *move = &connection->move;
	const uint64_t now_ns = connection->worker->now_ns;
	if (move->leaving && now_ns >= move->left_ns + LEAVE_NS)
		leave_now(connection);
	if (move->trying && now_ns >= move->asked_ns + ASK_AGAIN_NS)
		ask_again(connection);
}

void quicd_migrate_end(struct quicd_connection *connection)
{
	struct quicd_move *move = &connection->move;
	close_port(connection, &move->port);
	close_port(connection, &move->next_port);
	close_port(connection, &move->left_port);
}
