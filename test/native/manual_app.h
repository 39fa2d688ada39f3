/*
 * manual_app.h - an app thread that is the test itself: it posts commands and looks at events one
 * by one, through the same functions as JavaScript. The workers run on threads of their own.
 */
#pragma once
#include <stdbool.h>
#include "check.h"
#include "client.h"
#include "engine.h"
#include "quicd.h"
#include "worker.h"

struct manual_app {
	struct quicd_engine *engine;
	uint32_t handle;
	uint32_t head; /* of worker 0's event ring */
	uint32_t connection, generation; /* of the last CONNECTED */
};

static inline void manual_bell(void *unused)
{
	(void)unused;
}

static inline void manual_attach(struct manual_app *app, struct quicd_engine *engine)
{
	*app = (struct manual_app){.engine = engine, .handle = engine->index * QUICD_APPS_MAX};
	REQUIRE(quicd_app_attach(&engine->apps[0], manual_bell, NULL));
}

static inline void manual_detach(struct manual_app *app)
{
	quicd_app_detach(&app->engine->apps[0]);
}

/* Takes the oldest event; false: there is none. A lease on its buffer is the caller's. */
static inline bool manual_event(struct manual_app *app, struct quicd_event *event)
{
	const struct quicd_ring *ring = &app->engine->apps[0].links[0].events;
	if (quicd_events_peek(app->handle, 0) == 0)
		return false;
	memcpy(event, ring->entries + 64 * (size_t)(app->head & (ring->capacity - 1)),
	       sizeof(*event));
	app->head++;
	quicd_events_release(app->handle, 0, 1);
	quicd_kick(app->handle, 0);
	return true;
}

static inline void manual_release(struct manual_app *app, const struct quicd_event *event)
{
	const bool leased = event->kind == QUICD_EVENT_STREAM_DATA ||
			    event->kind == QUICD_EVENT_DATAGRAM;
	if (leased && event->buffer != QUICD_NONE)
		CHECK(quicd_buffer_release(app->handle, 0, event->buffer) == QUICD_OK);
}

/* Posts |command| about the connection; false: the ring is full. */
static inline bool manual_try_post(struct manual_app *app, struct quicd_command command)
{
	const uint32_t place = quicd_commands_reserve(app->handle, 0);
	if (place == QUICD_NONE)
		return false;
	command.connection = app->connection;
	command.connection_generation = app->generation;
	app->engine->apps[0].links[0].draft[place] = command;
	CHECK(quicd_commands_commit(app->handle, 0) == QUICD_OK);
	return true;
}

static inline void manual_post(struct manual_app *app, struct quicd_command command)
{
	REQUIRE(manual_try_post(app, command));
	quicd_kick(app->handle, 0);
}

/*
 * Turns |client| until an event of |kind| comes, at most 5 s; others are released and forgotten.
 */
static inline bool manual_wait(struct manual_app *app, struct client *client, uint32_t kind,
			       struct quicd_event *event)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (client_now_ns() < deadline) {
		while (manual_event(app, event)) {
			if (event->kind == kind)
				return true;
			manual_release(app, event);
		}
		client_turn(client, 1);
	}
	return false;
}

/* A client of |options|, connected, and known as the app's connection. */
static inline void manual_connect(struct manual_app *app, struct client *client,
				  const struct qd_config_options *options)
{
	struct quicd_event event;
	client->fd = client_socket(app->engine->port, &client->local);
	client->peer = (struct qd_address){
		.family = 4, .port = app->engine->port, .ip = {127, 0, 0, 1}};
	client_connect_as(client, options);
	REQUIRE(client_handshake(client));
	REQUIRE(manual_wait(app, client, QUICD_EVENT_CONNECTED, &event));
	app->connection = event.connection;
	app->generation = event.connection_generation;
}

/* Drains until CLOSED: nothing of the connection is left. */
static inline void manual_close(struct manual_app *app, struct client *client)
{
	struct quicd_event event;
	qd_close(client->quiche, true, 7, (const uint8_t *)"done", 4);
	CHECK(manual_wait(app, client, QUICD_EVENT_CLOSED, &event));
	qd_free(client->quiche);
	qd_config_free(client->config);
	close(client->fd);
}

/* Of the view that JavaScript reads; plain, so TSan is told to look away. */
__attribute__((no_sanitize("thread"))) static inline uint64_t counter_now(const uint64_t *counter)
{
	return *(const volatile uint64_t *)counter;
}

/* Waits until |counter| is at least |value|, at most 5 s. */
static inline bool counter_reaches(const uint64_t *counter, uint64_t value)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (counter_now(counter) < value && client_now_ns() < deadline)
		usleep(1000);
	return counter_now(counter) >= value;
}
