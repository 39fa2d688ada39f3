/*
 * cid_map.c - see cid_map.h. Chained buckets over a fixed pool: deletion is simple and memory is
 * touched as it is used.
 */
#include "cid_map.h"
#include <assert.h>
#include <string.h>
#include "pages.h"

bool quicd_cid_map_create(struct quicd_cid_map *map, uint32_t capacity, struct quicd_sip_key key)
{
	uint32_t buckets = 64;
	while (buckets < capacity)
		buckets *= 2;
	*map = (struct quicd_cid_map){.key = key, .capacity = capacity, .bucket_mask = buckets - 1};
	map->entries = quicd_pages_map((size_t)capacity * sizeof(*map->entries));
	map->buckets = quicd_pages_map((size_t)buckets * sizeof(*map->buckets));
	return map->entries && map->buckets;
}

void quicd_cid_map_destroy(struct quicd_cid_map *map)
{
	quicd_pages_unmap(map->entries, (size_t)map->capacity * sizeof(*map->entries));
	quicd_pages_unmap(map->buckets, ((size_t)map->bucket_mask + 1) * sizeof(*map->buckets));
}

static uint32_t bucket_of(const struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes)
{
	uint64_t words[3] = { 0, 0, 0 };
	memcpy(words, cid, bytes);
	struct quicd_sip_state state = quicd_sip_begin(&map->key);
	quicd_sip_word(&state, words[0]);
	quicd_sip_word(&state, words[1]);
	return (uint32_t)quicd_sip_end(&state, words[2] ^ (uint64_t)bytes << 56) & map->bucket_mask;
}

static bool matches(const struct quicd_cid_entry *entry, const uint8_t *cid, uint32_t bytes)
{
	return entry->bytes == bytes && memcmp(entry->cid, cid, bytes) == 0;
}

bool quicd_cid_map_add(struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes,
		       uint32_t connection)
{
	assert(bytes <= QUICD_LONG_CID_BYTES_MAX);
	if (quicd_cid_map_find(map, cid, bytes) != QUICD_NONE)
		return false;
	uint32_t slot = map->free_head;
	if (slot != 0) {
		map->free_head = map->entries[slot - 1].next;
	} else {
		if (map->used == map->capacity)
			return false;
		slot = ++map->used;
	}
	struct quicd_cid_entry *entry = &map->entries[slot - 1];
	memcpy(entry->cid, cid, bytes);
	entry->bytes = (uint8_t)bytes;
	entry->connection = connection;
	uint32_t *bucket = &map->buckets[bucket_of(map, cid, bytes)];
	entry->next = *bucket;
	*bucket = slot;
	map->count++;
	return true;
}

uint32_t quicd_cid_map_find(const struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes)
{
	if (bytes > QUICD_LONG_CID_BYTES_MAX)
		return QUICD_NONE;
	for (uint32_t slot = map->buckets[bucket_of(map, cid, bytes)]; slot != 0;) {
		const struct quicd_cid_entry *entry = &map->entries[slot - 1];
		if (matches(entry, cid, bytes))
			return entry->connection;
		slot = entry->next;
	}
	return QUICD_NONE;
}

void quicd_cid_map_remove(struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes,
			  uint32_t connection)
{
	if (bytes > QUICD_LONG_CID_BYTES_MAX)
		return;
	for (uint32_t *link = &map->buckets[bucket_of(map, cid, bytes)]; *link != 0;) {
		const uint32_t slot = *link;
		struct quicd_cid_entry *entry = &map->entries[slot - 1];
		if (!matches(entry, cid, bytes)) {
			link = &entry->next;
			continue;
		}
		if (entry->connection != connection)
			return;
		*link = entry->next;
		entry->next = map->free_head;
		map->free_head = slot;
		map->count--;
		return;
	}
}
