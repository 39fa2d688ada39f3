/* slab_test.c - buffers from end to end: classes, places, references, leases, the return list. */
#include "check.h"
#include "slab.h"

#define SMALL 5u
#define LARGE 3u

static struct quicd_slab slab;
static uint32_t seen[SMALL + LARGE], seen_count;

static void note(void *unused, uint32_t index)
{
	(void)unused;
	seen[seen_count++] = index;
}

static void classes_end(void)
{
	REQUIRE(quicd_slab_create(&slab, 3, SMALL, LARGE));
	CHECK(slab.id == 3 && quicd_slab_count(&slab) == SMALL + LARGE);
	for (uint32_t i = 0; i < SMALL; i++) {
		const uint32_t index = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
		CHECK(index == i); /* low ones first: the touched part stays small */
		CHECK(quicd_slab_class(&slab, index) == QUICD_BUFFER_SMALL);
		CHECK(quicd_slab_buffer_bytes(&slab, index) == QUICD_SMALL_BUFFER_BYTES);
	}
	CHECK(quicd_slab_take(&slab, QUICD_BUFFER_SMALL) == QUICD_NONE);
	for (uint32_t i = 0; i < LARGE; i++) {
		const uint32_t index = quicd_slab_take(&slab, QUICD_BUFFER_LARGE);
		CHECK(index == SMALL + i);
		CHECK(quicd_slab_buffer_bytes(&slab, index) == QUICD_LARGE_BUFFER_BYTES);
	}
	CHECK(quicd_slab_take(&slab, QUICD_BUFFER_LARGE) == QUICD_NONE);
	quicd_slab_destroy(&slab);
}

static void places_do_not_overlap(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, SMALL, LARGE));
	for (uint32_t i = 0; i < SMALL + LARGE; i++)
		memset(quicd_slab_at(&slab, i), (int)i + 1, quicd_slab_buffer_bytes(&slab, i));
	uint32_t wrong = 0;
	for (uint32_t i = 0; i < SMALL + LARGE; i++)
		for (uint32_t at = 0; at < quicd_slab_buffer_bytes(&slab, i); at++)
			wrong += quicd_slab_at(&slab, i)[at] != i + 1;
	CHECK(wrong == 0);
	quicd_slab_destroy(&slab);
}

static void last_reference_returns(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, SMALL, LARGE));
	const uint32_t a = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
	const uint32_t b = quicd_slab_take(&slab, QUICD_BUFFER_LARGE);
	quicd_slab_retain(&slab, a);
	quicd_slab_release(&slab, a);
	seen_count = 0;
	CHECK(quicd_slab_collect(&slab, note, NULL) == 0);
	quicd_slab_release(&slab, a);
	quicd_slab_release(&slab, b);
	/* Told before it can be taken again. */
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == SMALL - 1);
	CHECK(quicd_slab_collect(&slab, note, NULL) == 2);
	CHECK(seen_count == 2 && seen[0] == b && seen[1] == a);
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == SMALL);
	CHECK(slab.free_count[QUICD_BUFFER_LARGE] == LARGE);
	CHECK(quicd_slab_collect(&slab, note, NULL) == 0);
	quicd_slab_destroy(&slab);
}

/* A lease is one reference, however often it is counted; others' references outlive it. */
static void leases_and_references(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, SMALL, LARGE));
	const uint32_t index = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
	slab.buffers[index].leases = 5;
	slab.buffers[index].lease_app = 2;
	quicd_slab_retain(&slab, index); /* quiche has it too */
	CHECK(quicd_slab_end_leases(&slab, 1) == 0);
	CHECK(quicd_slab_end_leases(&slab, 2) == 1);
	CHECK(quicd_slab_end_leases(&slab, 2) == 0);
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 0);
	quicd_slab_release(&slab, index);
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 1);
	quicd_slab_destroy(&slab);
}

/* Owner's look before each take: what came back is brought home early, and shortage is said. */
static void scarcity_is_said(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, 8, LARGE));
	uint32_t taken[8];
	for (uint32_t i = 0; i < 7; i++) {
		quicd_slab_watch(&slab, QUICD_BUFFER_SMALL);
		CHECK(!quicd_slab_is_scarce(&slab, 0));
		taken[i] = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
	}
	quicd_slab_watch(&slab, QUICD_BUFFER_SMALL); /* one of eight is left */
	CHECK(quicd_slab_is_scarce(&slab, taken[0]));
	CHECK(!quicd_slab_is_scarce(&slab, 8)); /* a large one */
	quicd_slab_release(&slab, taken[0]);
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == 1);
	quicd_slab_watch(&slab, QUICD_BUFFER_SMALL);
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == 2);
	CHECK(!quicd_slab_is_scarce(&slab, taken[0]));
	quicd_slab_destroy(&slab);
}

int main(void)
{
	check_case("each class ends with its last buffer", classes_end);
	check_case("places do not overlap", places_do_not_overlap);
	check_case("the last reference returns it", last_reference_returns);
	check_case("leases end, references stay", leases_and_references);
	check_case("scarcity is said", scarcity_is_said);
	return check_finish();
}
