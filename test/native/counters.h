/* counters.h - the sum of a counter over all workers, and when it says all there is to say. */
#pragma once
#include <stddef.h>
#include "check.h"
#include "engine.h"
#include "worker.h"

/* Written by the workers, plainly: TSan is told to look away. */
__attribute__((no_sanitize("thread"))) static inline uint64_t
counter_of(const struct quicd_engine *engine, uint32_t worker, size_t offset)
{
	return *(const volatile uint64_t *)((const char *)engine->workers[worker].counters +
					    offset);
}

static inline uint64_t counter_total(const struct quicd_engine *engine, size_t offset)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++)
		sum += counter_of(engine, i, offset);
	return sum;
}
#define TOTAL(engine, field) counter_total(engine, offsetof(struct quicd_counters, field))

/*
 * A datagram is counted when it comes in, and what became of it later in the same turn. This waits
 * until every worker has ended the turn it was in and made one more; twice, for what one of them
 * has forwarded to another.
 */
static inline void engine_settle(struct quicd_engine *engine)
{
	for (uint32_t i = 0; i < 2 * engine->options.workers; i++) {
		const uint32_t worker = i % engine->options.workers;
		const size_t turns = offsetof(struct quicd_counters, turns);
		const uint64_t wanted = counter_of(engine, worker, turns) + 2;
		const uint64_t deadline = check_now_ns() + CHECK_WAIT_NS;
		while (counter_of(engine, worker, turns) < wanted) {
			REQUIRE(check_now_ns() < deadline && "a worker turns when it is kicked");
			quicd_worker_kick(&engine->workers[worker]);
			usleep(50);
		}
	}
}
