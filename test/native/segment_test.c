/* segment_test.c - queued bytes: by reference, copied out, given back, and kept for the next. */
#include "alloc.h"
#include "check.h"
#include "quiche/quicd_quiche.h"
#include "segment.h"

static struct quicd_slab slab;
static struct quicd_slab *const slabs[] = {&slab};

static struct quicd_memory memory(void)
{
	struct quicd_memory now;
	quicd_memory_read(&now);
	return now;
}

static struct quicd_segment *lent(struct quicd_segments *segments, uint32_t buffer, uint32_t length)
{
	struct quicd_segment *segment = quicd_segment_new(segments);
	segment->slab = 0;
	segment->buffer = buffer;
	segment->bytes = quicd_slab_at(&slab, buffer);
	segment->length = length;
	return segment;
}

static void reference_comes_back(void)
{
	struct quicd_segments segments = {0};
	REQUIRE(quicd_slab_create(&slab, 0, 4, 1));
	const uint32_t buffer = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
	struct quicd_segment *segment = lent(&segments, buffer, 10);
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 0);
	quicd_segment_free(&segments, segment, slabs);
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 1);
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == 4);
	/* The same one again, as new. */
	struct quicd_segment *again = quicd_segment_new(&segments);
	CHECK(again == segment && again->slab == QUICD_NONE && again->buffer == QUICD_NONE);
	CHECK(!again->bytes && again->length == 0 && !again->fin && !again->next && !again->copy);
	quicd_segment_free(&segments, again, slabs);
	quicd_segments_destroy(&segments);
	quicd_slab_destroy(&slab);
}

static void copy_frees_the_buffer(void)
{
	const int64_t before = memory().live_bytes;
	struct quicd_segments segments = {0};
	REQUIRE(quicd_slab_create(&slab, 0, 4, 1));
	const uint32_t buffer = quicd_slab_take(&slab, QUICD_BUFFER_LARGE);
	memset(quicd_slab_at(&slab, buffer), 0x5a, QUICD_LARGE_BUFFER_BYTES);
	struct quicd_segment *segment = lent(&segments, buffer, QUICD_LARGE_BUFFER_BYTES);
	CHECK(quicd_segment_copy_out(segment, slabs));
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 1);
	memset(quicd_slab_at(&slab, buffer), 0, QUICD_LARGE_BUFFER_BYTES);
	uint32_t wrong = 0;
	for (uint32_t i = 0; i < segment->length; i++)
		wrong += segment->bytes[i] != 0x5a;
	CHECK(wrong == 0);
	/* quiche took a part: what is freed is the whole copy. */
	segment->bytes += 5000;
	segment->length -= 5000;
	quicd_segment_free(&segments, segment, slabs);
	quicd_segments_destroy(&segments);
	CHECK(memory().live_bytes == before);
	quicd_slab_destroy(&slab);
}

/* A burst leaves at most 4096 of them behind, and those go with the worker. */
static void kept_ones_are_bounded(void)
{
	const int64_t before = memory().live_objects;
	struct quicd_segments segments = {0};
	static struct quicd_segment *all[6000];
	for (int i = 0; i < 6000; i++)
		all[i] = quicd_segment_new(&segments);
	CHECK(memory().live_objects == before + 6000);
	for (int i = 0; i < 6000; i++)
		quicd_segment_free(&segments, all[i], slabs);
	CHECK(memory().live_objects == before + 4096);
	CHECK(segments.free_count == 4096);
	quicd_segments_destroy(&segments);
	CHECK(memory().live_objects == before && segments.free_count == 0);
}

int main(void)
{
	check_case("a reference comes back", reference_comes_back);
	check_case("a copy frees the buffer and keeps the bytes", copy_frees_the_buffer);
	check_case("segments kept for later are bounded", kept_ones_are_bounded);
	return check_finish();
}
