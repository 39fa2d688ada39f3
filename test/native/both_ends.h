/*
 * both_ends.h - a client's engine and a server's in one process, over loopback, on either backend:
 * what tests of the client role start from.
 */
#pragma once
#include <stdlib.h>
#include "alloc.h"
#include "check.h"
#include "echo_app.h"
#include "party.h"
#include "profile.h"

static enum quicd_backend backend; /* of the cases that run now */
static uint64_t client_handshake_ms = 10000;

static inline const char *backend_name(void)
{
	return backend == QUICD_BACKEND_IO_URING ? "io_uring" : "syscalls";
}

static inline struct quicd_engine *start(struct quicd_options options)
{
	char error[256] = "";
	options.backend = backend;
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	return engine;
}

static inline struct quicd_options client_engine_options(const char *host)
{
	struct quicd_options options = default_options(1);
	options.role = QUICD_ROLE_CLIENT;
	options.handshake_timeout_ms = client_handshake_ms;
	options.certificate_pem = options.private_key_pem = NULL;
	options.certificate_pem_bytes = options.private_key_pem_bytes = 0;
	options.alpn_bytes = 0;
	snprintf(options.host, sizeof(options.host), "%s", host);
	return options;
}

static inline struct quicd_profile test_profile(void)
{
	return (struct quicd_profile){ .alpn = "\4echo",
				       .alpn_bytes = 5,
				       .verify = true,
				       .ca_pem = TEST_CERTIFICATE,
				       .ca_pem_bytes = sizeof(TEST_CERTIFICATE) - 1 };
}

static inline uint32_t add_profile(struct quicd_engine *engine, const struct quicd_profile *profile)
{
	char error[256] = "";
	const uint32_t number = quicd_profile_add(engine, profile, error, sizeof(error));
	if (number == QUICD_NONE)
		fprintf(stderr, "profile: %s\n", error);
	REQUIRE(number != QUICD_NONE);
	return number;
}

/* A server that echoes, and a client. */
static struct quicd_engine *server_engine, *client_engine;
static struct echo_app *echo;
static struct party client;

static inline void open_both(const char *client_host, struct quicd_options server)
{
	server_engine = start(server);
	echo = echo_start(server_engine);
	client_engine = start(client_engine_options(client_host));
	party_attach(&client, client_engine);
}

static inline void close_both(void)
{
	party_detach(&client);
	quicd_engine_stop(client_engine);
	echo_stop(echo);
	free(echo);
	quicd_engine_stop(server_engine);
}

static inline struct party_target target_of(uint32_t profile)
{
	return (struct party_target){
		.port = server_engine->port, .profile = profile, .name = "localhost"};
}

/* Connects with |profile| and |name|; the event that says how it ended. */
static inline struct quicd_event outcome_of(const struct party_target *target)
{
	struct quicd_event event = { 0 };
	const uint32_t id = party_connect(&client, target);
	CHECK(party_wait(&client, QUICD_EVENT_CONNECT_STARTED, &event) && event.request_id == id);
	while (party_next(&client, &event, PARTY_WAIT_NS))
		if (event.kind == QUICD_EVENT_CONNECTED || event.kind == QUICD_EVENT_CLOSING)
			break;
	CHECK(party_flags(&client, &event) & QUICD_CONNECTION_CLIENT);
	return event;
}

static inline void begin_close(const struct quicd_event *connection)
{
	struct quicd_command command = party_of(connection, QUICD_COMMAND_CLOSE);
	command.flags = QUICD_CLOSE_APPLICATION;
	party_command(&client, connection->reserved0, command);
}

static inline void close_connection(const struct quicd_event *connection)
{
	struct quicd_event event;
	begin_close(connection);
	CHECK(party_wait(&client, QUICD_EVENT_CLOSED, &event));
}

static inline void nothing_stays_behind(void)
{
	struct quicd_memory memory;
	quicd_memory_read(&memory);
	printf("     %lld bytes in %lld objects\n", (long long)memory.live_bytes,
	       (long long)memory.live_objects);
	CHECK(memory.live_bytes < 65536); /* what the libraries keep for the life of the process */
}

struct both_case {
	const char *name;
	void (*run)(void);
};

/* Every case on |wanted|; |missing| says why it cannot be had here, or is NULL. */
static inline void both_run_on(enum quicd_backend wanted, const char *missing,
			       const struct both_case *cases, size_t count)
{
	backend = wanted;
	for (size_t i = 0; i < count; i++) {
		char name[128];
		snprintf(name, sizeof(name), "%s: %s", backend_name(), cases[i].name);
		if (missing)
			check_skip(name, missing);
		else
			check_case(name, cases[i].run);
	}
}

static inline int both_run(const struct both_case *cases, size_t count)
{
	char no_uring[256];
	const bool uring = quicd_uring_usable(4, no_uring, sizeof(no_uring));
	both_run_on(QUICD_BACKEND_IO_URING, uring ? NULL : no_uring, cases, count);
	both_run_on(QUICD_BACKEND_SYSCALLS, NULL, cases, count);
	return check_finish();
}
