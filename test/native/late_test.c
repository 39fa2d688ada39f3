/*
 * late_test.c - commands that come too early, too late, or for a slot that is another connection's
 * by now: in every state they are counted, change nothing, and give their buffer back.
 */
#include <pthread.h>
#include "command.h"
#include "manual_app.h"
#include "server_options.h"

static struct quicd_engine *engine;
static struct manual_app app;
static struct client client;
static uint64_t stale;

static const uint32_t KINDS[] = {
	QUICD_COMMAND_WRITE, QUICD_COMMAND_RESET,    QUICD_COMMAND_STOP,
	QUICD_COMMAND_OPEN,  QUICD_COMMAND_DATAGRAM, QUICD_COMMAND_CLOSE,
	QUICD_COMMAND_PRIORITY, QUICD_COMMAND_KEEP_ALIVE,
};
#define KIND_COUNT (sizeof(KINDS) / sizeof(KINDS[0]))

/* One command of each kind, with a buffer where the kind carries one. */
static void post_all(uint32_t connection, uint32_t generation)
{
	app.connection = connection;
	app.generation = generation;
	const struct quicd_slab *slab = engine->slabs[engine->options.workers];
	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct quicd_command command = {
			.kind = KINDS[i], .buffer = QUICD_NONE, .request_id = 1, .error_code = 7};
		if (quicd_command_carries_buffer(&(struct quicd_command){.kind = KINDS[i]})) {
			command.slab = slab->id;
			command.buffer = quicd_buffer_take(app.handle, QUICD_BUFFER_SMALL);
			command.length = 5;
			REQUIRE(command.buffer != QUICD_NONE);
		}
		REQUIRE(manual_try_post(&app, command));
	}
	quicd_kick(app.handle, 0);
	stale += KIND_COUNT;
}

/* All of them were stale. */
static void expect_stale(void)
{
	CHECK(counter_reaches(&engine->workers[0].counters->commands_stale, stale));
	CHECK(counter_now(&engine->workers[0].counters->commands_stale) == stale);
	CHECK(counter_now(&engine->workers[0].counters->commands_invalid) == 0);
}

__attribute__((no_sanitize("thread"))) static uint32_t state_now(void)
{
	const volatile struct quicd_connection_view *view =
		&engine->workers[0].connection_views[0];
	return view->state;
}

static void begin(void)
{
	char error[256] = "";
	const struct quicd_options options = default_options(1);
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	manual_attach(&app, engine);
	stale = 0;
}

static void end(void)
{
	/* Every buffer that came with a stale command is back: all can be taken at once. */
	for (uint32_t i = 0; i < QUICD_APP_SMALL_BUFFERS; i++)
		CHECK(quicd_buffer_take(app.handle, QUICD_BUFFER_SMALL) != QUICD_NONE);
	manual_detach(&app);
	quicd_engine_stop(engine);
}

static void free_and_unknown_slots(void)
{
	begin();
	post_all(0, 1);		 /* a slot that nobody has had */
	post_all(1 << 30, 1);	 /* one that there is not */
	post_all(QUICD_NONE, 0); /* none */
	expect_stale();
	end();
}

/* The client's first flight alone: the server has answered, nobody is established. */
static void in_the_handshake(void)
{
	begin();
	uint8_t out[2048];
	struct qd_train train;
	client.fd = client_socket(engine->port, &client.local);
	client.peer = (struct qd_address){.family = 4, .port = engine->port, .ip = {127, 0, 0, 1}};
	client_connect(&client);
	const ssize_t bytes = qd_send_train(client.quiche, out, sizeof(out), 1, &train);
	REQUIRE(bytes > 0 && send(client.fd, out, (size_t)bytes, 0) == bytes);
	REQUIRE(counter_reaches(&engine->workers[0].counters->accepted, 1));
	WAIT_FOR(state_now() == QUICD_STATE_HANDSHAKING);
	post_all(0, 1);
	expect_stale();
	/* It goes on as if nothing had been said. */
	struct quicd_event event;
	CHECK(client_handshake(&client));
	CHECK(manual_wait(&app, &client, QUICD_EVENT_CONNECTED, &event));
	manual_close(&app, &client);
	end();
}

static void drained_closed_and_used_again(void)
{
	const struct qd_config_options mine = client_options();
	struct quicd_event event;
	begin();
	manual_connect(&app, &client, &mine);
	CHECK(app.connection == 0 && app.generation == 1);
	post_all(0, 2); /* another generation */
	expect_stale();
	qd_close(client.quiche, true, 7, NULL, 0);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_CLOSING, &event));
	CHECK(state_now() == QUICD_STATE_DRAINING || state_now() == QUICD_STATE_CLOSED);
	post_all(0, 1);
	expect_stale();
	CHECK(manual_wait(&app, &client, QUICD_EVENT_CLOSED, &event));
	post_all(0, 1);
	expect_stale();
	qd_free(client.quiche);
	qd_config_free(client.config);
	close(client.fd);
	/* The slot is the next one's, and the old numbers are still nobody's. */
	manual_connect(&app, &client, &mine);
	CHECK(app.connection == 0 && app.generation == 2);
	post_all(0, 1);
	expect_stale();
	const uint8_t hello[] = "hello";
	CHECK(qd_datagram_send_copy(client.quiche, hello, sizeof(hello)) == 0);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_DATAGRAM, &event));
	manual_release(&app, &event);
	manual_close(&app, &client);
	end();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("slots that are free or unknown", free_and_unknown_slots);
	check_case("in the handshake", in_the_handshake);
	check_case("draining, closed, and used again", drained_closed_and_used_again);
	return check_finish();
}
