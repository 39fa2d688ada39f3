/*
 * party.h - one side of a conversation in C: attaches to an engine as JavaScript would and does,
 * step by step on the test's own thread, what a case says. For a client's engine and a server's.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "abi.h"
#include "check.h"
#include "client.h"
#include "engine.h"
#include "quicd.h"
#include "server_options.h"
#include "worker.h"

#define PARTY_WORKERS_MAX 4
#define PARTY_WAIT_NS 20000000000ull
#define PARTY_STREAMS 64

struct party_stream {
	uint32_t slot, generation, worker;
	uint64_t id;
	uint64_t written, received;
	uint32_t credit_used; /* modulo 2^32 */
	bool known, fin, wrong;
};

struct party {
	struct quicd_engine *engine;
	uint32_t handle;
	uint32_t heads[PARTY_WORKERS_MAX];
	uint32_t requests;
	struct party_stream streams[PARTY_STREAMS]; /* by the order they were first seen in */
	uint32_t counts[QUICD_EVENT_COUNT];
	uint8_t session[QUICD_LARGE_BUFFER_BYTES];
	uint32_t session_bytes;
	uint32_t datagrams;
};

static inline void party_bell(void *context)
{
	(void)context;
}

static inline void party_attach(struct party *party, struct quicd_engine *engine)
{
	memset(party, 0, sizeof(*party));
	party->engine = engine;
	party->handle = engine->index * QUICD_APPS_MAX;
	REQUIRE(engine->options.workers <= PARTY_WORKERS_MAX);
	REQUIRE(quicd_app_attach(&engine->apps[0], party_bell, party));
}

static inline void party_detach(struct party *party)
{
	quicd_app_detach(&party->engine->apps[0]);
}

/* 31 * position and so on, as echo_client.h has it. */
static inline uint8_t party_byte(uint64_t position, uint64_t stream)
{
	return (uint8_t)(position * 31 + (position >> 8) + stream);
}

static inline struct party_stream *party_stream(struct party *party, uint32_t worker,
						const struct quicd_event *event)
{
	for (uint32_t i = 0; i < PARTY_STREAMS; i++) {
		struct party_stream *stream = &party->streams[i];
		if (!stream->known) {
			*stream = (struct party_stream){ .slot = event->stream,
							 .generation = event->stream_generation,
							 .worker = worker,
							 .id = event->stream_id,
							 .known = true };
			return stream;
		}
		if (stream->slot == event->stream && stream->worker == worker &&
		    stream->generation == event->stream_generation)
			return stream;
	}
	REQUIRE(!"more streams than a case has");
	return NULL;
}

static inline const struct quicd_connection_view *party_view(const struct party *party,
							     const struct quicd_event *event)
{
	return &party->engine->workers[event->reserved0].connection_views[event->connection];
}

/* enum quicd_connection_flag; the worker may change them until the handshake is done. */
static inline uint8_t party_flags(const struct party *party, const struct quicd_event *event)
{
	return __atomic_load_n(&party_view(party, event)->flags, __ATOMIC_RELAXED);
}

static inline void party_take_in(struct party *party, const struct quicd_event *event)
{
	const uint32_t worker = event->reserved0;
	const uint8_t *bytes = NULL;
	party->counts[event->kind]++;
	if (event->buffer != QUICD_NONE)
		bytes = quicd_slab_at(party->engine->slabs[worker], event->buffer);
	if (event->kind == QUICD_EVENT_STREAM_DATA || event->kind == QUICD_EVENT_STREAM_OPENED) {
		struct party_stream *stream = party_stream(party, worker, event);
		for (uint32_t i = 0; i < event->length; i++)
			stream->wrong |= bytes[i] != party_byte(stream->received++, stream->id);
		stream->fin |= event->flags & QUICD_FLAG_FIN;
	}
	if (event->kind == QUICD_EVENT_SESSION) {
		REQUIRE(event->length <= sizeof(party->session));
		memcpy(party->session, bytes, event->length);
		party->session_bytes = event->length;
	}
	party->datagrams += event->kind == QUICD_EVENT_DATAGRAM;
	if (bytes)
		CHECK(quicd_buffer_release(party->handle, worker, event->buffer) == QUICD_OK);
}

/*
 * The next event, taken in; its worker stands in reserved0. False when there is none within
 * |wait_ns|.
 */
static inline bool party_next(struct party *party, struct quicd_event *event, uint64_t wait_ns)
{
	const uint64_t deadline = client_now_ns() + wait_ns;
	do {
		for (uint32_t worker = 0; worker < party->engine->options.workers; worker++) {
			const struct quicd_ring *ring =
				&party->engine->apps[0].links[worker].events;
			if (quicd_events_peek(party->handle, worker) == 0)
				continue;
			const uint32_t place = party->heads[worker]++ & (ring->capacity - 1);
			memcpy(event, ring->entries + 64 * (size_t)place, sizeof(*event));
			event->reserved0 = worker;
			quicd_events_release(party->handle, worker, 1);
			party_take_in(party, event);
			return true;
		}
		if (wait_ns > 0)
			usleep(200);
	} while (client_now_ns() < deadline);
	return false;
}

/* Goes on until an event of |kind| comes. */
static inline bool party_wait(struct party *party, enum quicd_event_kind kind,
			      struct quicd_event *event)
{
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	while (client_now_ns() < deadline)
		if (party_next(party, event, PARTY_WAIT_NS / 100) && event->kind == kind)
			return true;
	fprintf(stderr, "no event %d came\n", kind);
	return false;
}

static inline uint32_t party_command(struct party *party, uint32_t worker,
				     struct quicd_command command)
{
	command.request_id = ++party->requests;
	REQUIRE(quicd_commands_reserve(party->handle, worker) != QUICD_NONE);
	*party->engine->apps[0].links[worker].draft = command;
	REQUIRE(quicd_commands_commit(party->handle, worker) == QUICD_OK);
	quicd_kick(party->handle, worker);
	return party->requests;
}

/* Puts bytes into a buffer of the app thread's, and that into |command|. False: none is free. */
static inline bool party_carry(struct party *party, struct quicd_command *command,
			       const void *bytes, uint32_t length)
{
	const bool small = length <= QUICD_SMALL_BUFFER_BYTES;
	command->slab = party->engine->options.workers;
	command->buffer = quicd_buffer_take(party->handle,
					    small ? QUICD_BUFFER_SMALL : QUICD_BUFFER_LARGE);
	command->length = length;
	if (command->buffer == QUICD_NONE)
		return false;
	memcpy(quicd_slab_at(party->engine->slabs[command->slab], command->buffer), bytes, length);
	return true;
}

static inline struct quicd_command party_of(const struct quicd_event *event,
					    enum quicd_command_kind kind)
{
	return (struct quicd_command){ .kind = kind,
				       .connection = event->connection,
				       .connection_generation = event->connection_generation,
				       .stream = event->stream,
				       .stream_generation = event->stream_generation,
				       .buffer = QUICD_NONE };
}

/* CONNECT as a case wants it: to 127.0.0.1. */
struct party_target {
	uint16_t port;
	uint32_t profile, flags;
	const char *name;
	const uint8_t *session;
	uint32_t session_bytes;
};

static inline uint32_t party_connect(struct party *party, const struct party_target *target)
{
	static _Thread_local uint8_t bytes[QUICD_LARGE_BUFFER_BYTES];
	const struct quicd_connect head = { .profile = target->profile,
					    .flags = target->flags,
					    .peer_ip = { 127, 0, 0, 1 },
					    .peer_port = target->port,
					    .family = 4,
					    .name_bytes = (uint32_t)strlen(target->name),
					    .session_bytes = target->session_bytes };
	struct quicd_command command = { .kind = QUICD_COMMAND_CONNECT };
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), target->name, head.name_bytes);
	if (head.session_bytes > 0)
		memcpy(bytes + sizeof(head) + head.name_bytes, target->session,
		       head.session_bytes);
	REQUIRE(party_carry(party, &command, bytes,
			    (uint32_t)sizeof(head) + head.name_bytes + head.session_bytes));
	return party_command(party, 0, command);
}

/* What the stream's credit lets through of |bytes| in all, with FIN on the last. */
static inline void party_write(struct party *party, const struct quicd_event *connection,
			       struct party_stream *stream, uint64_t bytes)
{
	static _Thread_local uint8_t chunk[QUICD_LARGE_BUFFER_BYTES];
	while (stream->written < bytes) {
		const uint32_t room =
			quicd_stream_credit(party->handle, stream->worker, stream->slot) -
			stream->credit_used;
		uint64_t length = bytes - stream->written;
		length = length < room ? length : room;
		length = length < sizeof(chunk) ? length : sizeof(chunk);
		if (length == 0)
			return;
		for (uint64_t i = 0; i < length; i++)
			chunk[i] = party_byte(stream->written + i, stream->id);
		struct quicd_command command = party_of(connection, QUICD_COMMAND_WRITE);
		command.stream = stream->slot;
		command.stream_generation = stream->generation;
		command.flags = stream->written + length == bytes ? QUICD_FLAG_FIN : 0;
		if (!party_carry(party, &command, chunk, (uint32_t)length))
			return;
		party_command(party, stream->worker, command);
		stream->credit_used += (uint32_t)length;
		stream->written += length;
	}
}

/* Opens a stream and sends |bytes|; true when as many came back, all as they should be. */
static inline bool party_echo(struct party *party, const struct quicd_event *connection,
			      uint64_t bytes)
{
	struct quicd_event event;
	party_command(party, connection->reserved0, party_of(connection, QUICD_COMMAND_OPEN));
	if (!party_wait(party, QUICD_EVENT_STREAM_OPENED, &event))
		return false;
	struct party_stream *stream = party_stream(party, event.reserved0, &event);
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	while (!stream->fin && client_now_ns() < deadline) {
		party_write(party, connection, stream, bytes);
		party_next(party, &event, 1000000);
	}
	return stream->fin && !stream->wrong && stream->received == bytes;
}
