/*
 * slab.c - see slab.h. The return list is a stack with push by CAS and take-all by exchange: no
 * ABA, since nobody pops one.
 */
#include "slab.h"
#include <assert.h>
#include <stdlib.h>
#include "abi_check.gen.h"
#include "pages.h"

static void free_push(struct quicd_slab *slab, uint32_t index)
{
	const enum quicd_buffer_class class = quicd_slab_class(slab, index);
	slab->buffers[index].next = slab->free_head[class];
	slab->free_head[class] = index + 1;
	slab->free_count[class]++;
}

static uint64_t memory_bytes(const struct quicd_slab *slab)
{
	return (uint64_t)slab->small_count * QUICD_SMALL_BUFFER_BYTES +
	       (uint64_t)slab->large_count * QUICD_LARGE_BUFFER_BYTES;
}

bool quicd_slab_create(struct quicd_slab *slab, uint32_t id, uint32_t small_count,
		       uint32_t large_count)
{
	*slab = (struct quicd_slab){
		.small_count = small_count, .large_count = large_count, .id = id};
	const uint32_t count = quicd_slab_count(slab);
	slab->memory = quicd_pages_map(memory_bytes(slab));
	slab->buffers = quicd_pages_map(sizeof(struct quicd_buffer) * count);
	if (!slab->memory || !slab->buffers) {
		quicd_slab_destroy(slab);
		return false;
	}
	/* Last first, so that low indices are used first and the touched part stays small. */
	for (uint32_t index = count; index-- > 0;)
		free_push(slab, index);
	return true;
}

void quicd_slab_destroy(struct quicd_slab *slab)
{
	quicd_pages_unmap(slab->buffers, sizeof(struct quicd_buffer) * quicd_slab_count(slab));
	quicd_pages_unmap(slab->memory, memory_bytes(slab));
}

uint32_t quicd_slab_take(struct quicd_slab *slab, enum quicd_buffer_class class)
{
	const uint32_t head = slab->free_head[class];
	if (head == 0)
		return QUICD_NONE;
	struct quicd_buffer *buffer = &slab->buffers[head - 1];
	assert(atomic_load_explicit(&buffer->references, memory_order_relaxed) == 0);
	assert(buffer->leases == 0);
	slab->free_head[class] = buffer->next;
	slab->free_count[class]--;
	atomic_store_explicit(&buffer->references, 1, memory_order_relaxed);
	return head - 1;
}

void quicd_slab_watch(struct quicd_slab *slab, enum quicd_buffer_class class)
{
	const uint32_t count = class == QUICD_BUFFER_SMALL ? slab->small_count : slab->large_count;
	const uint32_t low = count / 4;
	if (slab->free_count[class] < low)
		quicd_slab_collect(slab, NULL, NULL);
	const bool scarce = slab->free_count[class] < low;
	if (scarce != atomic_load_explicit(&slab->scarce[class], memory_order_relaxed))
		atomic_store_explicit(&slab->scarce[class], scarce, memory_order_relaxed);
}

bool quicd_slab_is_scarce(const struct quicd_slab *slab, uint32_t index)
{
	return atomic_load_explicit(&slab->scarce[quicd_slab_class(slab, index)],
				    memory_order_relaxed);
}

uint32_t quicd_slab_collect(struct quicd_slab *slab, void (*seen)(void *context, uint32_t index),
			    void *context)
{
	if (atomic_load_explicit(&slab->returned, memory_order_relaxed) == 0)
		return 0;
	/*
	 * Acquire: pairs with the release in quicd_slab_release; the buffer's last reader is
	 * done.
	 */
	uint32_t head = atomic_exchange_explicit(&slab->returned, 0, memory_order_acquire);
	uint32_t count = 0;
	while (head != 0) {
		const uint32_t index = head - 1;
		head = slab->buffers[index].next;
		if (seen)
			seen(context, index);
		free_push(slab, index);
		count++;
	}
	return count;
}

void quicd_slab_retain(struct quicd_slab *slab, uint32_t index)
{
	assert(index < quicd_slab_count(slab));
	const uint32_t before = atomic_fetch_add_explicit(&slab->buffers[index].references, 1,
							  memory_order_relaxed);
	assert(before > 0);
}

void quicd_slab_release(struct quicd_slab *slab, uint32_t index)
{
	assert(index < quicd_slab_count(slab));
	struct quicd_buffer *buffer = &slab->buffers[index];
	/*
	 * Release: our reads come before the reuse. Acquire: the others' reads too, if we are
	 * the last.
	 */
	const uint32_t before =
		atomic_fetch_sub_explicit(&buffer->references, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before != 1)
		return;
	uint32_t head = atomic_load_explicit(&slab->returned, memory_order_relaxed);
	do {
		buffer->next = head;
	} while (!atomic_compare_exchange_weak_explicit(
		&slab->returned, &head, index + 1, memory_order_seq_cst, memory_order_relaxed));
	/* seq_cst with the owner's store of |wanted| and its look at |returned| after it. */
	if (slab->wake && atomic_load_explicit(&slab->wanted, memory_order_seq_cst) != 0 &&
	    atomic_exchange_explicit(&slab->wanted, 0, memory_order_seq_cst) != 0)
		slab->wake(slab->owner);
}

uint32_t quicd_slab_end_leases(struct quicd_slab *slab, uint32_t app)
{
	uint32_t ended = 0;
	for (uint32_t index = 0; index < quicd_slab_count(slab); index++) {
		struct quicd_buffer *buffer = &slab->buffers[index];
		if (buffer->leases == 0 || buffer->lease_app != app)
			continue;
		buffer->leases = 0;
		quicd_slab_release(slab, index);
		ended++;
	}
	return ended;
}
