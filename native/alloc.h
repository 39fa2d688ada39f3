/*
 * alloc.h - the allocator of the native side, and what it counts. quicd_allocate and its kin are
 * declared in quiche/quicd_quiche.h.
 */
#pragma once
#include <stdint.h>

struct quicd_memory {
	int64_t live_bytes;   /* asked for, not yet given back; all threads */
	int64_t live_objects;
	uint64_t allocations; /* since the start */
};
void quicd_memory_read(struct quicd_memory *memory);
