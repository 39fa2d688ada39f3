/*
 * stream_test.c - streams as a real peer sees them: both half-close orders, reset and stop in each
 * direction with the largest error code, IDs, and flow control of each for itself.
 */
#include <pthread.h>
#include "manual_app.h"
#include "server_options.h"

#define LARGEST ((1ull << 62) - 1) /* RFC 9000 §16 */

static struct quicd_engine *engine;
static struct manual_app app;
static struct client client;

static void begin(void)
{
	char error[256] = "";
	const struct quicd_options options = default_options(1);
	const struct qd_config_options mine = client_options();
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	manual_attach(&app, engine);
	manual_connect(&app, &client, &mine);
}

/* Both ends of every stream are over: no slot is left. */
static void end(void)
{
	const uint64_t *live = &engine->workers[0].counters->live_streams;
	for (int i = 0; i < 200 && counter_now(live) > 0; i++)
		client_turn(&client, 5);
	CHECK(counter_now(live) == 0);
	manual_close(&app, &client);
	manual_detach(&app);
	quicd_engine_stop(engine);
}

static void client_send(uint64_t id, const char *text, bool fin)
{
	uint64_t code = 0;
	const size_t bytes = strlen(text);
	CHECK(qd_stream_send_copy(client.quiche, id, (const uint8_t *)text, bytes, fin, &code) ==
	      (ssize_t)bytes);
}

/* Waits for data of the stream; its numbers are in |event|. */
static void expect_data(struct quicd_event *event, const char *text, bool fin)
{
	CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_DATA, event));
	CHECK(event->length == strlen(text) && !(event->flags & QUICD_FLAG_FIN) == !fin);
	if (event->buffer != QUICD_NONE)
		CHECK(memcmp(quicd_slab_at(engine->slabs[0], event->buffer), text,
			     event->length) == 0);
	manual_release(&app, event);
}

/* A command about the stream that |of| is about. */
static void post(uint32_t kind, const struct quicd_event *of, const char *text, uint32_t flags,
		 uint64_t error_code)
{
	struct quicd_command command = {.kind = kind,
					.stream = of->stream,
					.stream_generation = of->stream_generation,
					.flags = flags,
					.buffer = QUICD_NONE,
					.error_code = error_code};
	if (text) {
		struct quicd_slab *slab = engine->slabs[engine->options.workers];
		command.slab = slab->id;
		command.length = (uint32_t)strlen(text);
		command.buffer = quicd_buffer_take(app.handle, QUICD_BUFFER_SMALL);
		REQUIRE(command.buffer != QUICD_NONE);
		memcpy(quicd_slab_at(slab, command.buffer), text, command.length);
	}
	manual_post(&app, command);
}

static void client_expects(uint64_t id, const char *text, bool expected_fin)
{
	uint8_t bytes[64];
	bool fin = false;
	uint64_t code = 0;
	ssize_t got = QD_DONE;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (got < 0 && client_now_ns() < deadline) {
		client_turn(&client, 1);
		got = qd_stream_recv(client.quiche, id, bytes, sizeof(bytes), &fin, &code);
	}
	CHECK(got == (ssize_t)strlen(text) && memcmp(bytes, text, (size_t)got) == 0);
	CHECK(fin == expected_fin);
}

static void half_closed_by_the_peer_first(void)
{
	struct quicd_event event;
	begin();
	client_send(0, "question", true);
	expect_data(&event, "question", true);
	CHECK(event.flags & QUICD_FLAG_OPENED && event.stream_id == 0);
	post(QUICD_COMMAND_WRITE, &event, "answer", 0, 0);
	client_expects(0, "answer", false);
	post(QUICD_COMMAND_WRITE, &event, "the rest", QUICD_FLAG_FIN, 0);
	client_expects(0, "the rest", true);
	end();
}

static void half_closed_by_us_first(void)
{
	struct quicd_event event, more;
	begin();
	client_send(0, "first", false);
	expect_data(&event, "first", false);
	post(QUICD_COMMAND_WRITE, &event, "all I say", QUICD_FLAG_FIN, 0);
	client_expects(0, "all I say", true);
	client_send(0, "second", false);
	expect_data(&more, "second", false);
	CHECK(more.stream == event.stream && more.stream_generation == event.stream_generation);
	client_send(0, "", true);
	expect_data(&more, "", true);
	end();
}

static void our_reset_and_our_stop(void)
{
	uint8_t bytes[16];
	bool fin = false;
	uint64_t reset = 0, stopped = 0;
	struct quicd_event event;
	begin();
	client_send(0, "hello", false);
	expect_data(&event, "hello", false);
	post(QUICD_COMMAND_RESET, &event, NULL, 0, LARGEST);
	ssize_t got = QD_DONE;
	for (int i = 0; i < 1000 && got == QD_DONE; i++) {
		client_turn(&client, 1);
		got = qd_stream_recv(client.quiche, 0, bytes, sizeof(bytes), &fin, &reset);
	}
	CHECK(got == QD_ERROR_STREAM_RESET && reset == LARGEST);
	/* The other direction is as it was. */
	client_send(0, "still", false);
	expect_data(&event, "still", false);
	post(QUICD_COMMAND_STOP, &event, NULL, 0, LARGEST);
	ssize_t room = 0;
	for (int i = 0; i < 1000 && room >= 0; i++) {
		client_turn(&client, 1);
		room = qd_stream_capacity(client.quiche, 0, &stopped);
	}
	CHECK(room == QD_ERROR_STREAM_STOPPED && stopped == LARGEST);
	end();
}

static void the_peers_reset_and_the_peers_stop(void)
{
	struct quicd_event event, told;
	begin();
	client_send(0, "hello", false);
	expect_data(&event, "hello", false);
	CHECK(qd_stream_shutdown(client.quiche, 0, QD_SHUTDOWN_READ, LARGEST) == 0);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_STOPPED, &told));
	CHECK(told.error_code == LARGEST && told.stream == event.stream);
	/* The other direction is as it was. */
	client_send(0, "still", false);
	expect_data(&told, "still", false);
	CHECK(qd_stream_shutdown(client.quiche, 0, QD_SHUTDOWN_WRITE, LARGEST) == 0);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_RESET, &told));
	CHECK(told.error_code == LARGEST && told.stream == event.stream);
	end();
}

/* RFC 9000 §2.1. */
static void ids_say_who_and_how(void)
{
	struct quicd_event event;
	begin();
	client_send(0, "a", true);
	expect_data(&event, "a", true);
	CHECK(event.stream_id == 0 && !(event.flags & QUICD_FLAG_UNIDIRECTIONAL));
	post(QUICD_COMMAND_WRITE, &event, NULL, QUICD_FLAG_FIN, 0);
	client_send(2, "b", true);
	expect_data(&event, "b", true);
	CHECK(event.stream_id == 2 && event.flags & QUICD_FLAG_UNIDIRECTIONAL);
	client_send(6, "c", true);
	expect_data(&event, "c", true);
	CHECK(event.stream_id == 6);
	const uint64_t ours[] = {1, 3, 5, 7};
	for (uint32_t i = 0; i < 4; i++) {
		manual_post(&app, (struct quicd_command){
					  .kind = QUICD_COMMAND_OPEN,
					  .flags = i & 1 ? QUICD_FLAG_UNIDIRECTIONAL : 0,
					  .request_id = i + 1,
					  .buffer = QUICD_NONE});
		CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_OPENED, &event));
		CHECK(event.stream_id == ours[i] && event.request_id == i + 1);
		post(QUICD_COMMAND_WRITE, &event, "d", QUICD_FLAG_FIN, 0);
		client_expects(ours[i], "d", true);
		if (!(i & 1))
			client_send(ours[i], "", true);
	}
	end();
}

/* Nobody releases what came on one stream: another goes on. */
static void flow_control_of_each_for_itself(void)
{
	static uint8_t bytes[16384];
	static struct quicd_event kept[4096];
	uint32_t count = 0;
	uint64_t sent = 0, code = 0;
	begin();
	/* Until both bounds are met, and some time longer. */
	uint64_t until = client_now_ns() + CHECK_WAIT_NS;
	bool full = false;
	while (client_now_ns() < until) {
		if (!full && count >= 64 && qd_stream_capacity(client.quiche, 0, &code) == 0) {
			full = true;
			until = client_now_ns() + 300000000;
		}
		const ssize_t taken =
			qd_stream_send_copy(client.quiche, 0, bytes, sizeof(bytes), false, &code);
		sent += taken > 0 ? (uint64_t)taken : 0;
		client_turn(&client, 1);
		while (count < 4096 && manual_event(&app, &kept[count]))
			count += kept[count].kind == QUICD_EVENT_STREAM_DATA;
	}
	/* At its bounds: 64 chunks, and the window behind them. */
	CHECK(qd_stream_capacity(client.quiche, 0, &code) == 0);
	CHECK(count >= 64 && counter_now(&engine->workers[0].counters->chunks_live) >= 64);
	struct quicd_event event;
	client_send(4, "through", true);
	expect_data(&event, "through", true);
	CHECK(event.stream_id == 4);
	post(QUICD_COMMAND_WRITE, &event, NULL, QUICD_FLAG_FIN, 0);
	printf("stream 0 stands after %llu bytes; stream 4 went through\n",
	       (unsigned long long)sent);
	for (uint32_t i = 0; i < count; i++)
		manual_release(&app, &kept[i]);
	const struct quicd_event first = kept[0];
	post(QUICD_COMMAND_STOP, &first, NULL, 0, 0);
	post(QUICD_COMMAND_RESET, &first, NULL, 0, 0);
	qd_stream_shutdown(client.quiche, 0, QD_SHUTDOWN_WRITE, 0);
	end();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("half-closed by the peer first", half_closed_by_the_peer_first);
	check_case("half-closed by us first", half_closed_by_us_first);
	check_case("our reset and our stop", our_reset_and_our_stop);
	check_case("the peer's reset and the peer's stop", the_peers_reset_and_the_peers_stop);
	check_case("IDs say who opened a stream, and which kind it is", ids_say_who_and_how);
	check_case("flow control of each stream for itself", flow_control_of_each_for_itself);
	return check_finish();
}
