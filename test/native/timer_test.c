/* timer_test.c - the heap of deadlines against a model that looks at every entry. */
#include "abi.h"
#include "check.h"
#include "timer.h"

#define CAPACITY 200u
#define STEPS 200000u

static uint64_t random_state;

static uint32_t below(uint32_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % bound;
}

/* What the heap promises: fires at the wanted time or earlier, and never later. */
struct model {
	uint64_t fires_ns[CAPACITY]; /* QUICD_TIMER_NONE: not in */
};

static uint64_t model_next(const struct model *model)
{
	uint64_t next = QUICD_TIMER_NONE;
	for (uint32_t i = 0; i < CAPACITY; i++)
		if (model->fires_ns[i] < next)
			next = model->fires_ns[i];
	return next;
}

static void step(struct quicd_timers *timers, struct model *model, uint64_t now_ns)
{
	const uint32_t connection = below(CAPACITY);
	const uint32_t choice = below(10);
	if (choice < 6) {
		const uint64_t deadline = now_ns + below(1000);
		quicd_timers_set(timers, connection, deadline);
		/* Pushing back is lazy: it stays where it is and is looked at again when it fires.
		 */
		if (deadline < model->fires_ns[connection])
			model->fires_ns[connection] = deadline;
	} else if (choice < 8) {
		quicd_timers_remove(timers, connection);
		model->fires_ns[connection] = QUICD_TIMER_NONE;
	} else if (choice < 9) {
		quicd_timers_set(timers, connection, QUICD_TIMER_NONE);
		model->fires_ns[connection] = QUICD_TIMER_NONE;
	} else {
		const uint32_t due = quicd_timers_pop(timers, now_ns);
		if (due == QUICD_NONE) {
			CHECK(model_next(model) > now_ns);
			return;
		}
		CHECK(model->fires_ns[due] == model_next(model));
		CHECK(model->fires_ns[due] <= now_ns);
		model->fires_ns[due] = QUICD_TIMER_NONE;
	}
}

static void equals_the_model(void)
{
	struct quicd_timers timers;
	struct model model;
	memset(&model, 0xff, sizeof(model));
	REQUIRE(quicd_timers_create(&timers, CAPACITY));
	for (uint32_t i = 0; i < STEPS; i++) {
		step(&timers, &model, i / 4);
		CHECK(quicd_timers_next(&timers) == model_next(&model));
	}
	quicd_timers_destroy(&timers);
}

static void comes_out_in_order(void)
{
	struct quicd_timers timers;
	REQUIRE(quicd_timers_create(&timers, CAPACITY));
	for (uint32_t i = 0; i < CAPACITY; i++)
		quicd_timers_set(&timers, i, 1 + below(50)); /* equal ones among them */
	uint64_t last = 0;
	for (uint32_t i = 0; i < CAPACITY; i++) {
		const uint64_t next = quicd_timers_next(&timers);
		CHECK(next >= last);
		last = next;
		CHECK(quicd_timers_pop(&timers, next - 1) == QUICD_NONE);
		CHECK(quicd_timers_pop(&timers, next) != QUICD_NONE);
	}
	CHECK(quicd_timers_next(&timers) == QUICD_TIMER_NONE);
	CHECK(quicd_timers_pop(&timers, UINT64_MAX) == QUICD_NONE);
	quicd_timers_destroy(&timers);
}

static void pushing_back_is_lazy(void)
{
	struct quicd_timers timers;
	REQUIRE(quicd_timers_create(&timers, 2));
	quicd_timers_set(&timers, 0, 100);
	quicd_timers_set(&timers, 1, 150);
	quicd_timers_set(&timers, 0, 200);
	CHECK(quicd_timers_next(&timers) == 100);
	CHECK(quicd_timers_pop(&timers, 100) == 0);
	quicd_timers_set(&timers, 0, 200); /* what its owner does then */
	CHECK(quicd_timers_next(&timers) == 150);
	quicd_timers_set(&timers, 0, 120); /* pulling forward is not */
	CHECK(quicd_timers_next(&timers) == 120);
	quicd_timers_remove(&timers, 0);
	quicd_timers_remove(&timers, 0);
	CHECK(quicd_timers_next(&timers) == 150);
	CHECK(timers.count == 1);
	quicd_timers_destroy(&timers);
}

int main(int argc, char **argv)
{
	random_state = argc > 1 ? strtoull(argv[1], NULL, 10) : 88172645463325252ull;
	printf("seed %llu\n", (unsigned long long)random_state);
	check_case("deadlines come out in order", comes_out_in_order);
	check_case("pushing back is lazy, pulling forward is not", pushing_back_is_lazy);
	check_case("200,000 random steps equal the model", equals_the_model);
	return check_finish();
}
