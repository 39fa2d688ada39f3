/*
 * memory_test.c - the budgets of a worker and of a connection, each driven to its limit: what is
 * refused or waits there, and that all of it arrives after room appears.
 */
#include <pthread.h>
#include "manual_app.h"
#include "server_options.h"

#define BODY (2u << 20)

static struct quicd_engine *engine;
static struct manual_app app;

static void begin(uint64_t worker_bytes, uint64_t connection_bytes)
{
	char error[256] = "";
	struct quicd_options options = default_options(1);
	options.worker_memory_bytes = worker_bytes;
	options.connection_memory_bytes = connection_bytes;
	options.stream_chunks = 1024; /* so that it is not what stops the reading */
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	manual_attach(&app, engine);
}

static void end(void)
{
	manual_detach(&app);
	quicd_engine_stop(engine);
}

static uint64_t held(void)
{
	return counter_now(&engine->workers[0].counters->memory_bytes);
}

static void beyond_the_budget_nobody_new(void)
{
	enum { MOST = 100 };
	static struct client clients[MOST];
	const uint64_t budget = 1u << 20;
	const struct quicd_counters *counters;
	const struct qd_config_options mine = client_options();
	struct quicd_event event;
	uint32_t count = 0;
	begin(budget, 0);
	counters = engine->workers[0].counters;
	while (count < MOST && counter_now(&counters->memory_refused) == 0) {
		struct client *client = &clients[count++];
		client->fd = client_socket(engine->port, &client->local);
		client->peer = (struct qd_address){
			.family = 4, .port = engine->port, .ip = {127, 0, 0, 1}};
		client_connect_as(client, &mine);
		const uint64_t refused = counter_now(&counters->memory_refused);
		struct qd_state state = {0};
		while (!state.established && counter_now(&counters->memory_refused) == refused) {
			client_turn(client, 1);
			qd_get_state(client->quiche, &state);
		}
		/* Until the server knows a round trip too: it drains for three of its timeouts. */
		for (int i = 0; i < 10; i++)
			client_turn(client, 1);
	}
	CHECK(count > 5 && count < MOST);
	CHECK(held() >= budget - budget / 8 && held() <= budget);
	printf("%u connections in %llu KiB, then refused\n", count - 1,
	       (unsigned long long)held() / 1024);
	/* The last one was only dropped: it is let in when another goes. */
	manual_close(&app, &clients[0]);
	manual_close(&app, &clients[1]);
	CHECK(client_handshake(&clients[count - 1]));
	CHECK(manual_wait(&app, &clients[count - 1], QUICD_EVENT_CONNECTED, &event));
	for (uint32_t i = 2; i < count; i++)
		manual_close(&app, &clients[i]);
	end();
}

/* Data of a stream, byte by byte as it should be; kept ones are released later. */
static uint64_t take_chunk(const struct quicd_event *event, uint64_t at, bool *right)
{
	const uint8_t *bytes = event->buffer == QUICD_NONE
				       ? NULL
				       : quicd_slab_at(engine->slabs[0], event->buffer);
	for (uint32_t i = 0; i < event->length; i++)
		*right = *right && bytes[i] == (uint8_t)((at + i) * 31 >> 3);
	return at + event->length;
}

static void push(struct client *client, uint64_t *sent)
{
	static uint8_t body[16384];
	uint64_t code = 0;
	for (;;) {
		const size_t length = BODY - *sent < sizeof(body) ? BODY - *sent : sizeof(body);
		for (size_t i = 0; i < length; i++)
			body[i] = (uint8_t)((*sent + i) * 31 >> 3);
		if (length == 0)
			return;
		const ssize_t taken = qd_stream_send_copy(client->quiche, 0, body, length,
							  *sent + length == BODY, &code);
		if (taken <= 0)
			return;
		*sent += (uint64_t)taken;
	}
}

/* The application keeps every chunk: reading stops at the connection's budget. Then it lets go. */
static void kept_chunks_stop_the_reading(void)
{
	static struct quicd_event kept[4096];
	const uint64_t budget = 256u << 10;
	const struct qd_config_options mine = client_options();
	struct client client;
	uint32_t count = 0;
	uint64_t sent = 0, at = 0, at_limit = 0;
	bool right = true, fin = false;
	begin(0, budget);
	manual_connect(&app, &client, &mine);
	/* Until reading stops, and some time longer, in which no more may come. */
	uint64_t until = client_now_ns() + CHECK_WAIT_NS;
	bool stopped = false;
	while (client_now_ns() < until) {
		if (!stopped && counter_now(&engine->workers[0].counters->memory_paused) > 0) {
			stopped = true;
			until = client_now_ns() + 300000000;
		}
		push(&client, &sent);
		client_turn(&client, 1);
		while (count < 4096 && manual_event(&app, &kept[count]))
			if (kept[count].kind == QUICD_EVENT_STREAM_DATA)
				at = take_chunk(&kept[count++], at, &right);
	}
	at_limit = at;
	CHECK(at_limit > budget / 2 && at_limit <= budget + QUICD_LARGE_BUFFER_BYTES);
	CHECK(counter_now(&engine->workers[0].counters->memory_paused) > 0);
	for (uint32_t i = 0; i < count; i++)
		manual_release(&app, &kept[i]);
	quicd_kick(app.handle, 0);
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	struct quicd_event event;
	while (!fin && client_now_ns() < deadline) {
		push(&client, &sent);
		client_turn(&client, 1);
		while (manual_event(&app, &event)) {
			if (event.kind != QUICD_EVENT_STREAM_DATA)
				continue;
			at = take_chunk(&event, at, &right);
			fin = event.flags & QUICD_FLAG_FIN;
			manual_release(&app, &event);
		}
	}
	printf("%llu of %u bytes at the limit, %llu in the end\n", (unsigned long long)at_limit,
	       BODY, (unsigned long long)at);
	CHECK(fin && right && at == BODY);
	manual_close(&app, &client);
	end();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("a worker near its budget accepts nobody", beyond_the_budget_nobody_new);
	check_case("a connection at its budget is not read on", kept_chunks_stop_the_reading);
	return check_finish();
}
