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

static struct quicd_engine *engine;
static struct echo_app *app;

static void start(bool early_data, uint32_t workers)
{
	char error[512] = "";
	struct quicd_options options = default_options(workers);
	options.early_data = early_data;
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

static void wait_until(_Atomic uint32_t *counter, uint32_t value)
{
	const uint64_t deadline = client_now_ns() + 5000000000ull;
	while (atomic_load(counter) < value && client_now_ns() < deadline)
		usleep(1000);
	CHECK(atomic_load(counter) == value);
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
	CHECK(app->early == 1 && app->early_streams == 1 && app->early_refused == 0);
	/* What is opened after the handshake is not early. */
	CHECK(echo_stream(&client, 4, 5000, 0, NULL));
	CHECK(app->early_streams == 1);
	CHECK(TOTAL(engine, early) == 1 && TOTAL(engine, resumed) == 1);
	CHECK(TOTAL(engine, established) == 2 && TOTAL(engine, half_open) == 0);
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
	CHECK(app->early == 0 && app->early_streams == 0 && app->connected == 2);
	CHECK(TOTAL(engine, early) == 0 && TOTAL(engine, resumed) == 1);
	client_close(&client);
	stop();
}

/* The request reaches the application although its client never says another word. */
static void told_at_once(void)
{
	start(true, 1);
	struct session session;
	session_get(&session, engine->port);
	struct client client = {0};
	client_resume(&client, engine->port, &session);
	uint64_t code = 0;
	CHECK(qd_stream_send_copy(client.quiche, 0, (const uint8_t *)"hello", 5, true, &code) == 5);
	client_send_flight(&client, NULL);
	wait_until(&app->early_streams, 1);
	CHECK(app->early == 1 && app->early_taken == 0);
	CHECK(TOTAL(engine, half_open) == 1 && TOTAL(engine, established) == 1);
	/* It keeps a place no longer than any other that does not complete its handshake. */
	const uint64_t deadline = client_now_ns() + 10000000000ull;
	while (TOTAL(engine, half_open) > 0 && client_now_ns() < deadline)
		usleep(10000);
	CHECK(TOTAL(engine, half_open) == 0 && TOTAL(engine, handshake_timeouts) == 1);
	client_close(&client);
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	qd_set_release(quicd_worker_release);
	check_case("early data flows, then the handshake is done", early_data_flows);
	check_case("off means resumption alone", off_means_resumption_alone);
	check_case("the application is told at once", told_at_once);
	return check_finish();
}
