/*
 * resume_test.c - sessions of a client: given to the application, resumed from, and used for
 * 0-RTT (RFC 9001 §4.6), which a server takes or does not take. Whatever it does, what was written
 * early arrives once.
 */
#include <pthread.h>
#include "both_ends.h"
#include "counters.h"

static struct quicd_options server_with(uint8_t secret, bool early_data)
{
	struct quicd_options options = default_options(1);
	options.has_secret = true;
	memset(options.secret, secret, sizeof(options.secret));
	options.early_data = early_data;
	return options;
}

/* Another server in place of the one there was. */
static void replace_server(struct quicd_options options)
{
	echo_stop(echo);
	free(echo);
	quicd_engine_stop(server_engine);
	server_engine = start(options);
	echo = echo_start(server_engine);
}

static uint32_t early_profile(void)
{
	struct quicd_profile profile = test_profile();
	profile.early_data = true;
	return add_profile(client_engine, &profile);
}

/* The first visit, whole; its session stands in client.session. */
static void visit(uint32_t profile)
{
	const struct party_target target = target_of(profile);
	const struct quicd_event connected = outcome_of(&target);
	struct quicd_event event;
	REQUIRE(connected.kind == QUICD_EVENT_CONNECTED);
	CHECK(connected.flags == 0 &&
	      !(party_flags(&client, &connected) & QUICD_CONNECTION_RESUMED));
	REQUIRE(party_wait(&client, QUICD_EVENT_SESSION, &event));
	CHECK(client.session_bytes > 100 && event.connection == connected.connection);
	close_connection(&connected);
}

static struct party_target again(uint32_t profile, uint32_t flags)
{
	struct party_target target = target_of(profile);
	target.session = client.session;
	target.session_bytes = client.session_bytes;
	target.flags = flags;
	memset(client.streams, 0, sizeof(client.streams));
	return target;
}

static void resumes(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	/* Without the wish for 0-RTT there is none, whatever the profile and the server allow. */
	const struct party_target target = again(profile, 0);
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.kind == QUICD_EVENT_CONNECTED && connected.flags == 0);
	const uint8_t early_or_resumed = QUICD_CONNECTION_EARLY | QUICD_CONNECTION_RESUMED;
	CHECK((party_flags(&client, &connected) & early_or_resumed) == QUICD_CONNECTION_RESUMED);
	CHECK(party_echo(&client, &connected, 100000));
	CHECK(client.counts[QUICD_EVENT_HANDSHAKE_DONE] == 0);
	close_connection(&connected);
	close_both();
}

/*
 * Comes again with 0-RTT and writes before the handshake is complete; |flags|: what HANDSHAKE_DONE
 * has.
 */
static void comes_again_early(uint32_t profile, uint32_t flags)
{
	struct quicd_event event;
	const struct party_target target = again(profile, QUICD_CONNECT_EARLY);
	const uint32_t done = client.counts[QUICD_EVENT_HANDSHAKE_DONE];
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.kind == QUICD_EVENT_CONNECTED && connected.flags == QUICD_FLAG_EARLY);
	CHECK(party_view(&client, &connected)->alpn == 0);
	party_command(&client, 0, party_of(&connected, QUICD_COMMAND_OPEN));
	REQUIRE(party_wait(&client, QUICD_EVENT_STREAM_OPENED, &event));
	struct party_stream *stream = party_stream(&client, 0, &event);
	CHECK(stream->id == 0);
	const uint64_t bytes = 50000;
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	while (!stream->fin && client_now_ns() < deadline) {
		party_write(&client, &connected, stream, bytes);
		if (party_next(&client, &event, 1000000) &&
		    event.kind == QUICD_EVENT_HANDSHAKE_DONE)
			CHECK(event.flags == flags);
	}
	CHECK(stream->fin && !stream->wrong && stream->received == bytes);
	CHECK(client.counts[QUICD_EVENT_HANDSHAKE_DONE] == done + 1);
	const uint8_t view_flags = party_flags(&client, &connected);
	CHECK(!(view_flags & QUICD_CONNECTION_EARLY) == (flags == 0));
	CHECK(party_echo(&client, &connected, 1000));
	close_connection(&connected);
}

static void early_data_is_taken(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	for (int i = 0; i < 3; i++)
		comes_again_early(profile, QUICD_FLAG_EARLY);
	CHECK(echo->early == 3);
	close_both();
	CHECK(server_engine->workers[0].counters->early == 3);
}

static struct quicd_event comes_held(uint32_t profile)
{
	const struct party_target target =
		again(profile, QUICD_CONNECT_EARLY | QUICD_CONNECT_HELD);
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.kind == QUICD_EVENT_CONNECTED && connected.flags == QUICD_FLAG_EARLY);
	return connected;
}

static void start_with(const struct quicd_event *connected, uint32_t unanswered)
{
	struct quicd_command command = party_of(connected, QUICD_COMMAND_START);
	command.length = unanswered;
	party_command(&client, 0, command);
}

/* What was written before START leaves with the first flight. */
static void first_flight_waits(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	const uint64_t begun_ns = client_now_ns(), sent = TOTAL(client_engine, send_datagrams);
	struct quicd_event event;
	const struct quicd_event connected = comes_held(profile);
	party_command(&client, 0, party_of(&connected, QUICD_COMMAND_OPEN));
	REQUIRE(party_wait(&client, QUICD_EVENT_STREAM_OPENED, &event));
	struct party_stream *stream = party_stream(&client, 0, &event);
	const uint64_t commands = TOTAL(client_engine, commands);
	start_with(&connected, 1); /* that was answered meanwhile */
	CHECK_SOON(TOTAL(client_engine, commands) > commands);
	party_next(&client, &event, 5000000);
	const bool waited = TOTAL(client_engine, send_datagrams) == sent;
	party_write(&client, &connected, stream, 1000);
	start_with(&connected, 0);
	REQUIRE(party_wait(&client, QUICD_EVENT_HANDSHAKE_DONE, &event));
	CHECK(event.flags == QUICD_FLAG_EARLY);
	CHECK_SOON(echo->early == 1 && stream->written == 1000);
	/* On a machine that stood still it did not wait for ever. */
	if (client_now_ns() - begun_ns < 900000000) {
		CHECK(waited);
		CHECK_SOON(echo->early_streams == 1);
	}
	close_connection(&connected);
	close_both();
}

/* Nobody has to say START, and who has nothing more to say need not wait for it. */
static void first_flight_goes(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	struct quicd_event event;
	const struct quicd_event silent = comes_held(profile);
	REQUIRE(party_wait(&client, QUICD_EVENT_HANDSHAKE_DONE, &event));
	close_connection(&silent);
	visit(profile);
	const struct quicd_event closed = comes_held(profile);
	close_connection(&closed);
	close_both();
}

/* The ticket is good, but the server takes no 0-RTT any more; or nothing of it is good. */
static void early_data_is_not_taken(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	replace_server(server_with(1, false));
	comes_again_early(profile, 0);
	CHECK(echo->early == 0);
	replace_server(server_with(1, true));
	visit(profile);
	replace_server(server_with(2, true));
	comes_again_early(profile, 0);
	CHECK(echo->early == 0);
	close_both();
}

/*
 * A server that takes no 0-RTT, and whose limits have become lower than what was remembered
 * (native/quiche/tests/early.rs: with something written).
 */
static void limits_that_fell(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	struct quicd_options lower = server_with(2, true);
	lower.connection_window_bytes = 1 << 20;
	replace_server(lower);
	struct quicd_event event;
	const struct party_target target = again(profile, QUICD_CONNECT_EARLY);
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.kind == QUICD_EVENT_CONNECTED && connected.flags == QUICD_FLAG_EARLY);
	/* Nothing was opened: nothing depends on them. */
	REQUIRE(party_wait(&client, QUICD_EVENT_HANDSHAKE_DONE, &event));
	CHECK(event.flags == 0);
	CHECK(party_echo(&client, &connected, 10000));
	close_connection(&connected);
	close_both();
}

/* For one protocol it was written, and the server has another one now. */
static void another_protocol(void)
{
	open_both("127.0.0.1", server_with(1, true));
	struct quicd_profile profile = test_profile();
	profile.early_data = true;
	memcpy(profile.alpn, "\4echo\4else", 10);
	profile.alpn_bytes = 10;
	const uint32_t number = add_profile(client_engine, &profile);
	visit(number);
	struct quicd_options other = server_with(1, true);
	memcpy(other.alpn, "\4else", 5);
	replace_server(other);
	struct quicd_event event;
	const struct party_target target = again(number, QUICD_CONNECT_EARLY);
	const struct quicd_event connected = outcome_of(&target);
	CHECK(connected.flags == QUICD_FLAG_EARLY);
	REQUIRE(party_wait(&client, QUICD_EVENT_CLOSING, &event));
	const struct quicd_connection_view *view = party_view(&client, &event);
	CHECK(view->close_code == 0x178 && view->close_flags == QUICD_CLOSE_LOCAL);
	CHECK(client.counts[QUICD_EVENT_HANDSHAKE_DONE] == 1);
	close_both();
}

/* What is no session, cut, or turned over: a whole handshake, and nothing worse. */
static void bad_sessions(void)
{
	open_both("127.0.0.1", server_with(1, true));
	const uint32_t profile = early_profile();
	visit(profile);
	struct party_target target = again(profile, QUICD_CONNECT_EARLY);
	uint8_t good[QUICD_LARGE_BUFFER_BYTES], changed[QUICD_LARGE_BUFFER_BYTES];
	memcpy(good, client.session, client.session_bytes);
	const uint32_t bytes = client.session_bytes;
	target.session = changed;
	for (uint32_t i = 0; i < 40; i++) {
		memcpy(changed, good, bytes);
		target.session_bytes = i % 2 == 0 ? bytes * i / 40 + 1 : bytes;
		changed[bytes * i / 40] ^= (uint8_t)(i % 2 << i % 8);
		const struct quicd_event event = outcome_of(&target);
		CHECK(event.kind == QUICD_EVENT_CONNECTED || event.kind == QUICD_EVENT_CLOSING);
		if (event.kind == QUICD_EVENT_CONNECTED)
			begin_close(&event);
	}
	close_both();
}

int main(int argc, char **argv)
{
	static const struct both_case CASES[] = {
		{ "resumes", resumes },
		{ "early data is taken", early_data_is_taken },
		{ "the first flight waits for the application", first_flight_waits },
		{ "the first flight goes without it", first_flight_goes },
		{ "early data is not taken", early_data_is_not_taken },
		{ "limits that fell", limits_that_fell },
		{ "another protocol", another_protocol },
		{ "bad sessions", bad_sessions },
		{ "nothing stays behind", nothing_stays_behind },
	};
	check_filter = argc > 1 ? argv[1] : NULL;
	return both_run(CASES, sizeof(CASES) / sizeof(CASES[0]));
}
