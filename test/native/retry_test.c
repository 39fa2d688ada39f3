/*
 * retry_test.c - address validation by Retry (RFC 9000 §8.1.2): always, under load, and what bounds
 * connections in their handshake.
 */
#include <stdlib.h>
#include "check.h"
#include "client.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"

static struct quicd_engine *engine;
static struct echo_app *app;

static void start(enum quicd_retry retry, uint32_t workers, uint32_t connections)
{
	char error[512] = "";
	struct quicd_options options = default_options(workers);
	options.retry = retry;
	options.connections = connections;
	engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	app = echo_start(engine);
}

static void stop(void)
{
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static uint64_t total(size_t offset)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++)
		sum += *(const volatile uint64_t *)((const char *)engine->workers[i].counters +
						    offset);
	return sum;
}
#define TOTAL(field) total(offsetof(struct quicd_counters, field))

static void once_more_and_in(void)
{
	for (uint32_t workers = 1; workers <= 4; workers += 3) {
		start(QUICD_RETRY_ALWAYS, workers, 256);
		for (uint32_t i = 1; i <= 8; i++) {
			struct client client = {0};
			client_open(&client, engine->port);
			CHECK(client_handshake(&client));
			CHECK(echo_stream(&client, 0, 30000, 0, NULL));
			/*
			 * A ClientHello may take two datagrams, each answered; one makes the
			 * connection.
			 */
			CHECK(TOTAL(retries) >= i && TOTAL(tokens_valid) == i);
			client_close(&client);
		}
		CHECK(TOTAL(tokens_invalid) == 0 && TOTAL(accepted) == 8);
		stop();
	}
}

static void never_when_not_asked(void)
{
	start(QUICD_RETRY_NEVER, 1, 256);
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(TOTAL(retries) == 0);
	client_close(&client);
	stop();
}

/*
 * A client that takes its Retry and comes again from another port: its token is not for that
 * one.
 */
static void a_moved_client_is_told(void)
{
	start(QUICD_RETRY_ALWAYS, 1, 256);
	struct client client = {0};
	struct qd_state state = {0};
	client_open(&client, engine->port);
	const uint64_t deadline = client_now_ns() + 5000000000ull;
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
	CHECK(TOTAL(tokens_invalid) == 1 && TOTAL(established) == 0);
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

static void wait_for(uint64_t datagrams)
{
	const uint64_t deadline = client_now_ns() + 5000000000ull;
	while (TOTAL(receive_datagrams) < datagrams && client_now_ns() < deadline)
		usleep(1000);
}

static void under_load(void)
{
	start(QUICD_RETRY_UNDER_LOAD, 1, 64);
	half_open(7);
	wait_for(7);
	CHECK(TOTAL(half_open) == 7 && TOTAL(retries) == 0);
	half_open(1);
	wait_for(8);
	CHECK(TOTAL(half_open) == 8 && TOTAL(retries) == 0);
	/* An eighth of 64: from here on nothing is kept for whoever does not answer. */
	half_open(100);
	wait_for(108);
	CHECK(TOTAL(half_open) == 8 && TOTAL(retries) == 100 && TOTAL(receive_retried) == 100);
	/* ... and whoever does gets in. */
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(TOTAL(tokens_valid) == 1);
	client_close(&client);
	/* The handshake's time is up: places are free, and no Retry is asked for. */
	const uint64_t deadline = client_now_ns() + 10000000000ull;
	while (TOTAL(half_open) > 0 && client_now_ns() < deadline)
		usleep(10000);
	CHECK(TOTAL(half_open) == 0);
	stop();
}

static void half_of_the_places_is_kept(void)
{
	start(QUICD_RETRY_NEVER, 1, 64);
	half_open(100);
	wait_for(100);
	CHECK(TOTAL(half_open) == 33 && TOTAL(receive_refused) == 67);
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("once more, and in", once_more_and_in);
	check_case("never when not asked for", never_when_not_asked);
	check_case("a client that moved is told INVALID_TOKEN", a_moved_client_is_told);
	check_case("under load, from an eighth on", under_load);
	check_case("half of the places is kept for proven addresses", half_of_the_places_is_kept);
	return check_finish();
}
