/*
 * handshake.c - a connection on its way from INITIAL to ESTABLISHED, and what its application
 * reads of it then; see connection.h.
 */
#include <string.h>
#include "admission.h"
#include "connection.h"
#include "profile.h"
#include "qlog.h"
#include "quic_header.h"
#include "replay.h"
#include "worker.h"

/* RFC 9001 §4.8: 0x100 and the TLS alert */
#define NO_APPLICATION_PROTOCOL 0x178

/* The index of the negotiated protocol in the configured list (RFC 7301 wire format). */
static uint32_t alpn_index(struct quicd_connection *connection)
{
	const struct quicd_engine *engine = connection->worker->engine;
	const uint8_t *list = engine->options.alpn, *name = NULL;
	size_t list_bytes = engine->options.alpn_bytes;
	if (quicd_connection_is_client(connection)) {
		const struct quicd_profile *profile =
			quicd_profile_at(engine, connection->profile);
		list = profile->alpn;
		list_bytes = profile->alpn_bytes;
	}
	const size_t bytes = qd_alpn(connection->quiche, &name);
	uint32_t index = 0;
	for (size_t at = 0; at < list_bytes; at += 1 + list[at], index++)
		if (list[at] == bytes && memcmp(list + at + 1, name, bytes) == 0)
			return index;
	return QUICD_NONE;
}

/* It follows the path's MTU and the length of the peer's connection IDs. */
void quicd_connection_show_datagram_bytes(struct quicd_connection *connection)
{
	const ssize_t bytes = qd_datagram_max_bytes(connection->quiche);
	connection->view->datagram_max_bytes = bytes > 0 ? (uint32_t)bytes : 0;
}

/* What the application reads when it is told of the connection. */
static void introduce(struct quicd_connection *connection)
{
	struct quicd_connection_view *view = connection->view;
	view->alpn = alpn_index(connection);
	view->app = connection->app;
	quicd_connection_show_addresses(connection);
	const char *name = NULL;
	const size_t bytes = qd_server_name(connection->quiche, &name);
	if (bytes > 0)
		memcpy(view->server_name, name,
		       bytes < sizeof(view->server_name) ? bytes : sizeof(view->server_name) - 1);
	quicd_connection_show_datagram_bytes(connection);
	quicd_qlog_established(connection);
}

/* RFC 9001 §4.6: the keys of 0-RTT are there. A server has taken it; a client may send. */
static void on_early(struct quicd_connection *connection, const struct qd_state *state)
{
	quicd_connection_advance(connection, QUICD_INPUT_EARLY);
	connection->early = true;
	connection->view->flags |= QUICD_CONNECTION_RESUMED | QUICD_CONNECTION_EARLY;
	if (state->version == QUICD_VERSION_2)
		connection->view->flags |= QUICD_CONNECTION_VERSION_2;
	connection->worker->counters->early++;
	introduce(connection);
}

/*
 * What was remembered may be otherwise now (RFC 9001 §4.6.2). Streams are quiche's to send again;
 * but they were opened for one protocol, and are nothing in another.
 */
static void after_early(struct quicd_connection *connection)
{
	static const char REASON[] = "0-RTT was not taken, and another protocol chosen";
	quicd_connection_show_datagram_bytes(connection);
	if (quicd_connection_is_client(connection) &&
	    alpn_index(connection) != connection->view->alpn)
		qd_close(connection->quiche, false, NO_APPLICATION_PROTOCOL,
			 (const uint8_t *)REASON, sizeof(REASON) - 1);
}

static void on_established(struct quicd_connection *connection, const struct qd_state *state)
{
	struct quicd_connection_view *view = connection->view;
	quicd_connection_advance(connection, QUICD_INPUT_ESTABLISHED);
	connection->worker->counters->established++;
	connection->worker->counters->resumed += state->resumed;
	uint8_t flags = view->flags;
	/* A client's 0-RTT was in its own version. */
	flags &= (uint8_t)~(QUICD_CONNECTION_RESUMED | QUICD_CONNECTION_EARLY |
			    QUICD_CONNECTION_VERSION_2);
	flags |= state->resumed ? QUICD_CONNECTION_RESUMED : 0;
	flags |= connection->early && state->early_accepted ? QUICD_CONNECTION_EARLY : 0;
	flags |= state->peer_resets_at ? QUICD_CONNECTION_RESETS_AT : 0;
	flags |= state->version == QUICD_VERSION_2 ? QUICD_CONNECTION_VERSION_2 : 0;
	/* Whom it was told as early may be reading what was said of it then. */
	__atomic_store_n(&view->flags, flags, __ATOMIC_RELAXED);
	if (!quicd_connection_is_client(connection))
		quicd_admission_give_token(connection, state->version);
	if (connection->early)
		after_early(connection);
	else
		introduce(connection);
}

/*
 * A ClientHello that was seen before may be a replay: its early data waits for the handshake, which
 * only the client itself can complete (RFC 8446 §8.2).
 */
static void try_early(struct quicd_connection *connection, const struct qd_state *state)
{
	struct quicd_worker *worker = connection->worker;
	uint8_t hello[QD_CLIENT_RANDOM_BYTES];
	if (!quicd_connection_is_client(connection)) {
		qd_client_random(connection->quiche, hello);
		if (!worker->engine->hellos ||
		    !quicd_replay_first(worker->engine->hellos, hello, sizeof(hello),
					worker->now_ns / 1000000000)) {
			connection->early_held = true;
			worker->counters->early_held++;
			return;
		}
	}
	on_early(connection, state);
}

/* INITIAL to ESTABLISHED, as far as quiche has come. */
void quicd_connection_follow_handshake(struct quicd_connection *connection)
{
	quicd_connection_advance(connection, QUICD_INPUT_FLIGHT);
	if (!quicd_state_is_half_open(connection->state))
		return;
	struct qd_state state;
	qd_get_state(connection->quiche, &state);
	if (state.established)
		on_established(connection, &state);
	else if (state.in_early_data && connection->state == QUICD_STATE_HANDSHAKING &&
		 !connection->early_held)
		try_early(connection, &state);
}
