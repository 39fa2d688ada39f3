/* accept.c - see accept.h. */
#include "accept.h"
#include <assert.h>
#include <string.h>
#include "admission.h"
#include "connection.h"
#include "memory.h"
#include "keys.h"
#include "preferred.h"
#include "qlog.h"
#include "stateless.h"
#include "worker.h"

/* RFC 9000 §20.1 */
#define CONNECTION_REFUSED 0x02
#define INVALID_TOKEN 0x0b

/* Round robin over the app threads that are there; QUICD_NONE when none is. */
static uint32_t choose_app(struct quicd_engine *engine)
{
	for (uint32_t tries = 0; tries < engine->options.apps; tries++) {
		const uint32_t next =
			atomic_fetch_add_explicit(&engine->next_app, 1, memory_order_relaxed);
		const uint32_t app = next % engine->options.apps;
		if (quicd_app_attached(&engine->apps[app]))
			return app;
	}
	return QUICD_NONE;
}

static struct quicd_connection *open_connection(struct quicd_worker *worker,
						const struct quicd_packet_header *header,
						const struct quicd_token *token, uint32_t app,
						const struct qd_address *from,
						const struct qd_address *to)
{
	struct quicd_connection *connection = quicd_connection_new(worker);
	if (!connection)
		return NULL;
	connection->app = app;
	worker->engine->apps[app].links[worker->index].connections++;
	connection->accepted_ns = worker->now_ns;
	connection->sent_ns = worker->now_ns;
	connection->local = *to;
	connection->peer = *from;
	uint8_t scid[QUICD_CID_BYTES], reset_token[QD_RESET_TOKEN_BYTES];
	quicd_cid_generate(worker, scid);
	quicd_keys_reset_token(&worker->engine->keys, scid, reset_token);
	int error = 0;
	if (quicd_connection_add_cid(connection, scid, QUICD_CID_BYTES) &&
	    quicd_connection_add_cid(connection, header->dcid, header->dcid_bytes))
		connection->quiche =
			qd_accept(worker->config, scid, reset_token,
				  token ? token->original_cid : NULL,
				  token ? token->original_cid_bytes : 0,
				  token ? header->dcid : NULL, token ? header->dcid_bytes : 0, to,
				  from, &error);
	if (!connection->quiche) {
		quicd_connection_free(connection);
		return NULL;
	}
	quicd_preferred_announce(connection);
	if (worker->engine->keylog_fd >= 0)
		qd_set_keylog_fd(connection->quiche, worker->engine->keylog_fd);
	quicd_qlog_accepted(connection);
	worker->counters->accepted++;
	return connection;
}

static struct quicd_connection *accept_initial(struct quicd_worker *worker,
					       const struct quicd_packet_header *header,
					       const struct qd_address *from,
					       const struct qd_address *to)
{
	struct quicd_engine *engine = worker->engine;
	struct quicd_counters *counters = worker->counters;
	const bool draining = atomic_load_explicit(&engine->draining, memory_order_relaxed) != 0;
	const uint32_t app = choose_app(engine);
	const bool ample = quicd_memory_is_ample(worker);
	counters->memory_refused += !ample;
	if (app == QUICD_NONE || !ample) {
		counters->receive_refused++;
		return NULL;
	}
	struct quicd_token token;
	const enum quicd_admission admission = quicd_admit(worker, header, from, draining, &token);
	if (admission == QUICD_ADMIT_ASK) {
		counters->receive_retried++;
		quicd_stateless_retry(worker, header, from, to);
		return NULL;
	}
	struct quicd_connection *connection = NULL;
	if (admission != QUICD_ADMIT_NOT)
		connection = open_connection(worker, header,
					     admission == QUICD_ADMIT_AFTER_RETRY ? &token : NULL,
					     app, from, to);
	if (!connection) {
		counters->receive_refused++;
		return NULL;
	}
	counters->accepted_refused += draining;
	counters->tokens_valid += admission == QUICD_ADMIT_AFTER_RETRY;
	counters->tokens_invalid += admission == QUICD_ADMIT_TO_BE_REFUSED;
	if (admission == QUICD_ADMIT_KNOWN)
		qd_set_address_validated(connection->quiche);
	else if (admission != QUICD_ADMIT_AFTER_RETRY)
		quicd_admission_enter(connection);
	if (draining)
		connection->refuse = CONNECTION_REFUSED;
	else if (admission == QUICD_ADMIT_TO_BE_REFUSED)
		connection->refuse = INVALID_TOKEN;
	return connection;
}

struct quicd_connection *quicd_accept(struct quicd_worker *worker,
				      const struct quicd_packet_header *header,
				      uint32_t datagram_bytes, const struct qd_address *from,
				      const struct qd_address *to)
{
	struct quicd_counters *counters = worker->counters;
	/* Nobody opens connections to a client, and what it has forgotten it does not answer. */
	if (worker->engine->options.role == QUICD_ROLE_CLIENT) {
		counters->receive_unknown++;
		return NULL;
	}
	if (header->form == QUICD_PACKET_SHORT) {
		counters->receive_unknown++;
		quicd_stateless_reset(worker, header, datagram_bytes, from, to);
		return NULL;
	}
	if (!quicd_preferred_takes_new(worker, to)) {
		counters->receive_unknown++;
		return NULL;
	}
	/* Version Negotiation is for clients; never answered (RFC 9000 §6.1) */
	if (header->version == 0) {
		counters->receive_malformed++;
		return NULL;
	}
	if (header->version != QUICD_VERSION_1 &&
	    (header->version != QUICD_VERSION_2 ||
	     worker->engine->options.versions == QD_VERSIONS_1)) {
		quicd_stateless_version(worker, header, datagram_bytes, from, to);
		return NULL;
	}
	if (header->type != QUICD_LONG_INITIAL) {
		counters->receive_unknown++;
		return NULL;
	}
	/* RFC 9000 §14.1, and §7.2: a first Initial's DCID has at least 8 bytes. */
	if (datagram_bytes < QUICD_DATAGRAM_BYTES_MIN || header->dcid_bytes < 8) {
		counters->receive_short_initial++;
		return NULL;
	}
	return accept_initial(worker, header, from, to);
}

bool quicd_accept_hand_over(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	const uint32_t app = choose_app(worker->engine);
	if (app == QUICD_NONE)
		return false;
	worker->engine->apps[connection->app].links[worker->index].connections--;
	worker->engine->apps[app].links[worker->index].connections++;
	connection->app = app;
	return true;
}

void quicd_accept_refuse(struct quicd_connection *connection)
{
	const char *reason = connection->refuse == INVALID_TOKEN ? "the token of a Retry is invalid"
								 : "server is stopping";
	qd_close(connection->quiche, false, connection->refuse, (const uint8_t *)reason,
		 strlen(reason));
	connection->refuse = 0;
}
