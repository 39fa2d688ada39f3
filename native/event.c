/* event.c - see event.h. */
#include "event.h"
#include <assert.h>

static struct quicd_link *link_of(const struct quicd_connection *connection)
{
	const struct quicd_worker *worker = connection->worker;
	return &worker->engine->apps[connection->app].links[worker->index];
}

/*
 * Entries that may be published. What the app thread has consumed is free for the ring, but not for
 * event_owner until it was walked: that would take the count off another connection.
 */
static uint32_t room_of(struct quicd_worker *worker, struct quicd_link *link, uint32_t wanted)
{
	const uint32_t tail = atomic_load_explicit(&link->events.tail, memory_order_relaxed);
	/* Those who were refused room before, in this same turn, have to be asked again. */
	if (link->events.capacity - (tail - link->events_walked) < wanted &&
	    quicd_events_walk(worker, link))
		link->walked_early = true;
	const uint32_t room = link->events.capacity - (tail - link->events_walked);
	/* The ring's own sum too: it may know an older head than was walked to. */
	return quicd_ring_room(&link->events, wanted) < wanted ? 0 : room;
}

bool quicd_event_room(struct quicd_connection *connection, bool lifecycle)
{
	struct quicd_worker *worker = connection->worker;
	const uint32_t needed = lifecycle ? 1 : 1 + QUICD_RING_RESERVE;
	if (!lifecycle && connection->events_out >= worker->engine->options.connection_events)
		return false;
	if (room_of(worker, link_of(connection), needed) >= needed)
		return true;
	worker->counters->event_ring_full++;
	return false;
}

static void publish(struct quicd_worker *worker, uint32_t app, const struct quicd_event *event)
{
	struct quicd_link *link = &worker->engine->apps[app].links[worker->index];
	assert(event->kind > QUICD_EVENT_INVALID && event->kind < QUICD_EVENT_COUNT);
	const uint32_t place = atomic_load_explicit(&link->events.tail, memory_order_relaxed) &
			       (link->events.capacity - 1);
	link->event_owner[place] = (struct quicd_event_owner){
		.connection = event->connection, .generation = event->connection_generation};
	*(struct quicd_event *)quicd_ring_slot(&link->events, 0) = *event;
	quicd_ring_publish(&link->events, 1);
	worker->counters->events++;
	worker->apps_to_wake[app / 32] |= 1u << (app % 32);
}

void quicd_event_emit(struct quicd_connection *connection, struct quicd_event *event)
{
	event->connection = connection->index;
	event->connection_generation = connection->generation;
	publish(connection->worker, connection->app, event);
	connection->events_out++;
}

bool quicd_event_emit_to(struct quicd_worker *worker, uint32_t app,
			 const struct quicd_event *event)
{
	assert(event->connection == QUICD_NONE);
	if (room_of(worker, &worker->engine->apps[app].links[worker->index], 1) == 0) {
		worker->counters->event_ring_full++;
		return false;
	}
	publish(worker, app, event);
	return true;
}

void quicd_event_of_stream(struct quicd_event *event, struct quicd_stream *stream)
{
	event->stream = stream->index;
	event->stream_generation = stream->generation;
	event->stream_id = stream->id;
	if (quicd_stream_is_unidirectional(stream->id))
		event->flags |= QUICD_FLAG_UNIDIRECTIONAL;
	if (!stream->announced) {
		stream->announced = true;
		event->flags |= QUICD_FLAG_OPENED;
		if (stream->early)
			event->flags |= QUICD_FLAG_EARLY;
	}
}

bool quicd_events_walk(struct quicd_worker *worker, struct quicd_link *link)
{
	/* Acquire: the app thread is done with these entries. */
	const uint32_t head = atomic_load_explicit(&link->events.head, memory_order_acquire);
	if (head == link->events_walked)
		return false;
	for (; link->events_walked != head; link->events_walked++) {
		const struct quicd_event_owner owner =
			link->event_owner[link->events_walked & (link->events.capacity - 1)];
		if (owner.connection == QUICD_NONE)
			continue;
		/* The slot may be freed, but not used again while events about it are out. */
		struct quicd_connection *connection = &worker->connections[owner.connection];
		if (connection->generation != owner.generation)
			continue;
		assert(connection->events_out > 0);
		connection->events_out--;
	}
	return true;
}

bool quicd_events_would_ring(struct quicd_worker *worker)
{
	for (uint32_t word = 0; word < 2; word++) {
		for (uint32_t bits = worker->apps_to_wake[word]; bits != 0; bits &= bits - 1) {
			const uint32_t app = word * 32 + (uint32_t)__builtin_ctz(bits);
			/* seq_cst: after the events were published; see quicd_app_park. */
			_Atomic uint32_t *armed = &worker->engine->apps[app].armed;
			if (atomic_load_explicit(armed, memory_order_seq_cst) != 0)
				return true;
		}
		worker->apps_to_wake[word] = 0;
	}
	return false;
}

void quicd_events_wake(struct quicd_worker *worker)
{
	for (uint32_t word = 0; word < 2; word++) {
		while (worker->apps_to_wake[word] != 0) {
			const uint32_t bit = (uint32_t)__builtin_ctz(worker->apps_to_wake[word]);
			worker->apps_to_wake[word] &= worker->apps_to_wake[word] - 1;
			if (quicd_app_wake(&worker->engine->apps[word * 32 + bit]))
				worker->counters->doorbells++;
		}
	}
}
