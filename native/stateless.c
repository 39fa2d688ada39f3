/* stateless.c - see stateless.h. */
#include "stateless.h"
#include <string.h>
#include "connection.h"
#include "keys.h"
#include "tickets.h"
#include "worker.h"

#define VERSION_INTERVAL_NS 100000ull
#define VERSION_BURST_NS 10000000ull
/* 1000 a second, and 100 at a time: enough for clients that come back after a restart. */
#define RESET_INTERVAL_NS 1000000ull
#define RESET_BURST_NS 100000000ull

/*
 * RFC 9000 §10.3: at least 21 bytes, and at least one fewer than what it answers, so that two
 * servers that take each other's for packets soon have none left. A longer one gains nothing.
 */
#define RESET_BYTES_MIN 21
#define RESET_BYTES_MAX 42

static void answer(struct quicd_worker *worker, uint32_t bytes, const struct qd_address *from,
		   const struct qd_address *to)
{
	const struct qd_train train = {
		.bytes = bytes, .segment_bytes = bytes, .segments = 1, .from = *to, .to = *from
	};
	quicd_net_send(worker, &train);
}

void quicd_stateless_version(struct quicd_worker *worker, const struct quicd_packet_header *header,
			     uint32_t datagram_bytes, const struct qd_address *from,
			     const struct qd_address *to)
{
	worker->counters->receive_version++;
	if (datagram_bytes < QUICD_DATAGRAM_BYTES_MIN ||
	    !quicd_rate_take(&worker->version_rate, worker->now_ns, VERSION_INTERVAL_NS,
			     VERSION_BURST_NS))
		return;
	uint8_t *buffer = quicd_net_send_buffer(worker);
	if (!buffer)
		return;
	const ssize_t bytes =
		qd_negotiate_version(header->scid, header->scid_bytes, header->dcid,
				     header->dcid_bytes, worker->engine->options.versions, buffer,
				     QUICD_SEND_BUFFER_BYTES);
	if (bytes > 0)
		answer(worker, (uint32_t)bytes, from, to);
}

void quicd_stateless_retry(struct quicd_worker *worker, const struct quicd_packet_header *header,
			   const struct qd_address *from, const struct qd_address *to)
{
	uint8_t *buffer = quicd_net_send_buffer(worker);
	if (!buffer)
		return;
	uint8_t cid[QUICD_CID_BYTES], sealed[QUICD_TOKEN_BYTES_MAX];
	quicd_cid_generate(worker, cid);
	struct quicd_token token = { .peer = from,
				     .version = header->version,
				     .retry_cid = cid,
				     .original_cid_bytes = header->dcid_bytes,
				     .issued_s = quicd_wall_s(worker->engine) };
	memcpy(token.original_cid, header->dcid, header->dcid_bytes);
	const size_t token_bytes = quicd_token_seal(worker->engine->tokens, &token, sealed);
	const ssize_t bytes = qd_retry(header->scid, header->scid_bytes, header->dcid,
				       header->dcid_bytes, cid, sealed, token_bytes,
				       header->version, buffer, QUICD_SEND_BUFFER_BYTES);
	if (bytes <= 0)
		return;
	worker->counters->retries++;
	answer(worker, (uint32_t)bytes, from, to);
}

void quicd_stateless_reset(struct quicd_worker *worker, const struct quicd_packet_header *header,
			   uint32_t datagram_bytes, const struct qd_address *from,
			   const struct qd_address *to)
{
	const struct quicd_keys *keys = &worker->engine->keys;
	struct quicd_cid_route route;
	if (datagram_bytes <= RESET_BYTES_MIN ||
	    !quicd_cid_open(&keys->cid, header->dcid, &route) || route.worker != worker->index ||
	    !quicd_rate_take(&worker->reset_rate, worker->now_ns, RESET_INTERVAL_NS,
			     RESET_BURST_NS))
		return;
	uint8_t *buffer = quicd_net_send_buffer(worker);
	if (!buffer)
		return;
	const uint32_t bytes =
		datagram_bytes <= RESET_BYTES_MAX ? datagram_bytes - 1 : RESET_BYTES_MAX;
	/* Like a short header: fixed bit set, the rest of no meaning, the token at the end. */
	quicd_random(buffer, bytes);
	buffer[0] = (uint8_t)(0x40 | (buffer[0] & 0x3f));
	quicd_keys_reset_token(keys, header->dcid, buffer + bytes - QD_RESET_TOKEN_BYTES);
	worker->counters->send_resets++;
	answer(worker, bytes, from, to);
}

void quicd_stateless_heard(struct quicd_worker *worker, const uint8_t *bytes, uint32_t length,
			   const struct qd_address *from, const struct qd_address *to)
{
	if (length < RESET_BYTES_MIN ||
	    !quicd_rate_take(&worker->reset_rate, worker->now_ns, RESET_INTERVAL_NS,
			     RESET_BURST_NS))
		return;
	for (uint32_t slot = 0; slot < worker->connection_used; slot++) {
		struct quicd_connection *connection = &worker->connections[slot];
		if (connection->state == QUICD_STATE_FREE || connection->dead ||
		    connection->local.port != to->port || connection->peer.port != from->port ||
		    memcmp(connection->peer.ip, from->ip, sizeof(from->ip)) != 0)
			continue;
		if (!qd_recv_reset(connection->quiche, bytes, length))
			continue;
		worker->counters->resets_received++;
		quicd_list_append(&worker->dirty, &connection->dirty);
		return;
	}
}
