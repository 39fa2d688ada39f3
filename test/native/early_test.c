/*
 * early_test.c - resumption and 0-RTT on the server (RFC 9001 §4.6): what the application is told
 * and when.
 */
#include <stdlib.h>
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"
#include "session.h"
#include "tickets.h"

static struct quicd_engine *engine;
static struct echo_app *app;

static struct quicd_options early_options(uint32_t workers)
{
	struct quicd_options options = default_options(workers);
	options.early_data = true;
	return options;
}

static void start_with(const struct quicd_options *options)
{
	char error[512] = "";
	engine = quicd_engine_start(options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	app = echo_start(engine);
}

static void start(bool early_data, uint32_t workers)
{
	struct quicd_options options = early_options(workers);
	options.early_data = early_data;
	start_with(&options);
}

static void stop(void)
{
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void wait_until(_Atomic uint32_t *counter, uint32_t value)
{
	CHECK_SOON(atomic_load(counter) == value);
}

static void early_data_flows(void)
{
	start(true, 2);
	struct session session;
	session_get(&session, engine->port);
	struct client client = {0};
	struct qd_state state;
	client_resume(&client, engine->port, &session);
	/* Written before anything was sent: leaves as 0-RTT. */
	CHECK(echo_stream(&client, 0, 5000, 0, NULL));
	CHECK(client_handshake(&client));
	qd_get_state(client.quiche, &state);
	CHECK(state.resumed && state.early_accepted);
	wait_until(&app->early_taken, 1);
	CHECK_SOON(app->early == 1 && app->early_streams == 1 && app->early_refused == 0);
	/* What is opened after the handshake is not early. */
	CHECK(echo_stream(&client, 4, 5000, 0, NULL));
	CHECK(app->early_streams == 1);
	CHECK_SOON(TOTAL(engine, early) == 1 && TOTAL(engine, resumed) == 1);
	CHECK_SOON(TOTAL(engine, established) == 2 && TOTAL(engine, half_open) == 0);
	client_close(&client);
	stop();
}

static void off_means_resumption_alone(void)
{
	start(false, 2);
	struct session session;
	session_get(&session, engine->port);
	struct client client = {0};
	struct qd_state state;
	client_resume(&client, engine->port, &session);
	CHECK(echo_stream(&client, 0, 5000, 0, NULL));
	qd_get_state(client.quiche, &state);
	CHECK(state.resumed && !state.early_accepted);
	CHECK_SOON(app->early == 0 && app->early_streams == 0 && app->connected == 2);
	CHECK_SOON(TOTAL(engine, early) == 0 && TOTAL(engine, resumed) == 1);
	client_close(&client);
	stop();
}

/* The request reaches the application although its client never says another word. */
static void told_at_once(void)
{
	struct quicd_options options = early_options(1);
	options.handshake_timeout_ms = 2000;
	start_with(&options);
	struct session session;
	session_get(&session, engine->port);
	struct client client = {0};
	client_resume(&client, engine->port, &session);
	uint64_t code = 0;
	CHECK(qd_stream_send_copy(client.quiche, 0, (const uint8_t *)"hello", 5, true, &code) == 5);
	client_send_flight(&client, NULL);
	wait_until(&app->early_streams, 1);
	CHECK(app->early == 1 && app->early_taken == 0);
	CHECK_SOON(TOTAL(engine, half_open) == 1 && TOTAL(engine, established) == 1);
	/* It keeps a place no longer than any other that does not complete its handshake. */
	CHECK_SOON(TOTAL(engine, half_open) == 0 && TOTAL(engine, handshake_timeouts) == 1);
	client_close(&client);
	stop();
}

/* What a client of |name| gets from a session: one byte echoed, then how it came there. */
static struct qd_state come_again(const char *name, const struct session *session)
{
	struct client client = {0};
	struct qd_state state = {0};
	client_resume_as(&client, engine->port, name, session);
	CHECK(echo_stream(&client, 0, 1, 0, NULL));
	CHECK(client_handshake(&client));
	qd_get_state(client.quiche, &state);
	client_close(&client);
	return state;
}

static bool resumes(const struct session *session)
{
	return come_again("localhost", session).resumed;
}

/* CVE-2023-41337: a ticket of one name must not open another one's door. */
static void another_name_does_not_resume(void)
{
	start(true, 1);
	struct session session;
	session_get(&session, engine->port);
	/* Our own client would not; an attacker's would. */
	session_rename(&session, "other.example");
	struct qd_state state = come_again("other.example", &session);
	CHECK(!state.resumed && !state.early_accepted);
	CHECK_SOON(TOTAL(engine, resumed) == 0 && TOTAL(engine, early) == 0);
	session_rename(&session, "localhost");
	state = come_again("LOCALHOST", &session);
	CHECK(state.resumed && state.early_accepted);
	stop();
}

/* Both processes have the secret; the second one other limits or other settings. */
static void early_data_goes_by_settings(void)
{
	struct quicd_options options = early_options(1);
	options.has_secret = true;
	memset(options.secret, 7, sizeof(options.secret));
	for (int change = 0; change < 4; change++) {
		struct session session;
		start_with(&options);
		session_get(&session, engine->port);
		stop();
		struct quicd_options other = options;
		other.stream_window_bytes -= change == 1;
		other.streams_bidi -= change == 2;
		other.early_context[0] ^= change == 3;
		start_with(&other);
		const struct qd_state state = come_again("localhost", &session);
		CHECK(state.resumed && state.early_accepted == (change == 0));
		CHECK_SOON(TOTAL(engine, early) == (change == 0));
		stop();
	}
}

static void wait_for(size_t counter, uint64_t value)
{
	CHECK_SOON(counter_total(engine, counter) == value);
}

/* From many addresses, so that it meets every worker. */
static void play(const struct flight *flight)
{
	for (uint32_t port = 0; port < 64; port++) {
		struct qd_address local;
		const int fd = client_socket(engine->port, &local);
		for (uint32_t i = 0; i < flight->count; i++)
			CHECK(send(fd, flight->bytes[i], flight->lengths[i], 0) ==
			      (ssize_t)flight->lengths[i]);
		close(fd);
	}
}

/* RFC 8446 §8: the same first flight again, while the first is under way and later on. */
static void a_replay_waits_for_its_handshake(void)
{
	struct quicd_options options = early_options(4);
	options.handshake_timeout_ms = 2000; /* the time until replays are forgotten */
	start_with(&options);
	struct session session;
	struct flight flight = {0};
	struct client client = {0};
	uint64_t code = 0;
	session_get(&session, engine->port);
	client_resume(&client, engine->port, &session);
	CHECK(qd_stream_send_copy(client.quiche, 0, (const uint8_t *)"buy", 3, true, &code) == 3);
	client_send_flight(&client, &flight);
	wait_until(&app->early_streams, 1);
	/* Each worker but its own makes a connection of it, and none of them is told. */
	play(&flight);
	wait_for(offsetof(struct quicd_counters, accepted), 2 + 3);
	wait_for(offsetof(struct quicd_counters, early_held), 3);
	for (int turns = 0; turns < 1000 && app->early_taken == 0; turns++)
		client_turn(&client, 5);
	CHECK(app->early_taken == 1);
	client_close(&client);
	/* Once no worker knows the connection any more, its own one neither. */
	wait_for(offsetof(struct quicd_counters, live_connections), 0);
	play(&flight);
	wait_for(offsetof(struct quicd_counters, accepted), 2 + 3 + 4);
	wait_for(offsetof(struct quicd_counters, early_held), 3 + 4);
	CHECK_SOON(TOTAL(engine, early) == 1 && app->early == 1 && app->early_streams == 1);
	stop();
}

/* Tickets of the last epoch's key are taken, older ones are not; a machine ahead is understood. */
static void keys_rotate_with_overlap(void)
{
	static const struct {
		int epochs;
		bool resumes;
	} CASES[] = { { 0, true }, { 1, true }, { 2, false }, { -1, true }, { -2, false } };
	start(true, 2);
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct session session;
		atomic_store(&engine->wall_shift_s, 0);
		usleep(110000);
		session_get(&session, engine->port);
		atomic_store(&engine->wall_shift_s,
			     (uint64_t)((int64_t)CASES[i].epochs * QUICD_TICKET_EPOCH_S));
		usleep(110000);
		CHECK(resumes(&session) == CASES[i].resumes);
	}
	stop();
}

/* One secret, or one file of keys: any process opens what another has sealed. */
static void processes_agree(void)
{
	struct session session;
	struct quicd_options options = early_options(2), others;
	options.has_secret = true;
	memset(options.secret, 9, sizeof(options.secret));
	start_with(&options);
	session_get(&session, engine->port);
	stop();
	start_with(&options);
	CHECK(resumes(&session));
	stop();
	others = options;
	others.secret[0] ^= 1;
	start_with(&others);
	CHECK(!resumes(&session));
	stop();
	/* A file: the first key seals, the second only opens. */
	memset(options.ticket_keys[0], 1, QUICD_TICKET_KEY_BYTES);
	memset(options.ticket_keys[1], 2, QUICD_TICKET_KEY_BYTES);
	options.ticket_key_count = 2;
	start_with(&options);
	session_get(&session, engine->port);
	stop();
	memcpy(others.ticket_keys[0], options.ticket_keys[1], QUICD_TICKET_KEY_BYTES);
	memcpy(others.ticket_keys[1], options.ticket_keys[0], QUICD_TICKET_KEY_BYTES);
	others.ticket_key_count = 2;
	start_with(&others);
	CHECK(resumes(&session));
	stop();
	others.ticket_key_count = 1;
	start_with(&others);
	CHECK(!resumes(&session));
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	qd_set_release(quicd_worker_release);
	check_case("early data flows, then the handshake is done", early_data_flows);
	check_case("off means resumption alone", off_means_resumption_alone);
	check_case("the application is told at once", told_at_once);
	check_case("another server name does not resume", another_name_does_not_resume);
	check_case("early data goes by limits and settings", early_data_goes_by_settings);
	check_case("a replay waits for its handshake", a_replay_waits_for_its_handshake);
	check_case("ticket keys rotate with overlap", keys_rotate_with_overlap);
	check_case("processes with one secret or file agree", processes_agree);
	return check_finish();
}
