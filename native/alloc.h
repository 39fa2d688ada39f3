/*
 * alloc.h - the allocator of the native side, and what it counts. quicd_allocate and its kin are
 * declared in quiche/quicd_quiche.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quicd_memory {
	int64_t live_bytes;   /* asked for, not yet given back; all threads */
	int64_t live_objects;
	uint64_t allocations; /* since the start */
	uint64_t own_allocations; /* of them: by our C code, not by quiche or BoringSSL */
};
void quicd_memory_read(struct quicd_memory *memory);
/* Bytes that the calling thread has allocated more than freed. */
int64_t quicd_memory_of_thread(void);

/* quicd_allocate for our C code, counted apart: in steady state it asks for nothing. */
void *quicd_allocate_own(size_t bytes, size_t align, bool zeroed);
