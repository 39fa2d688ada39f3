/*
 * open_test.c - streams that an application asks for: at the peer's limit they wait, oldest first;
 * beyond the bound they are refused; at the connection's end nothing is left. With a real peer.
 */
#include <pthread.h>
#include "alloc.h"
#include "manual_app.h"
#include "server_options.h"

static struct quicd_engine *engine;
static struct manual_app app;
static struct client client;

static void begin(uint64_t streams_bidi, uint64_t streams_uni)
{
	char error[256] = "";
	const struct quicd_options options = default_options(1);
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	manual_attach(&app, engine);
	struct qd_config_options mine = client_options();
	mine.initial_max_streams_bidi = streams_bidi;
	mine.initial_max_streams_uni = streams_uni;
	manual_connect(&app, &client, &mine);
}

static void end(void)
{
	manual_close(&app, &client);
	CHECK(counter_reaches(&engine->workers[0].counters->closed, 1));
	CHECK_SOON(counter_now(&engine->workers[0].counters->opens_waiting) == 0);
	manual_detach(&app);
	quicd_engine_stop(engine);
}

static void ask(uint32_t request_id, uint32_t flags)
{
	manual_post(&app, (struct quicd_command){.kind = QUICD_COMMAND_OPEN,
						 .flags = flags,
						 .request_id = request_id,
						 .buffer = QUICD_NONE});
}

/* FIN both ways on the peer's |id|, which ends the stream and lets MAX_STREAMS follow. */
static void finish(const struct quicd_event *opened)
{
	manual_post(&app, (struct quicd_command){.kind = QUICD_COMMAND_WRITE,
						 .stream = opened->stream,
						 .stream_generation = opened->stream_generation,
						 .flags = QUICD_FLAG_FIN,
						 .buffer = QUICD_NONE});
	uint8_t scrap[16];
	bool fin = false;
	uint64_t code = 0;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (!fin && client_now_ns() < deadline) {
		client_turn(&client, 1);
		qd_stream_recv(client.quiche, opened->stream_id, scrap, sizeof(scrap), &fin, &code);
	}
	CHECK(fin);
	if (!(opened->stream_id & 2))
		CHECK(qd_stream_send_copy(client.quiche, opened->stream_id, NULL, 0, true, &code) ==
		      0);
}

static void they_wait_until_the_bound(void)
{
	enum { LIMIT = 3, ASKED = LIMIT + QUICD_OPENS_WAITING_MAX + 2 };
	struct quicd_event event;
	begin(LIMIT, 1);
	for (uint32_t i = 1; i <= ASKED; i++)
		ask(i, 0);
	CHECK(counter_reaches(&engine->workers[0].counters->opens_waiting,
			      QUICD_OPENS_WAITING_MAX));
	/* What is beyond the bound is refused at once: refusals don't wait behind those that do. */
	for (uint32_t i = ASKED - 1; i <= ASKED; i++) {
		CHECK(manual_wait(&app, &client, QUICD_EVENT_OPEN_REFUSED, &event));
		CHECK(event.request_id == i && event.error_code == QUICD_REFUSED_LIMIT);
	}
	end();
}

static void max_streams_lets_them_go(void)
{
	enum { LIMIT = 2, ASKED = 20 };
	struct quicd_event event;
	begin(LIMIT, 1);
	const uint64_t before = counter_now(&engine->workers[0].counters->send_datagrams);
	for (uint32_t i = 1; i <= ASKED; i++)
		ask(i, 0);
	for (uint32_t i = 1; i <= ASKED; i++) {
		CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_OPENED, &event));
		CHECK(event.request_id == i);
		CHECK(event.stream_id == 1 + 4 * (i - 1)); /* RFC 9000 §2.1 */
		if (i == LIMIT) /* STREAMS_BLOCKED: the only reason to send by now */
			CHECK(counter_reaches(&engine->workers[0].counters->send_datagrams,
					      before + 1));
		finish(&event);
	}
	CHECK(counter_reaches(&engine->workers[0].counters->commands, ASKED * 2));
	CHECK_SOON(counter_now(&engine->workers[0].counters->opens_waiting) == 0);
	end();
}

static void each_kind_waits_for_itself(void)
{
	struct quicd_event event;
	begin(1, 1);
	ask(1, 0);
	ask(2, 0);
	ask(3, QUICD_FLAG_UNIDIRECTIONAL);
	ask(4, QUICD_FLAG_UNIDIRECTIONAL);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_OPENED, &event));
	CHECK(event.request_id == 1 && event.stream_id == 1);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_OPENED, &event));
	CHECK(event.request_id == 3 && event.stream_id == 3);
	CHECK(counter_reaches(&engine->workers[0].counters->opens_waiting, 2));
	finish(&event);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_STREAM_OPENED, &event));
	CHECK(event.request_id == 4 && event.stream_id == 7);
	CHECK_SOON(counter_now(&engine->workers[0].counters->opens_waiting) == 1);
	end();
}

static void the_end_takes_those_that_wait(void)
{
	begin(0, 0);
	for (uint32_t i = 1; i <= 10; i++)
		ask(i, i & 1 ? QUICD_FLAG_UNIDIRECTIONAL : 0);
	CHECK(counter_reaches(&engine->workers[0].counters->opens_waiting, 10));
	end();
}

static struct quicd_memory before;

static void nothing_is_left(void)
{
	struct quicd_memory after;
	quicd_memory_read(&after);
	CHECK(after.live_objects == before.live_objects);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("at the bound they are refused", they_wait_until_the_bound);
	/* From here on: what is made once for the process is there. */
	quicd_memory_read(&before);
	check_case("MAX_STREAMS lets them go, oldest first", max_streams_lets_them_go);
	check_case("each kind waits for itself", each_kind_waits_for_itself);
	check_case("the end of the connection takes those that wait",
		   the_end_takes_those_that_wait);
	check_case("nothing is left", nothing_is_left);
	return check_finish();
}
