/*
 * cid_map.h - connection ID to connection slot, for one worker. Holds our own CIDs and, during a
 * connection's life, the one that the client made up for its first Initial: so the hash is keyed (a
 * client can't aim at a bucket).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "../bpf/cid.h"
#include "limits.h"
#include "quic_header.h"

struct quicd_cid_entry {
	uint8_t cid[QUICD_LONG_CID_BYTES_MAX]; /* a client's own may be longer than ours */
	uint8_t bytes;
	uint32_t connection;
	uint32_t next; /* in the bucket or the free list; index + 1 */
};

struct quicd_cid_map {
	struct quicd_sip_key key;
	struct quicd_cid_entry *entries;
	uint32_t *buckets; /* index + 1 */
	uint32_t capacity;
	uint32_t bucket_mask;
	uint32_t used; /* entries ever touched; the rest has never been written */
	uint32_t free_head;
	uint32_t count;
};

bool quicd_cid_map_create(struct quicd_cid_map *map, uint32_t capacity, struct quicd_sip_key key);
void quicd_cid_map_destroy(struct quicd_cid_map *map);
/* False when full or when another connection has the CID. |bytes| 0..20. */
bool quicd_cid_map_add(struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes,
		       uint32_t connection);
/* The connection's slot, or QUICD_NONE. */
uint32_t quicd_cid_map_find(const struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes);
/* Removes it if it belongs to |connection|; else nothing. */
void quicd_cid_map_remove(struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes,
			  uint32_t connection);
