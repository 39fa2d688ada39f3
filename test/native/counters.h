/* counters.h - the sum of a counter over all workers. */
#pragma once
#include <stddef.h>
#include "engine.h"
#include "worker.h"

static inline uint64_t counter_total(const struct quicd_engine *engine, size_t offset)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++)
		sum += *(const volatile uint64_t *)((const char *)engine->workers[i].counters +
						    offset);
	return sum;
}
#define TOTAL(engine, field) counter_total(engine, offsetof(struct quicd_counters, field))
