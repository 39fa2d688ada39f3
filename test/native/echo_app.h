/*
 * echo_app.h - an app thread in C: attaches to an engine as JavaScript would and echoes streams and
 * datagrams by reference, through nothing but the functions of quicd.h. So the whole native side
 * runs under sanitizers without Bun.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include "abi.h"
#include "check.h"
#include "engine.h"
#include "quicd.h"
#include "worker.h"

#define ECHO_WAITING 4096

/* A chunk that waits for credit or ring room. */
struct echo_chunk {
	struct quicd_event event;
	bool used;
};

struct echo_app {
	struct quicd_engine *engine;
	uint32_t handle;
	uint32_t heads[QUICD_WORKERS_MAX];
	uint32_t written[QUICD_WORKERS_MAX][1 << 16]; /* by stream slot */
	uint32_t written_generation[QUICD_WORKERS_MAX][1 << 16];
	struct echo_chunk waiting[ECHO_WAITING];
	uint32_t first, count; /* of waiting, a queue */
	uint32_t connected, closed, closing;
	/* CONNECTED and streams with flag EARLY; HANDSHAKE_DONE with it and without */
	_Atomic uint32_t early, early_streams, early_taken, early_refused;
	pthread_mutex_t lock;
	pthread_cond_t rung;
	bool bell;
	_Atomic bool stop;
	_Atomic bool hold; /* reads nothing: a slow consumer */
	pthread_t thread;
};

static inline void echo_ring(void *context)
{
	struct echo_app *app = context;
	pthread_mutex_lock(&app->lock);
	app->bell = true;
	pthread_cond_signal(&app->rung);
	pthread_mutex_unlock(&app->lock);
}

/* True when the command is on its way (or pointless); false: not yet. */
static inline bool echo_send(struct echo_app *app, uint32_t worker, const struct quicd_event *event)
{
	const uint32_t slot = event->stream;
	uint32_t *written = NULL;
	if (event->kind == QUICD_EVENT_STREAM_DATA) {
		REQUIRE(slot < 1 << 16);
		written = &app->written[worker][slot];
		if (app->written_generation[worker][slot] != event->stream_generation) {
			app->written_generation[worker][slot] = event->stream_generation;
			*written = 0;
		}
		const uint32_t limit = quicd_stream_credit(app->handle, worker, slot);
		if (limit - *written < event->length) {
			if (quicd_stream_want(app->handle, worker, slot, limit) == 0)
				return false;
			if (quicd_stream_credit(app->handle, worker, slot) - *written <
			    event->length)
				return false;
		}
	}
	const uint32_t place = quicd_commands_reserve(app->handle, worker);
	if (place == QUICD_NONE)
		return false;
	struct quicd_command *command = &app->engine->apps[0].links[worker].draft[place];
	*command = (struct quicd_command){
		.kind = written ? QUICD_COMMAND_WRITE : QUICD_COMMAND_DATAGRAM,
		.connection = event->connection,
		.connection_generation = event->connection_generation,
		.stream = event->stream,
		.stream_generation = event->stream_generation,
		.flags = event->flags & QUICD_FLAG_FIN,
		.slab = worker,
		.buffer = event->buffer,
		.length = event->length,
	};
	CHECK(quicd_commands_commit(app->handle, worker) == QUICD_OK);
	if (written)
		*written += event->length;
	return true;
}

static inline void echo_queue(struct echo_app *app, uint32_t worker,
			      const struct quicd_event *event)
{
	REQUIRE(app->count < ECHO_WAITING);
	struct echo_chunk *chunk = &app->waiting[(app->first + app->count++) % ECHO_WAITING];
	chunk->event = *event;
	chunk->event.reserved0 = worker;
}

/* In order; what can't go yet stops those behind it. */
static inline void echo_retry(struct echo_app *app)
{
	while (app->count > 0) {
		const struct quicd_event *event = &app->waiting[app->first].event;
		if (!echo_send(app, event->reserved0, event))
			return;
		app->first = (app->first + 1) % ECHO_WAITING;
		app->count--;
	}
}

static inline void echo_event(struct echo_app *app, uint32_t worker,
			      const struct quicd_event *event)
{
	switch (event->kind) {
	case QUICD_EVENT_CONNECTED:
		app->connected++;
		app->early += (event->flags & QUICD_FLAG_EARLY) != 0;
		break;
	case QUICD_EVENT_HANDSHAKE_DONE:
		app->early_taken += (event->flags & QUICD_FLAG_EARLY) != 0;
		app->early_refused += (event->flags & QUICD_FLAG_EARLY) == 0;
		break;
	case QUICD_EVENT_CLOSING:
		app->closing++;
		break;
	case QUICD_EVENT_CLOSED:
		app->closed++;
		break;
	case QUICD_EVENT_STREAM_DATA:
		app->early_streams += (event->flags & QUICD_FLAG_EARLY) != 0;
		if (event->flags & QUICD_FLAG_UNIDIRECTIONAL) {
			if (event->buffer != QUICD_NONE)
				CHECK(quicd_buffer_release(app->handle, worker, event->buffer) ==
				      QUICD_OK);
			break;
		}
		/* fallthrough */
	case QUICD_EVENT_DATAGRAM:
		echo_queue(app, worker, event); /* order: behind what waits */
		break;
	default:
		break;
	}
}

static inline void echo_drain(struct echo_app *app)
{
	for (uint32_t worker = 0; worker < app->engine->options.workers; worker++) {
		const struct quicd_ring *ring = &app->engine->apps[0].links[worker].events;
		const uint32_t ready = quicd_events_peek(app->handle, worker);
		for (uint32_t i = 0; i < ready; i++, app->heads[worker]++) {
			struct quicd_event event;
			memcpy(&event,
			       ring->entries +
				       64 * (size_t)(app->heads[worker] & (ring->capacity - 1)),
			       sizeof(event));
			echo_event(app, worker, &event);
		}
		quicd_events_release(app->handle, worker, ready);
	}
	echo_retry(app);
	for (uint32_t worker = 0; worker < app->engine->options.workers; worker++)
		quicd_kick(app->handle, worker);
}

static inline void *echo_main(void *argument)
{
	struct echo_app *app = argument;
	while (!atomic_load(&app->stop)) {
		if (!atomic_load(&app->hold)) {
			echo_drain(app);
			if (quicd_park(app->handle) == 0)
				continue;
		}
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 2000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_mutex_lock(&app->lock);
		if (!app->bell)
			pthread_cond_timedwait(&app->rung, &app->lock, &until);
		app->bell = false;
		pthread_mutex_unlock(&app->lock);
	}
	return NULL;
}

static inline struct echo_app *echo_start(struct quicd_engine *engine)
{
	struct echo_app *app = calloc(1, sizeof(*app));
	REQUIRE(app != NULL);
	app->engine = engine;
	app->handle = engine->index * QUICD_APPS_MAX;
	pthread_mutex_init(&app->lock, NULL);
	pthread_cond_init(&app->rung, NULL);
	REQUIRE(quicd_app_attach(&engine->apps[0], echo_ring, app));
	REQUIRE(pthread_create(&app->thread, NULL, echo_main, app) == 0);
	return app;
}

static inline void echo_stop(struct echo_app *app)
{
	atomic_store(&app->stop, true);
	pthread_join(app->thread, NULL);
	quicd_app_detach(&app->engine->apps[0]);
}
