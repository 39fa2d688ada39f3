/* leave.c - see leave.h. */
#include "leave.h"
#include <assert.h>
#include "accept.h"
#include "chunk.h"
#include "command.h"
#include "connect.h"
#include "connection.h"
#include "worker.h"

#define INTERNAL_ERROR 0x01 /* RFC 9000 §20.1 */
#define TRAINS_TO_CLOSE 4
#define EVERY_APP UINT32_MAX

static void returned(void *worker, uint32_t index)
{
	quicd_chunk_returned(worker, index);
}

/*
 * CONNECTION_CLOSE goes out once, then the slot is free: packets that still come meet a CID that
 * is not ours.
 */
static void close_now(struct quicd_connection *connection, unsigned long long error_code)
{
	if (!connection->dead) {
		qd_close(connection->quiche, false, error_code, NULL, 0);
		connection->leaving = true;
		/* It may come behind packets that fit no train with it. */
		int trains = 0;
		do
			quicd_node_remove(&connection->flush);
		while (quicd_connection_flush(connection) && ++trains < TRAINS_TO_CLOSE &&
		       quicd_node_linked(&connection->flush));
	}
	quicd_connection_free(connection);
}

static void close_connections(struct quicd_worker *worker, uint32_t app,
			      unsigned long long error_code)
{
	for (uint32_t slot = 0; slot < worker->connection_used; slot++) {
		struct quicd_connection *connection = &worker->connections[slot];
		if (connection->state != QUICD_STATE_FREE &&
		    (app == EVERY_APP || connection->app == app))
			close_now(connection, error_code);
	}
}

void quicd_close_all(struct quicd_worker *worker, unsigned long long error_code)
{
	close_connections(worker, EVERY_APP, error_code);
}

/*
 * No application has heard of a connection in its handshake, and a client in the midst of one may
 * have no key yet for a CONNECTION_CLOSE (RFC 9000 §10.2.3) and would wait for its own timeout.
 */
static void hand_over_handshakes(struct quicd_worker *worker, uint32_t app)
{
	for (uint32_t slot = 0; slot < worker->connection_used; slot++) {
		struct quicd_connection *connection = &worker->connections[slot];
		const bool young = connection->state == QUICD_STATE_INITIAL ||
				   connection->state == QUICD_STATE_HANDSHAKING;
		if (young && connection->app == app && !connection->dead &&
		    !quicd_connection_is_client(connection))
			quicd_accept_hand_over(connection);
	}
}

static void leave(struct quicd_worker *worker, struct quicd_app *app)
{
	struct quicd_link *link = &app->links[worker->index];
	/*
	 * Its last commands first: they may hold buffers, and the writes among them were
	 * accepted.
	 */
	while (quicd_commands_run(worker, link, app->index, UINT32_MAX) > 0)
		;
	hand_over_handshakes(worker, app->index);
	close_connections(worker, app->index, INTERNAL_ERROR);
	assert(link->connections == 0);
	quicd_connect_forget(link);
	/* Nobody will consume its events any more: its slots are free for all purposes. */
	for (uint32_t slot = 0; slot < worker->connection_used; slot++)
		if (worker->connections[slot].app == app->index)
			worker->connections[slot].events_out = 0;
	quicd_slab_end_leases(&worker->slab, app->index);
	quicd_slab_collect(&worker->slab, returned, worker);
	quicd_app_worker_left(app, worker->index);
}

void quicd_leave_check(struct quicd_worker *worker)
{
	for (uint32_t index = 0; index < worker->engine->options.apps; index++) {
		struct quicd_app *app = &worker->engine->apps[index];
		if (quicd_app_is_leaving(app, worker->index))
			leave(worker, app);
	}
}
