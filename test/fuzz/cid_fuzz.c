/*
 * cid_fuzz.c - connection IDs of ours (seal and open), strangers among them, and the map against a
 * list that is searched from end to end.
 */
#include <stddef.h>
#include <stdint.h>
#include "../native/check.h"
#include "cid_map.h"

#define CAPACITY 24 /* small: full maps and long chains are within reach */

struct model_entry {
	uint8_t cid[QUICD_LONG_CID_BYTES_MAX];
	uint32_t bytes;
	uint32_t connection;
};

struct model {
	struct model_entry entries[CAPACITY];
	uint32_t count;
};

static struct model_entry *model_find(struct model *model, const uint8_t *cid, uint32_t bytes)
{
	for (uint32_t i = 0; i < model->count; i++) {
		struct model_entry *entry = &model->entries[i];
		if (entry->bytes == bytes && memcmp(entry->cid, cid, bytes) == 0)
			return entry;
	}
	return NULL;
}

static void check_seal(const uint8_t *data)
{
	struct quicd_cid_keys key;
	uint8_t cid[QUICD_CID_BYTES], kept[QUICD_CID_BYTES];
	memcpy(&key.sip, data, sizeof(key.sip));
	memcpy(cid, data + 16, sizeof(cid));
	memcpy(key.server_id, cid + 1, sizeof(key.server_id));
	memcpy(kept, cid, sizeof(cid));
	const struct quicd_cid_route route = {.generation = data[36], .worker = data[37]};
	quicd_cid_seal(&key, route, cid);
	/* Only octets 9-12 are the seal's. */
	REQUIRE(memcmp(cid, kept, QUICD_CID_MASKED) == 0);
	REQUIRE(memcmp(cid + QUICD_CID_RANDOM, kept + QUICD_CID_RANDOM, QUICD_CID_RANDOM_BYTES) ==
		0);
	struct quicd_cid_route read = {0};
	REQUIRE(quicd_cid_open(&key, cid, &read) == 1);
	REQUIRE(read.generation == route.generation && read.worker == route.worker);
	/* The check is no secret of chance when one of its own bits is turned: always a stranger.
	 */
	const uint32_t bit = data[38] % 16;
	cid[QUICD_CID_MASKED + 2 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	REQUIRE(quicd_cid_open(&key, cid, &read) == 0);
	cid[QUICD_CID_MASKED + 2 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	cid[1 + data[38] % QUICD_CID_SERVER_ID_BYTES] ^= 1;
	REQUIRE(quicd_cid_open(&key, cid, &read) == 0);
	/* Any CID of this server opens to what would seal it, or to nothing. */
	if (quicd_cid_open(&key, kept, &read)) {
		memcpy(cid, kept, sizeof(cid));
		quicd_cid_seal(&key, read, cid);
		REQUIRE(memcmp(cid, kept, sizeof(cid)) == 0);
	}
}

static void check_all(const struct quicd_cid_map *map, const struct model *model)
{
	REQUIRE(map->count == model->count);
	for (uint32_t i = 0; i < model->count; i++) {
		const struct model_entry *entry = &model->entries[i];
		REQUIRE(quicd_cid_map_find(map, entry->cid, entry->bytes) == entry->connection);
	}
}

/* Three bytes a step: few different CIDs, so that they meet again; prefixes of each other among
 * them. */
static void step(struct quicd_cid_map *map, struct model *model, const uint8_t *data)
{
	uint8_t cid[256];
	memset(cid, data[1] & 7, sizeof(cid));
	uint32_t bytes = data[1] >> 3; /* 0..31: beyond 20 finds nothing */
	const uint32_t connection = data[2] & 3;
	struct model_entry *known = NULL;
	if (bytes <= QUICD_LONG_CID_BYTES_MAX)
		known = model_find(model, cid, bytes);
	switch (data[0] % 3) {
	case 0:
		if (bytes > QUICD_LONG_CID_BYTES_MAX)
			return; /* an assertion of the map */
		REQUIRE(quicd_cid_map_add(map, cid, bytes, connection) ==
			(!known && model->count < CAPACITY));
		if (known || model->count == CAPACITY)
			return;
		memcpy(model->entries[model->count].cid, cid, bytes);
		model->entries[model->count].bytes = bytes;
		model->entries[model->count++].connection = connection;
		return;
	case 1:
		quicd_cid_map_remove(map, cid, bytes, connection);
		if (known && known->connection == connection)
			*known = model->entries[--model->count];
		return;
	default:
		REQUIRE(quicd_cid_map_find(map, cid, bytes) ==
			(known ? known->connection : QUICD_NONE));
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 39)
		return 0;
	check_seal(data);
	struct quicd_sip_key key;
	memcpy(&key, data, sizeof(key));
	struct quicd_cid_map map;
	struct model model = {.count = 0};
	REQUIRE(quicd_cid_map_create(&map, CAPACITY, key));
	for (size_t at = 39; at + 3 <= size; at += 3)
		step(&map, &model, data + at);
	check_all(&map, &model);
	quicd_cid_map_destroy(&map);
	return 0;
}
