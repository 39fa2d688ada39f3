/* segment.c - see segment.h. */
#include "segment.h"
#include <assert.h>
#include <string.h>
#include "alloc.h"
#include "quiche/quicd_quiche.h"

#define FREE_SEGMENTS_MAX 4096

struct quicd_segment *quicd_segment_new(struct quicd_segments *segments)
{
	struct quicd_segment *segment = segments->free;
	if (segment) {
		segments->free = segment->next;
		segments->free_count--;
	} else {
		segment = quicd_allocate_own(sizeof(*segment), _Alignof(struct quicd_segment),
					     false);
		assert(segment && "a few dozen bytes: without them nothing else works either");
	}
	*segment = (struct quicd_segment){ .slab = QUICD_NONE, .buffer = QUICD_NONE };
	return segment;
}

void quicd_segment_free(struct quicd_segments *segments, struct quicd_segment *segment,
			struct quicd_slab *const *slabs)
{
	if (segment->slab != QUICD_NONE)
		quicd_slab_release(slabs[segment->slab], segment->buffer);
	if (segment->copy)
		quicd_free(segment->copy, segment->copy_bytes, 1);
	if (segments->free_count >= FREE_SEGMENTS_MAX) {
		quicd_free(segment, sizeof(*segment), _Alignof(struct quicd_segment));
		return;
	}
	segment->next = segments->free;
	segments->free = segment;
	segments->free_count++;
}

bool quicd_segment_copy_out(struct quicd_segment *segment, struct quicd_slab *const *slabs)
{
	assert(segment->slab != QUICD_NONE && segment->copy == NULL);
	segment->copy = quicd_allocate_own(segment->length, 1, false);
	if (!segment->copy)
		return false;
	segment->copy_bytes = segment->length;
	memcpy(segment->copy, segment->bytes, segment->length);
	segment->bytes = segment->copy;
	quicd_slab_release(slabs[segment->slab], segment->buffer);
	segment->slab = QUICD_NONE;
	return true;
}

void quicd_segments_destroy(struct quicd_segments *segments)
{
	while (segments->free) {
		struct quicd_segment *next = segments->free->next;
		quicd_free(segments->free, sizeof(*segments->free), _Alignof(struct quicd_segment));
		segments->free = next;
	}
	segments->free_count = 0;
}
