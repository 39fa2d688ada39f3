/* replay_test.c - what was seen before: once, for a time, by any thread, within a bound. */
#include <pthread.h>
#include <stdatomic.h>
#include "check.h"
#include "replay.h"

#define THREADS 4
#define IDS 20000

static const struct quicd_sip_key KEY = {1, 2};
static struct quicd_replay *replay;

static bool first(uint64_t id, uint64_t now)
{
	const uint64_t words[4] = {id, ~id, id * 3, 7};
	return quicd_replay_first(replay, (const uint8_t *)words, sizeof(words), now);
}

static void once_within_its_time(void)
{
	replay = quicd_replay_create(1024, 100, KEY);
	/* Around the turn of the stamp's 24 bits as well. */
	static const uint64_t STARTS[] = {1000, (1 << 24) - 50, (1ull << 40) + 2000};
	for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
		const uint64_t at = STARTS[i];
		CHECK(first(1, at) && first(2, at));
		CHECK(!first(1, at) && !first(1, at + 100) && !first(2, at + 50));
		CHECK(first(1, at + 101) && !first(1, at + 101));
		CHECK(!first(1, at + 90)); /* another thread's clock, a little behind */
	}
	quicd_replay_destroy(replay);
}

static void a_full_one_has_seen_all(void)
{
	replay = quicd_replay_create(64, 100, KEY);
	uint32_t taken = 0;
	for (uint64_t id = 0; id < 1000; id++)
		taken += first(id, 5);
	CHECK(taken > 32 && taken <= 64);
	for (uint64_t id = 0; id < 1000; id++)
		CHECK(!first(id, 105));
	CHECK(first(1, 106));
	quicd_replay_destroy(replay);
}

static void lengths_are_told_apart(void)
{
	const uint8_t zeros[24] = {0};
	replay = quicd_replay_create(1024, 100, KEY);
	for (size_t bytes = 0; bytes <= sizeof(zeros); bytes++)
		CHECK(quicd_replay_first(replay, zeros, bytes, 1));
	quicd_replay_destroy(replay);
}

static _Atomic uint32_t firsts[IDS];

static void *show_all(void *unused)
{
	(void)unused;
	for (uint64_t id = 0; id < IDS; id++)
		if (first(id, 10 + id % 3))
			atomic_fetch_add(&firsts[id], 1);
	return NULL;
}

static void one_of_all_threads(void)
{
	pthread_t threads[THREADS];
	uint32_t none = 0;
	replay = quicd_replay_create(1 << 17, 100, KEY);
	for (int i = 0; i < THREADS; i++)
		REQUIRE(pthread_create(&threads[i], NULL, show_all, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t id = 0; id < IDS; id++) {
		CHECK(atomic_load(&firsts[id]) <= 1);
		none += atomic_load(&firsts[id]) == 0;
	}
	CHECK(none < 100); /* two slots at once: rare */
	quicd_replay_destroy(replay);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("once within its time", once_within_its_time);
	check_case("a full one has seen all", a_full_one_has_seen_all);
	check_case("lengths are told apart", lengths_are_told_apart);
	check_case("one of all threads is first", one_of_all_threads);
	return check_finish();
}
