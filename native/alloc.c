/*
 * alloc.c - one allocator for quiche (Rust's global allocator), BoringSSL (its OPENSSL_memory_*
 * hooks) and our own heap use: mimalloc, or the system's under sanitizers, so that they see every
 * block. Counts are per thread and summed on request: the hot path adds to its own cache line.
 */
#include "alloc.h"
#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "limits.h"
#include "quiche/quicd_quiche.h"

#ifdef QUICD_SYSTEM_MALLOC
static void *raw_allocate(size_t bytes, size_t align)
{
	return align <= 16 ? malloc(bytes)
			   : aligned_alloc(align, (bytes + align - 1) / align * align);
}
static void raw_free(void *pointer)
{
	free(pointer);
}
#else
extern void *mi_malloc_aligned(size_t bytes, size_t align);
extern void *mi_malloc(size_t bytes);
extern void mi_free(void *pointer);
static void *raw_allocate(size_t bytes, size_t align)
{
	return align <= 16 ? mi_malloc(bytes) : mi_malloc_aligned(bytes, align);
}
static void raw_free(void *pointer)
{
	mi_free(pointer);
}
#endif

/* Threads beyond the table share the last entry, with atomic adds that then contend. */
#define COUNTING_THREADS 256

struct counts {
	_Alignas(QUICD_CACHE_LINE) _Atomic int64_t bytes;
	_Atomic int64_t objects;
	_Atomic uint64_t allocations;
	_Atomic uint64_t own_allocations;
};
static struct counts counts[COUNTING_THREADS];
static _Atomic uint32_t threads;
/*
 * Initial-exec: one load instead of a call; four bytes of the static block that loaders keep free.
 */
static __thread uint32_t thread_place
	__attribute__((tls_model("initial-exec"))); /* index + 1 */

static struct counts *mine(void)
{
	if (thread_place == 0) {
		const uint32_t place = atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed);
		thread_place = (place < COUNTING_THREADS ? place : COUNTING_THREADS - 1) + 1;
	}
	return &counts[thread_place - 1];
}

static void add(_Atomic int64_t *count, int64_t by)
{
	if (thread_place == COUNTING_THREADS)
		atomic_fetch_add_explicit(count, by, memory_order_relaxed);
	else /* the only writer */
		atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + by,
				      memory_order_relaxed);
}

void *quicd_allocate(size_t bytes, size_t align, bool zeroed)
{
	void *pointer = raw_allocate(bytes, align);
	if (!pointer)
		return NULL;
	if (zeroed)
		memset(pointer, 0, bytes);
	struct counts *c = mine();
	add(&c->bytes, (int64_t)bytes);
	add(&c->objects, 1);
	add((_Atomic int64_t *)&c->allocations, 1);
	return pointer;
}

void *quicd_allocate_own(size_t bytes, size_t align, bool zeroed)
{
	add((_Atomic int64_t *)&mine()->own_allocations, 1);
	return quicd_allocate(bytes, align, zeroed);
}

void quicd_free(void *pointer, size_t bytes, size_t align)
{
	(void)align;
	if (!pointer)
		return;
	raw_free(pointer);
	struct counts *c = mine();
	add(&c->bytes, -(int64_t)bytes);
	add(&c->objects, -1);
}

void *quicd_reallocate(void *pointer, size_t old_bytes, size_t align, size_t new_bytes)
{
	void *moved = quicd_allocate(new_bytes, align, false);
	if (!moved)
		return NULL;
	memcpy(moved, pointer, old_bytes < new_bytes ? old_bytes : new_bytes);
	quicd_free(pointer, old_bytes, align);
	return moved;
}

int64_t quicd_memory_of_thread(void)
{
	return atomic_load_explicit(&mine()->bytes, memory_order_relaxed);
}

void quicd_memory_read(struct quicd_memory *memory)
{
	*memory = (struct quicd_memory){ 0 };
	for (uint32_t i = 0; i < COUNTING_THREADS; i++) {
		memory->live_bytes += atomic_load_explicit(&counts[i].bytes, memory_order_relaxed);
		memory->live_objects +=
			atomic_load_explicit(&counts[i].objects, memory_order_relaxed);
		memory->allocations +=
			atomic_load_explicit(&counts[i].allocations, memory_order_relaxed);
		memory->own_allocations +=
			atomic_load_explicit(&counts[i].own_allocations, memory_order_relaxed);
	}
}

/*
 * BoringSSL takes these when they are there (openssl/mem.h). It asks for a block's size when it
 * clears one, so the size stands before the block.
 */
#define HEADER_BYTES 16

void *OPENSSL_memory_alloc(size_t bytes)
{
	uint8_t *block = quicd_allocate(bytes + HEADER_BYTES, 16, false);
	if (!block)
		return NULL;
	*(size_t *)block = bytes;
	return block + HEADER_BYTES;
}

size_t OPENSSL_memory_get_size(void *pointer)
{
	return pointer ? *(size_t *)((uint8_t *)pointer - HEADER_BYTES) : 0;
}

void OPENSSL_memory_free(void *pointer)
{
	if (!pointer)
		return;
	const size_t bytes = OPENSSL_memory_get_size(pointer);
	explicit_bzero(pointer, bytes);
	quicd_free((uint8_t *)pointer - HEADER_BYTES, bytes + HEADER_BYTES, 16);
}
