/* timer.c - see timer.h. */
#include "timer.h"
#include <assert.h>
#include <stdlib.h>
#include "abi.h"

bool quicd_timers_create(struct quicd_timers *timers, uint32_t capacity)
{
	*timers = (struct quicd_timers){ .capacity = capacity };
	timers->heap = calloc(capacity, sizeof(*timers->heap));
	timers->place = calloc(capacity, sizeof(*timers->place));
	return timers->heap && timers->place;
}

void quicd_timers_destroy(struct quicd_timers *timers)
{
	free(timers->heap);
	free(timers->place);
}

static void put(struct quicd_timers *timers, uint32_t place, struct quicd_timer_entry entry)
{
	timers->heap[place] = entry;
	timers->place[entry.connection] = place + 1;
}

static void sift_up(struct quicd_timers *timers, uint32_t place)
{
	const struct quicd_timer_entry entry = timers->heap[place];
	while (place > 0) {
		const uint32_t parent = (place - 1) / 2;
		if (timers->heap[parent].deadline_ns <= entry.deadline_ns)
			break;
		put(timers, place, timers->heap[parent]);
		place = parent;
	}
	put(timers, place, entry);
}

static void sift_down(struct quicd_timers *timers, uint32_t place)
{
	const struct quicd_timer_entry entry = timers->heap[place];
	for (;;) {
		uint32_t child = place * 2 + 1;
		if (child >= timers->count)
			break;
		if (child + 1 < timers->count &&
		    timers->heap[child + 1].deadline_ns < timers->heap[child].deadline_ns)
			child++;
		if (entry.deadline_ns <= timers->heap[child].deadline_ns)
			break;
		put(timers, place, timers->heap[child]);
		place = child;
	}
	put(timers, place, entry);
}

void quicd_timers_remove(struct quicd_timers *timers, uint32_t connection)
{
	assert(connection < timers->capacity);
	if (timers->place[connection] == 0)
		return;
	const uint32_t place = timers->place[connection] - 1;
	timers->place[connection] = 0;
	const struct quicd_timer_entry last = timers->heap[--timers->count];
	if (place == timers->count)
		return;
	put(timers, place, last);
	sift_up(timers, place);
	sift_down(timers, timers->place[last.connection] - 1);
}

void quicd_timers_set(struct quicd_timers *timers, uint32_t connection, uint64_t deadline_ns)
{
	assert(connection < timers->capacity);
	if (deadline_ns == QUICD_TIMER_NONE) {
		quicd_timers_remove(timers, connection);
		return;
	}
	if (timers->place[connection] == 0) {
		put(timers, timers->count++, (struct quicd_timer_entry){ deadline_ns, connection });
		sift_up(timers, timers->count - 1);
		return;
	}
	const uint32_t place = timers->place[connection] - 1;
	if (timers->heap[place].deadline_ns <= deadline_ns)
		return; /* fires early and is then set again */
	timers->heap[place].deadline_ns = deadline_ns;
	sift_up(timers, place);
}

uint64_t quicd_timers_next(const struct quicd_timers *timers)
{
	return timers->count == 0 ? QUICD_TIMER_NONE : timers->heap[0].deadline_ns;
}

uint32_t quicd_timers_pop(struct quicd_timers *timers, uint64_t now_ns)
{
	if (timers->count == 0 || timers->heap[0].deadline_ns > now_ns)
		return QUICD_NONE;
	const uint32_t connection = timers->heap[0].connection;
	quicd_timers_remove(timers, connection);
	return connection;
}
