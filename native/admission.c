/* admission.c - see admission.h. */
#include "admission.h"
#include <assert.h>
#include "connection.h"
#include "replay.h"
#include "tickets.h"
#include "worker.h"

static uint32_t at_least(uint32_t value, uint32_t least)
{
	return value > least ? value : least;
}

/* Half-open connections of one network from which on it is asked, or gets no more. */
static uint32_t prefix_retry(const struct quicd_options *o)
{
	return o->prefix_retry != 0 ? o->prefix_retry :
				      at_least(o->connections / QUICD_PREFIX_RETRY_DIVISOR,
					       QUICD_PREFIX_RETRY_MIN);
}

static uint32_t prefix_max(const struct quicd_options *o)
{
	return o->prefix_max != 0 ? o->prefix_max :
				    at_least(o->connections / QUICD_PREFIX_MAX_DIVISOR,
					     QUICD_PREFIX_MAX_MIN);
}

/* One more handshake for somebody unproved: is there time for it? */
static bool take_handshake(struct quicd_worker *worker)
{
	const uint32_t configured = worker->engine->options.handshake_rate;
	const uint64_t interval_ns =
		1000000000 / (configured != 0 ? configured : QUICD_HANDSHAKE_RATE);
	return quicd_rate_take(&worker->handshake_rate, worker->now_ns, interval_ns,
			       QUICD_HANDSHAKE_BURST_NS);
}

/* The load rule. What it says no to is asked for a Retry: that costs no signature and no state. */
static bool has_room(struct quicd_worker *worker, uint64_t prefix)
{
	const struct quicd_options *o = &worker->engine->options;
	struct quicd_counters *counters = worker->counters;
	if (worker->half_open >= o->connections / QUICD_HALF_OPEN_RETRY_DIVISOR)
		return false;
	if (quicd_prefix_count(&worker->prefixes, prefix) >= prefix_retry(o)) {
		counters->load_prefix++;
		return false;
	}
	if (!take_handshake(worker)) {
		counters->load_rate++;
		return false;
	}
	return true;
}

/* RFC 9000 §8.1.4: each token once, as far as this process remembers. */
static bool brings_token(struct quicd_worker *worker, const struct quicd_packet_header *header,
			 const struct qd_address *from)
{
	const struct quicd_engine *engine = worker->engine;
	struct quicd_counters *counters = worker->counters;
	uint8_t id[QUICD_NEW_TOKEN_ID_BYTES];
	if (!engine->spent_tokens ||
	    !quicd_new_token_looks_like_one(header->token, header->token_bytes))
		return false;
	const bool good = quicd_new_token_open(engine->tokens, from, header->version,
					       quicd_wall_s(engine), header->token,
					       header->token_bytes, id) &&
			  quicd_replay_first(engine->spent_tokens, id, sizeof(id),
					     worker->now_ns / 1000000000);
	counters->new_tokens_valid += good;
	counters->new_tokens_refused += !good;
	return good;
}

static enum quicd_admission admit_unproved(struct quicd_worker *worker,
					   const struct qd_address *from, bool invalid,
					   bool draining)
{
	const struct quicd_options *o = &worker->engine->options;
	const uint64_t prefix = quicd_prefix_hash(&worker->engine->keys.map, from);
	if (worker->half_open > o->connections / QUICD_HALF_OPEN_MAX_DIVISOR)
		return QUICD_ADMIT_NOT;
	if (quicd_prefix_count(&worker->prefixes, prefix) >= prefix_max(o)) {
		worker->counters->refused_prefix++;
		return QUICD_ADMIT_NOT;
	}
	if (o->retry == QUICD_RETRY_ALWAYS && !invalid)
		return draining ? QUICD_ADMIT : QUICD_ADMIT_ASK;
	/* Telling somebody of an invalid token takes a handshake: not under load. */
	if (o->retry != QUICD_RETRY_NEVER && !draining && !has_room(worker, prefix))
		return invalid ? QUICD_ADMIT_NOT : QUICD_ADMIT_ASK;
	return invalid ? QUICD_ADMIT_TO_BE_REFUSED : QUICD_ADMIT;
}

enum quicd_admission quicd_admit(struct quicd_worker *worker,
				 const struct quicd_packet_header *header,
				 const struct qd_address *from, bool draining,
				 struct quicd_token *token)
{
	const struct quicd_engine *engine = worker->engine;
	enum quicd_token_verdict verdict = QUICD_TOKEN_STRANGE;
	*token = (struct quicd_token){ .peer = from,
				       .version = header->version,
				       .retry_cid = header->dcid };
	if (header->dcid_bytes == QUICD_CID_BYTES)
		verdict = quicd_token_open(engine->tokens, quicd_wall_s(engine), header->token,
					   header->token_bytes, token);
	if (verdict == QUICD_TOKEN_VALID)
		return QUICD_ADMIT_AFTER_RETRY;
	if (verdict == QUICD_TOKEN_STRANGE && brings_token(worker, header, from))
		return QUICD_ADMIT_KNOWN;
	return admit_unproved(worker, from, verdict == QUICD_TOKEN_INVALID, draining);
}

void quicd_admission_enter(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	assert(!connection->in_prefix);
	connection->prefix = quicd_prefix_hash(&worker->engine->keys.map, &connection->peer);
	connection->in_prefix = true;
	quicd_prefix_change(&worker->prefixes, connection->prefix, 1);
}

void quicd_admission_leave(struct quicd_connection *connection)
{
	if (!connection->in_prefix)
		return;
	connection->in_prefix = false;
	quicd_prefix_change(&connection->worker->prefixes, connection->prefix, -1);
}

void quicd_admission_give_token(struct quicd_connection *connection, uint32_t version)
{
	struct quicd_worker *worker = connection->worker;
	const struct quicd_engine *engine = worker->engine;
	uint8_t token[QUICD_NEW_TOKEN_BYTES];
	if (!engine->spent_tokens)
		return;
	quicd_new_token_seal(engine->tokens, &connection->peer, version, quicd_wall_s(engine),
			     token);
	if (qd_send_new_token(connection->quiche, token, sizeof(token)) == 0)
		worker->counters->new_tokens++;
}
