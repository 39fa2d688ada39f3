/*
 * timer.h - the next deadline of every connection of a worker: a binary heap by CLOCK_MONOTONIC
 * nanoseconds.
 *
 * An element may be due later than its place says: pushing a deadline back costs nothing now, the
 * owner looks again when the old one fires. So acknowledged packets, which move loss timers back
 * all the time, touch no heap.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define QUICD_TIMER_NONE UINT64_MAX

struct quicd_timers {
	struct quicd_timer_entry {
		uint64_t deadline_ns;
		uint32_t connection;
	} *heap;
	uint32_t *place; /* by connection; index + 1, 0: not in the heap */
	uint32_t count;
	uint32_t capacity;
};

bool quicd_timers_create(struct quicd_timers *timers, uint32_t capacity);
void quicd_timers_destroy(struct quicd_timers *timers);
/* Fires at |deadline_ns| or earlier; QUICD_TIMER_NONE removes. */
void quicd_timers_set(struct quicd_timers *timers, uint32_t connection, uint64_t deadline_ns);
void quicd_timers_remove(struct quicd_timers *timers, uint32_t connection);
/* QUICD_TIMER_NONE when empty. */
uint64_t quicd_timers_next(const struct quicd_timers *timers);
/* Takes out one connection that is due at |now_ns|, or QUICD_NONE. */
uint32_t quicd_timers_pop(struct quicd_timers *timers, uint64_t now_ns);
