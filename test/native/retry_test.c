/*
 * retry_test.c - address validation by Retry (RFC 9000 §8.1.2): always, under load, and what bounds
 * connections in their handshake.
 */
#include <stdlib.h>
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"

static struct quicd_engine *engine;
static struct echo_app *app;

static struct quicd_options options_of(enum quicd_retry retry, uint32_t workers)
{
	struct quicd_options options = default_options(workers);
	options.retry = retry;
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

static void start(enum quicd_retry retry, uint32_t workers)
{
	const struct quicd_options options = options_of(retry, workers);
	start_with(&options);
}

static void stop(void)
{
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void once_more_and_in(void)
{
	for (uint32_t workers = 1; workers <= 4; workers += 3) {
		start(QUICD_RETRY_ALWAYS, workers);
		for (uint32_t i = 1; i <= 8; i++) {
			struct client client = {0};
			client_open(&client, engine->port);
			CHECK(client_handshake(&client));
			CHECK(echo_stream(&client, 0, 30000, 0, NULL));
			/*
			 * A ClientHello may take two datagrams, each answered; one makes the
			 * connection.
			 */
			CHECK(TOTAL(engine, retries) >= i && TOTAL(engine, tokens_valid) == i);
			client_close(&client);
		}
		CHECK(TOTAL(engine, tokens_invalid) == 0 && TOTAL(engine, accepted) == 8);
		stop();
	}
}

static void never_when_not_asked(void)
{
	start(QUICD_RETRY_NEVER, 1);
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(TOTAL(engine, retries) == 0);
	client_close(&client);
	stop();
}

/*
 * A client that takes its Retry and comes again from another port: its token is not for that
 * one.
 */
static void a_moved_client_is_told(void)
{
	start(QUICD_RETRY_ALWAYS, 1);
	struct client client = {0};
	struct qd_state state = {0};
	client_open(&client, engine->port);
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	static uint8_t in[2048], out[2048];
	struct qd_train train;
	const ssize_t first = qd_send_train(client.quiche, out, sizeof(out), 1, &train);
	REQUIRE(first >= 1200 && send(client.fd, out, (size_t)first, 0) == first);
	/* The Retry comes to the old socket: take it in there, send from the new one. */
	struct pollfd wait = {.fd = client.fd, .events = POLLIN};
	REQUIRE(poll(&wait, 1, 5000) == 1);
	const ssize_t bytes = recv(client.fd, in, sizeof(in), 0);
	REQUIRE(bytes > 0);
	CHECK((in[0] & 0xf0) == 0xf0); /* long header, Retry */
	qd_recv(client.quiche, in, (size_t)bytes, &client.peer, &client.local);
	client_rebind(&client);
	while (!state.closed && !state.draining && client_now_ns() < deadline) {
		client_turn(&client, 5);
		qd_get_state(client.quiche, &state);
	}
	struct qd_close_reason reason = {0};
	CHECK(qd_peer_error(client.quiche, &reason));
	CHECK(!reason.application && reason.error_code == 0x0b);
	CHECK(TOTAL(engine, tokens_invalid) == 1 && TOTAL(engine, established) == 0);
	client_close(&client);
	stop();
}

/* Initials that nothing follows, each from a port of its own. */
static void half_open(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct client client = {0};
		client_open(&client, engine->port);
		static uint8_t out[2048];
		struct qd_train train;
		const ssize_t bytes = qd_send_train(client.quiche, out, sizeof(out), 1, &train);
		REQUIRE(bytes >= 1200);
		(void)!send(client.fd, out, (size_t)bytes, 0);
		close(client.fd);
		qd_free(client.quiche);
		qd_config_free(client.config);
	}
}

/*
 * Of 64 connections, with as long a time for the handshake as counting them can take. Each of the
 * numbers counts what the worker decided, so that they add up only when all of them were looked at.
 */
static struct quicd_options few_places(enum quicd_retry retry)
{
	struct quicd_options options = options_of(retry, 1);
	options.connections = 64;
	options.handshake_timeout_ms = 60000;
	options.max_idle_timeout_ms = 60000;
	return options;
}

static void under_load(void)
{
	const struct quicd_options options = few_places(QUICD_RETRY_UNDER_LOAD);
	start_with(&options);
	half_open(7);
	CHECK_SOON(TOTAL(engine, half_open) == 7);
	half_open(1);
	CHECK_SOON(TOTAL(engine, half_open) == 8);
	CHECK(TOTAL(engine, receive_retried) == 0 && TOTAL(engine, retries) == 0);
	/* An eighth of 64: from here on nothing is kept for whoever does not answer. */
	half_open(100);
	CHECK_SOON(TOTAL(engine, receive_retried) == 100 && TOTAL(engine, retries) == 100);
	CHECK(TOTAL(engine, half_open) == 8 && TOTAL(engine, receive_refused) == 0);
	/* ... and whoever does gets in. */
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(TOTAL(engine, tokens_valid) == 1);
	client_close(&client);
	stop();
}

static void a_handshake_has_its_time(void)
{
	struct quicd_options options = few_places(QUICD_RETRY_UNDER_LOAD);
	options.handshake_timeout_ms = 1000;
	start_with(&options);
	half_open(8);
	CHECK_SOON(TOTAL(engine, accepted) == 8);
	/* It is up: places are free, and no Retry is asked for. */
	CHECK_SOON(TOTAL(engine, half_open) == 0);
	CHECK(TOTAL(engine, handshake_timeouts) == 8);
	half_open(1);
	CHECK_SOON(TOTAL(engine, accepted) == 9);
	CHECK(TOTAL(engine, receive_retried) == 0);
	stop();
}

static void half_of_the_places_is_kept(void)
{
	const struct quicd_options options = few_places(QUICD_RETRY_NEVER);
	start_with(&options);
	half_open(100);
	CHECK_SOON(TOTAL(engine, half_open) == 33 && TOTAL(engine, receive_refused) == 67);
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("once more, and in", once_more_and_in);
	check_case("never when not asked for", never_when_not_asked);
	check_case("a client that moved is told INVALID_TOKEN", a_moved_client_is_told);
	check_case("under load, from an eighth on", under_load);
	check_case("places are free when a handshake's time is up", a_handshake_has_its_time);
	check_case("half of the places is kept for proven addresses", half_of_the_places_is_kept);
	return check_finish();
}
