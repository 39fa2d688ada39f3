/*
 * cids.c - connection IDs of ours: drawn, given to quiche, entered in the map, taken out when
 * retired (RFC 9000 §5.1).
 */
#include <assert.h>
#include <string.h>
#include "connection.h"
#include "keys.h"
#include "worker.h"

#define DRAWS_MAX 8

void quicd_cid_generate(struct quicd_worker *worker, uint8_t cid[QUICD_CID_BYTES])
{
	const struct quicd_keys *keys = &worker->engine->keys;
	uint8_t random[1 + QUICD_CID_RANDOM_BYTES];
	quicd_random(random, sizeof(random));
	cid[0] = random[0] & 0x1f; /* config rotation 0, then random bits */
	memcpy(cid + QUICD_CID_RANDOM, random + 1, QUICD_CID_RANDOM_BYTES);
	quicd_cid_seal(&keys->cid, (struct quicd_cid_route){.worker = (unsigned char)worker->index},
		       cid);
}

bool quicd_connection_add_cid(struct quicd_connection *connection, const uint8_t *cid,
			      uint32_t bytes)
{
	if (connection->cid_count == QUICD_CIDS_PER_CONNECTION)
		return false;
	if (!quicd_cid_map_add(&connection->worker->cids, cid, bytes, connection->index))
		return false;
	struct quicd_cid *entry = &connection->cids[connection->cid_count++];
	memcpy(entry->bytes, cid, bytes);
	entry->length = (uint8_t)bytes;
	return true;
}

bool quicd_connection_draw_cid(struct quicd_connection *connection, uint8_t cid[QUICD_CID_BYTES])
{
	if (connection->cid_bytes == QUICD_CID_BYTES) {
		quicd_cid_generate(connection->worker, cid);
		return quicd_connection_add_cid(connection, cid, QUICD_CID_BYTES);
	}
	/* Short enough for another connection of the worker to have it. */
	for (uint32_t tries = 0; tries < DRAWS_MAX; tries++) {
		quicd_random(cid, connection->cid_bytes);
		if (quicd_connection_add_cid(connection, cid, connection->cid_bytes))
			return true;
	}
	return false;
}

/* A client sends no stateless resets: its tokens have to be nothing but unknown (§10.3). */
static void make_reset_token(const struct quicd_connection *connection, const uint8_t *cid,
			     uint8_t token[QD_RESET_TOKEN_BYTES])
{
	if (quicd_connection_is_client(connection))
		quicd_random(token, QD_RESET_TOKEN_BYTES);
	else
		quicd_keys_reset_token(&connection->worker->engine->keys, cid, token);
}

static void remove_cid(struct quicd_connection *connection, const uint8_t *cid, uint32_t bytes)
{
	for (uint32_t i = 0; i < connection->cid_count; i++) {
		struct quicd_cid *entry = &connection->cids[i];
		if (entry->length != bytes || memcmp(entry->bytes, cid, bytes) != 0)
			continue;
		quicd_cid_map_remove(&connection->worker->cids, cid, bytes, connection->index);
		*entry = connection->cids[--connection->cid_count];
		return;
	}
}

void quicd_connection_refill_cids(struct quicd_connection *connection)
{
	const uint32_t bytes = connection->cid_bytes;
	size_t left = qd_scids_left(connection->quiche);
	while (left-- > 0 && connection->cid_count < QUICD_CIDS_PER_CONNECTION - 2) {
		uint8_t cid[QUICD_CID_BYTES], token[QD_RESET_TOKEN_BYTES];
		if (!quicd_connection_draw_cid(connection, cid))
			return;
		make_reset_token(connection, cid, token);
		if (qd_new_scid(connection->quiche, cid, bytes, token, false) < 0) {
			remove_cid(connection, cid, bytes);
			return;
		}
		quicd_connection_wants_flush(connection);
	}
}

void quicd_connection_drop_retired_cids(struct quicd_connection *connection)
{
	uint8_t cid[QUICD_CID_BYTES];
	while (qd_retired_scid(connection->quiche, cid))
		remove_cid(connection, cid, connection->cid_bytes);
}

void quicd_connection_forget_cids(struct quicd_connection *connection)
{
	while (connection->cid_count > 0) {
		const struct quicd_cid entry = connection->cids[connection->cid_count - 1];
		remove_cid(connection, entry.bytes, entry.length);
	}
}
