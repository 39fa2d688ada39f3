/*
 * connect_test.c - the client role: two engines in one process talk over loopback, on either
 * backend. What goes well, and every way in which a handshake may fail and be told.
 */
#include <pthread.h>
#include "both_ends.h"

static void connects_and_echoes_from(const char *host)
{
	open_both(host, default_options(2));
	const struct quicd_profile profile = test_profile();
	const uint32_t number = add_profile(client_engine, &profile);
	CHECK(add_profile(client_engine, &profile) == number);
	for (int i = 0; i < 4; i++) {
		const struct party_target target = target_of(number);
		const struct quicd_event connected = outcome_of(&target);
		CHECK(connected.kind == QUICD_EVENT_CONNECTED);
		const struct quicd_connection_view *view = party_view(&client, &connected);
		CHECK(view->alpn == 0 && view->peer_port == server_engine->port);
		CHECK(view->local_port == client_engine->port && view->family == 4);
		CHECK(memcmp(view->local_ip, "\177\0\0\1", 4) == 0);
		CHECK(party_echo(&client, &connected, 1));
		CHECK(party_echo(&client, &connected, 1000000));
		CHECK(client.streams[2 * i].id == 0 && client.streams[2 * i + 1].id == 4);
		close_connection(&connected);
	}
	CHECK(client.counts[QUICD_EVENT_CONNECTED] == 4);
	close_both();
	CHECK(client_engine->workers[0].counters->connects == 4);
}

static void connects_and_echoes(void)
{
	connects_and_echoes_from("127.0.0.1");
	connects_and_echoes_from("0.0.0.0");
	connects_and_echoes_from("::");
}

/* What |view| must say of a handshake that failed. */
static void fails_with(const struct party_target *target, uint64_t code, uint32_t close_flags)
{
	const struct quicd_event event = outcome_of(target);
	CHECK(event.kind == QUICD_EVENT_CLOSING);
	const struct quicd_connection_view *view = party_view(&client, &event);
	if (view->close_code != code || view->close_flags != close_flags)
		fprintf(stderr, "closed with 0x%llx, flags %u\n",
			(unsigned long long)view->close_code, view->close_flags);
	CHECK(view->close_code == code && view->close_flags == close_flags);
}

/* RFC 9001 §4.8: 0x100 and the TLS alert, RFC 8446 §6 */
#define UNKNOWN_CA (0x100 + 48)
#define BAD_CERTIFICATE (0x100 + 42)
#define NO_APPLICATION_PROTOCOL (0x100 + 120)
#define CERTIFICATE_UNKNOWN (0x100 + 46)

static void tells_why_a_handshake_failed(void)
{
	open_both("127.0.0.1", default_options(1));
	struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	target.name = "example.org";
	fails_with(&target, BAD_CERTIFICATE, QUICD_CLOSE_LOCAL);
	target.name = "127.0.0.1"; /* the certificate names no address */
	fails_with(&target, BAD_CERTIFICATE, QUICD_CLOSE_LOCAL);
	target.name = ""; /* then the peer's address counts */
	fails_with(&target, BAD_CERTIFICATE, QUICD_CLOSE_LOCAL);
	profile.ca_pem_bytes = 0; /* the system's store, which does not know the test's */
	target = target_of(add_profile(client_engine, &profile));
	fails_with(&target, UNKNOWN_CA, QUICD_CLOSE_LOCAL);
	profile = test_profile();
	memcpy(profile.alpn, "\4else", 5);
	target = target_of(add_profile(client_engine, &profile));
	fails_with(&target, NO_APPLICATION_PROTOCOL, 0);
	profile = test_profile();
	profile.verify = false;
	target = target_of(add_profile(client_engine, &profile));
	target.name = "example.org";
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.kind == QUICD_EVENT_CONNECTED);
	quicd_engine_drain(server_engine);
	target = target_of(target.profile);
	fails_with(&target, 0x02, 0); /* CONNECTION_REFUSED, RFC 9000 §20.1 */
	close_connection(&connected);
	close_both();
}

/* The system's store, here by the variable that names another place for it. */
static void trusts_the_system(void)
{
	char path[] = "/tmp/quicd_ca_XXXXXX";
	const int fd = mkstemp(path);
	const ssize_t bytes = sizeof(TEST_CERTIFICATE) - 1;
	REQUIRE(fd >= 0 && write(fd, TEST_CERTIFICATE, (size_t)bytes) == bytes);
	REQUIRE(setenv("SSL_CERT_FILE", path, 1) == 0);
	open_both("127.0.0.1", default_options(1));
	struct quicd_profile profile = test_profile();
	profile.ca_pem_bytes = 0;
	const struct party_target target = target_of(add_profile(client_engine, &profile));
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.kind == QUICD_EVENT_CONNECTED);
	close_both();
	unsetenv("SSL_CERT_FILE");
	unlink(path);
	close(fd);
}

/* Nobody is there: the handshake's own time runs out. */
static void a_server_that_is_gone(void)
{
	const uint64_t usual_ms = client_handshake_ms;
	client_handshake_ms = 1000;
	open_both("127.0.0.1", default_options(1));
	client_handshake_ms = usual_ms;
	const struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	struct qd_address gone;
	const int fd = client_socket(1, &gone); /* has the port, and answers nothing */
	target.port = gone.port;
	fails_with(&target, 0, QUICD_CLOSE_TIMEOUT);
	struct quicd_event closed;
	CHECK(party_wait(&client, QUICD_EVENT_CLOSED, &closed));
	close(fd);
	close_both();
	CHECK(client_engine->workers[0].counters->handshake_timeouts == 1);
}

/* By the application, in the midst of the handshake. */
static void gives_up_early(void)
{
	open_both("127.0.0.1", default_options(1));
	const struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	struct qd_address gone;
	const int fd = client_socket(1, &gone);
	struct quicd_event event;
	target.port = gone.port;
	party_connect(&client, &target);
	CHECK(party_wait(&client, QUICD_EVENT_CONNECT_STARTED, &event));
	close_connection(&event);
	CHECK(client.counts[QUICD_EVENT_CONNECTED] == 0);
	close(fd);
	close_both();
	CHECK(client_engine->workers[0].counters->handshake_timeouts == 0);
}

static void refused(const struct party_target *target, uint64_t refusal, uint32_t code)
{
	struct quicd_event event;
	const uint32_t id = party_connect(&client, target);
	CHECK(party_wait(&client, QUICD_EVENT_CONNECT_REFUSED, &event));
	CHECK(event.request_id == id && event.error_code == refusal && event.length == code);
	CHECK(event.connection == QUICD_NONE);
}

static void refuses_what_it_cannot_do(void)
{
	open_both("::1", default_options(1));
	struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	refused(&target, QUICD_REFUSED_SYSTEM, EAFNOSUPPORT);
	target.profile = 7;
	refused(&target, QUICD_REFUSED_INVALID, 0);
	target.profile = 0;
	target.port = 0;
	refused(&target, QUICD_REFUSED_INVALID, 0);
	char error[256] = "";
	profile.ca_pem = "nonsense";
	profile.ca_pem_bytes = 8;
	CHECK(quicd_profile_add(client_engine, &profile, error, sizeof(error)) == QUICD_NONE);
	printf("     %s\n", error);
	CHECK(strstr(error, "trust anchors") != NULL);
	CHECK(quicd_profile_add(server_engine, &profile, error, sizeof(error)) == QUICD_NONE);
	profile = test_profile();
	for (uint32_t i = 1; i < QUICD_PROFILES_MAX; i++) {
		profile.max_idle_timeout_ms = i;
		add_profile(client_engine, &profile);
	}
	profile.max_idle_timeout_ms = QUICD_PROFILES_MAX;
	CHECK(quicd_profile_add(client_engine, &profile, error, sizeof(error)) == QUICD_NONE);
	printf("     %s\n", error);
	CHECK(strstr(error, "at most 256") != NULL);
	close_both();
}

/* More refusals than the ring has room for: each is told in the end. */
static void many_refusals(void)
{
	open_both("::1", default_options(1));
	const struct quicd_profile profile = test_profile();
	const struct party_target target = target_of(add_profile(client_engine, &profile));
	const uint32_t count = 3 * client_engine->options.ring_capacity;
	for (uint32_t i = 0; i < count; i++) {
		while (quicd_commands_reserve(client.handle, 0) == QUICD_NONE)
			usleep(100);
		party_connect(&client, &target);
	}
	struct quicd_event event;
	while (client.counts[QUICD_EVENT_CONNECT_REFUSED] < count &&
	       party_next(&client, &event, PARTY_WAIT_NS))
		;
	CHECK(client.counts[QUICD_EVENT_CONNECT_REFUSED] == count);
	/* And once more with nobody left to be told. */
	for (uint32_t i = 0; i < count / 3 * 2; i++) {
		while (quicd_commands_reserve(client.handle, 0) == QUICD_NONE)
			usleep(100);
		party_connect(&client, &target);
	}
	close_both();
}

/* Streams that the server opens, and unidirectional ones. */
static void streams_of_the_server(void)
{
	struct party server;
	server_engine = start(default_options(1));
	party_attach(&server, server_engine);
	client_engine = start(client_engine_options("127.0.0.1"));
	party_attach(&client, client_engine);
	const struct quicd_profile profile = test_profile();
	const struct party_target target = target_of(add_profile(client_engine, &profile));
	const struct quicd_event here = outcome_of(&target);
	struct quicd_event there, event;
	REQUIRE(here.kind == QUICD_EVENT_CONNECTED);
	REQUIRE(party_wait(&server, QUICD_EVENT_CONNECTED, &there));
	CHECK(!(party_view(&server, &there)->flags & QUICD_CONNECTION_CLIENT));
	struct party *sides[] = { &server, &client };
	const struct quicd_event *connections[] = { &there, &here };
	for (int kind = 0; kind < 4; kind++) {
		struct party *from = sides[kind % 2], *to = sides[1 - kind % 2];
		struct quicd_command open = party_of(connections[kind % 2], QUICD_COMMAND_OPEN);
		open.flags = kind >= 2 ? QUICD_FLAG_UNIDIRECTIONAL : 0;
		party_command(from, 0, open);
		REQUIRE(party_wait(from, QUICD_EVENT_STREAM_OPENED, &event));
		/* RFC 9000 §2.1, table 1 */
		CHECK(event.stream_id == (kind % 2 == 0 ? 1 : 0) + (kind >= 2 ? 2 : 0));
		struct party_stream *stream = party_stream(from, 0, &event);
		REQUIRE(party_next(to, &event, 0) == false || event.kind != 0);
		const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
		struct party_stream *other = NULL;
		while ((!other || !other->fin) && client_now_ns() < deadline) {
			party_write(from, connections[kind % 2], stream, 300000);
			party_next(from, &event, 0);
			if (party_next(to, &event, 1000000) &&
			    event.kind == QUICD_EVENT_STREAM_DATA)
				other = party_stream(to, 0, &event);
		}
		REQUIRE(other != NULL);
		CHECK(other->fin && !other->wrong && other->received == 300000);
		CHECK(other->id == stream->id);
	}
	party_detach(&client);
	quicd_engine_stop(client_engine);
	party_detach(&server);
	quicd_engine_stop(server_engine);
}

/* The app thread goes without a word amid a handshake: no other is told of the connection. */
static void app_thread_vanishes(void)
{
	open_both("127.0.0.1", default_options(1));
	const struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	struct qd_address gone;
	const int fd = client_socket(1, &gone);
	target.port = gone.port;
	party_connect(&client, &target);
	party_detach(&client);
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (atomic_load(&client_engine->apps[0].state) != QUICD_APP_FREE &&
	       client_now_ns() < deadline)
		usleep(1000);
	CHECK(atomic_load(&client_engine->apps[0].state) == QUICD_APP_FREE);
	party_attach(&client, client_engine);
	struct quicd_event event;
	CHECK(!party_next(&client, &event, 50000000));
	close(fd);
	close_both();
	CHECK(client_engine->workers[0].counters->live_connections == 0);
}

/* A hundred at once over the one socket. */
static void many_share_a_socket(void)
{
	struct quicd_options options = default_options(2);
	open_both("127.0.0.1", options);
	const struct quicd_profile profile = test_profile();
	const struct party_target target = target_of(add_profile(client_engine, &profile));
	static struct quicd_event connected[100];
	for (int i = 0; i < 100; i++)
		party_connect(&client, &target);
	for (int i = 0; i < 100; i++)
		REQUIRE(party_wait(&client, QUICD_EVENT_CONNECTED, &connected[i]));
	for (int i = 0; i < 100; i++) {
		memset(client.streams, 0, sizeof(client.streams));
		CHECK(party_echo(&client, &connected[i], 2000));
	}
	for (int i = 0; i < 100; i++)
		begin_close(&connected[i]);
	struct quicd_event event;
	while (client.counts[QUICD_EVENT_CLOSED] < 100)
		REQUIRE(party_next(&client, &event, PARTY_WAIT_NS));
	close_both();
}

int main(int argc, char **argv)
{
	static const struct both_case CASES[] = {
		{ "connects and echoes", connects_and_echoes },
		{ "tells why a handshake failed", tells_why_a_handshake_failed },
		{ "trusts the system", trusts_the_system },
		{ "a server that is gone", a_server_that_is_gone },
		{ "gives up early", gives_up_early },
		{ "refuses what it cannot do", refuses_what_it_cannot_do },
		{ "many refusals", many_refusals },
		{ "streams of both sides", streams_of_the_server },
		{ "its app thread vanishes", app_thread_vanishes },
		{ "a hundred share a socket", many_share_a_socket },
		{ "nothing stays behind", nothing_stays_behind },
	};
	check_filter = argc > 1 ? argv[1] : NULL;
	return both_run(CASES, sizeof(CASES) / sizeof(CASES[0]));
}
