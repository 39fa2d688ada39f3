/*
 * segment.h - bytes that the application wrote and quiche has not taken yet: one ordered queue per
 * stream.
 *
 * A segment refers to a slab buffer (one reference is the segment's), or owns a heap copy when too
 * much of the slabs is held already. FIN travels on the last segment; a FIN alone is a segment of
 * no bytes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "slab.h"

struct quicd_segment {
	struct quicd_segment *next;
	const uint8_t *bytes; /* what is left of it */
	uint32_t length;
	uint32_t slab; /* QUICD_NONE: heap copy */
	uint32_t buffer;
	uint8_t *copy; /* heap, or NULL */
	uint32_t copy_bytes;
	bool fin;
};

/* Free segments of one worker, so that steady state allocates none. */
struct quicd_segments {
	struct quicd_segment *free;
	uint32_t free_count;
};

struct quicd_segment *quicd_segment_new(struct quicd_segments *segments);
/* Gives back its memory reference and the segment itself. */
void quicd_segment_free(struct quicd_segments *segments, struct quicd_segment *segment,
			struct quicd_slab *const *slabs);
/* Replaces the slab reference by a heap copy. False when memory is short: the reference stays. */
bool quicd_segment_copy_out(struct quicd_segment *segment, struct quicd_slab *const *slabs);
/* Frees the free ones; it may be used on. */
void quicd_segments_destroy(struct quicd_segments *segments);
