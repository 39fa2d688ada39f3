/*
 * bounds_test.c - each bound between a worker and an application driven exactly to its limit: what
 * stops there, what goes on beside it, and that nothing is lost once there is room again.
 */
#include <pthread.h>
#include "counters.h"
#include "manual_app.h"
#include "server_options.h"

#define STREAMS_MAX 8192
#define MOST_CLIENTS 40
#define SLAB_BUFFERS (QUICD_WORKER_SMALL_BUFFERS + QUICD_WORKER_LARGE_BUFFERS)

static struct quicd_engine *engine;
static struct manual_app app;
static const struct quicd_counters *counters;
static struct client clients[MOST_CLIENTS];
static struct quicd_event events[STREAMS_MAX]; /* kept, in the order they came */
static uint32_t event_count;

static void begin(struct quicd_options options)
{
	char error[256] = "";
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	counters = engine->workers[0].counters;
	event_count = 0;
	manual_attach(&app, engine);
}

static void end(void)
{
	manual_detach(&app);
	quicd_engine_stop(engine);
}

static struct quicd_options many_streams(void)
{
	struct quicd_options options = default_options(1);
	options.streams_uni = STREAMS_MAX;
	options.ring_capacity = 16384;
	options.connection_events = 16384;
	return options;
}

static uint32_t ready(void)
{
	return quicd_ring_ready(&engine->apps[0].links[0].events);
}

static uint32_t connect_client(struct client *client)
{
	const struct qd_config_options mine = client_options();
	manual_connect(&app, client, &mine);
	return app.connection;
}

static void turn_for(struct client *client, uint64_t milliseconds)
{
	const uint64_t until = client_now_ns() + milliseconds * 1000000;
	while (client_now_ns() < until)
		client_turn(client, 1);
}

/* Unidirectional stream number |n| of the client: its number, and the end: one event, one chunk. */
static void send_stream(struct client *client, uint32_t n)
{
	uint64_t code = 0;
	ssize_t taken = 0;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	for (;;) {
		taken = qd_stream_send_copy(client->quiche, 2 + 4 * (uint64_t)n, (uint8_t *)&n,
					    sizeof(n), true, &code);
		if (taken > 0 || client_now_ns() > deadline)
			break;
		client_turn(client, 1);
	}
	REQUIRE(taken == sizeof(n));
}

/* Turns |client| until |count| events wait in the ring, and some time longer. */
static bool ready_stays(struct client *client, uint32_t count)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (ready() < count && client_now_ns() < deadline)
		client_turn(client, 1);
	turn_for(client, 50);
	if (ready() != count)
		fprintf(stderr, "%u events wait, not %u\n", ready(), count);
	return ready() == count;
}

/* Takes what is there, without its chunks being released. */
static void keep_events(void)
{
	while (event_count < STREAMS_MAX && manual_event(&app, &events[event_count]))
		event_count++;
}

static void release_kept(uint32_t from)
{
	for (uint32_t i = from; i < event_count; i++)
		manual_release(&app, &events[i]);
	quicd_kick(app.handle, 0);
}

/* Kept events are the client's streams 0, 1, 2 ... |count| - 1, each once and in that order. */
static bool kept_in_order(uint32_t connection, uint32_t count)
{
	uint32_t next = 0, n = 0;
	for (uint32_t i = 0; i < event_count; i++) {
		const struct quicd_event *event = &events[i];
		if (event->kind != QUICD_EVENT_STREAM_DATA || event->connection != connection)
			continue;
		memcpy(&n, quicd_slab_at(engine->slabs[0], event->buffer), sizeof(n));
		if (event->length != sizeof(n) || n != next ||
		    event->stream_id != 2 + 4 * (uint64_t)n ||
		    !(event->flags & QUICD_FLAG_FIN))
			return false;
		next++;
	}
	return next == count;
}

static bool keep_until(struct client *client, uint32_t count)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	for (keep_events(); event_count < count && client_now_ns() < deadline; keep_events())
		client_turn(client, 1);
	return event_count == count;
}

static void events_of_a_connection(void)
{
	enum { BOUND = 1024, SENT = BOUND + 200 };
	struct client *busy = &clients[0], *other = &clients[1];
	struct quicd_options options = many_streams();
	options.connection_events = BOUND;
	begin(options);
	const uint32_t connection = connect_client(busy);
	const uint32_t beside = connect_client(other);
	for (uint32_t n = 0; n < SENT; n++)
		send_stream(busy, n);
	CHECK(ready_stays(busy, BOUND));
	/* The other one's are no concern of this bound. */
	for (uint32_t n = 0; n < 10; n++)
		send_stream(other, n);
	CHECK(ready_stays(other, BOUND + 10));
	/* One entry free: one more comes. */
	REQUIRE(manual_event(&app, &events[event_count++]));
	CHECK(ready_stays(busy, BOUND + 10));
	CHECK(keep_until(busy, SENT + 10));
	CHECK(kept_in_order(connection, SENT) && kept_in_order(beside, 10));
	CHECK(counter_now(&counters->event_ring_full) == 0);
	CHECK(counter_now(&counters->slab_empty) == 0);
	release_kept(0);
	manual_close(&app, busy);
	manual_close(&app, other);
	end();
}

#define BODY (6u << 20)

static void push_body(struct client *client, uint64_t *sent)
{
	static uint8_t body[16384];
	uint64_t code = 0;
	while (*sent < BODY) {
		const size_t length = BODY - *sent < sizeof(body) ? BODY - *sent : sizeof(body);
		for (size_t i = 0; i < length; i++)
			body[i] = (uint8_t)((*sent + i) * 31 >> 3);
		const ssize_t taken = qd_stream_send_copy(client->quiche, 0, body, length,
							  *sent + length == BODY, &code);
		if (taken <= 0)
			return;
		*sent += (uint64_t)taken;
	}
}

/* Bytes of stream 0 in kept events from |from| on; false: not those that were sent. */
static bool body_of_kept(uint32_t from, uint64_t *at, bool *fin)
{
	bool right = true;
	for (uint32_t i = from; i < event_count; i++) {
		if (events[i].stream_id != 0)
			continue;
		const uint8_t *bytes = events[i].buffer == QUICD_NONE
					       ? NULL
					       : quicd_slab_at(engine->slabs[0], events[i].buffer);
		for (uint32_t b = 0; b < events[i].length; b++)
			right = right && bytes[b] == (uint8_t)((*at)++ * 31 >> 3);
		*fin = *fin || events[i].flags & QUICD_FLAG_FIN;
	}
	return right;
}

static void chunks_of_a_stream(void)
{
	enum { BOUND = 256 };
	struct client *client = &clients[0];
	struct quicd_options options = many_streams();
	options.connection_window_bytes = 16 << 20;
	options.stream_chunks = BOUND;
	uint64_t sent = 0, at = 0;
	bool fin = false;
	begin(options);
	connect_client(client);
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	for (keep_events(); event_count < BOUND && client_now_ns() < deadline; keep_events()) {
		push_body(client, &sent);
		client_turn(client, 1);
	}
	for (int i = 0; i < 50; i++) {
		push_body(client, &sent);
		client_turn(client, 1);
	}
	keep_events();
	CHECK(event_count == BOUND && counter_now(&counters->chunks_live) == BOUND);
	/* Another stream of the same connection is read on. */
	send_stream(client, 0);
	CHECK(keep_until(client, BOUND + 1) && events[BOUND].stream_id == 2);
	CHECK(body_of_kept(0, &at, &fin) && at < BODY && !fin);
	const uint64_t at_limit = at;
	release_kept(0);
	while (!fin && client_now_ns() < deadline) {
		const uint32_t from = event_count = 0;
		push_body(client, &sent);
		client_turn(client, 1);
		keep_events();
		CHECK(body_of_kept(from, &at, &fin));
		release_kept(from);
	}
	printf("%llu bytes in %d chunks, then %llu of %u\n", (unsigned long long)at_limit, BOUND,
	       (unsigned long long)at, BODY);
	CHECK(fin && at == BODY);
	manual_close(&app, client);
	end();
}

/* Of each of |count| connections: CONNECTED, CLOSING, CLOSED, once and in that order. */
static bool lives_are_whole(uint32_t but, uint32_t count)
{
	uint32_t stage[512] = {0}, whole = 0;
	static const uint32_t ORDER[] = {QUICD_EVENT_CONNECTED, QUICD_EVENT_CLOSING,
					 QUICD_EVENT_CLOSED};
	for (uint32_t i = 0; i < event_count; i++) {
		const struct quicd_event *event = &events[i];
		if (event->connection == but)
			continue;
		uint32_t *now = &stage[event->connection];
		if (*now >= 3 || event->kind != ORDER[*now])
			return false;
		whole += ++*now == 3;
	}
	return whole == count;
}

static void the_reserve_for_lifecycle(void)
{
	/* 75 notices are more than the 64 places: those left are bits in their connections. */
	enum { CAPACITY = 256, DATA = CAPACITY - QUICD_RING_RESERVE, SENT = 400, OTHERS = 25 };
	struct client *busy = &clients[0];
	struct quicd_options options = many_streams();
	options.ring_capacity = CAPACITY;
	begin(options);
	const uint32_t connection = connect_client(busy);
	for (uint32_t n = 0; n < SENT; n++)
		send_stream(busy, n);
	CHECK(ready_stays(busy, DATA));
	CHECK(counter_now(&counters->event_ring_full) > 0);
	for (uint32_t i = 1; i <= OTHERS; i++) {
		struct client *client = &clients[i];
		client_open(client, engine->port);
		CHECK(client_handshake(client));
		/* The first one's whole life goes by the data that waits. */
		if (i == 1)
			CHECK(ready_stays(client, DATA + 1));
		client_close(client);
		if (i == 1)
			CHECK(ready_stays(busy, DATA + 3));
	}
	CHECK(ready_stays(busy, CAPACITY));
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (!lives_are_whole(connection, OTHERS) && client_now_ns() < deadline) {
		keep_events();
		client_turn(busy, 1);
	}
	CHECK(keep_until(busy, SENT + 3 * OTHERS));
	CHECK(kept_in_order(connection, SENT) && lives_are_whole(connection, OTHERS));
	for (uint32_t i = 0; i < 3; i++)
		CHECK(events[DATA + i].connection != connection);
	release_kept(0);
	manual_close(&app, busy);
	end();
}

/* Until the server has taken in all that |client| has sent, and made of it what it can. */
static void settle_sent(struct client *client)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	struct qd_stats stats;
	do {
		client_turn(client, 1);
		qd_get_stats(client->quiche, &stats);
	} while (stats.in_flight_bytes > 0 && client_now_ns() < deadline);
	CHECK(stats.in_flight_bytes == 0);
	engine_settle(engine);
}

/* Streams of |client| until there is no chunk for one; how many it sent. */
static uint32_t send_until_no_chunk(struct client *client)
{
	enum { STEP = 64 };
	for (uint32_t n = 0; n < 4096;) {
		const uint64_t wanted = counter_now(&counters->chunks_live) + STEP;
		for (uint32_t i = 0; i < STEP; i++)
			send_stream(client, n++);
		settle_sent(client);
		keep_events();
		if (counter_now(&counters->chunks_live) < wanted)
			return n;
	}
	REQUIRE(!"a chunk for everything");
	return 0;
}

/* Connects without letting go of what others have. */
static uint32_t connect_beside(struct client *client)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	uint32_t looked = event_count;
	client_open(client, engine->port);
	REQUIRE(client_handshake(client));
	while (client_now_ns() < deadline) {
		for (keep_events(); looked < event_count; looked++)
			if (events[looked].kind == QUICD_EVENT_CONNECTED)
				return events[looked].connection;
		client_turn(client, 1);
	}
	REQUIRE(!"no CONNECTED");
	return QUICD_NONE;
}

/* |event| is of the stream that is next for its connection, of which |got| were seen. */
static bool is_next(const struct quicd_event *event, const uint32_t *connections, uint32_t count,
		    uint32_t *got)
{
	uint32_t n = 0, who = 0;
	while (who + 1 < count && connections[who] != event->connection)
		who++;
	memcpy(&n, quicd_slab_at(engine->slabs[0], event->buffer), sizeof(n));
	return connections[who] == event->connection && n == got[who]++ &&
	       event->stream_id == 2 + 4 * (uint64_t)n;
}

static void the_slab_of_a_worker(void)
{
	uint32_t connections[MOST_CLIENTS], sent[MOST_CLIENTS], count = 0, all = 0;
	begin(many_streams());
	for (; counter_now(&counters->chunks_live) < SLAB_BUFFERS && count < MOST_CLIENTS;
	     count++) {
		connections[count] = connect_beside(&clients[count]);
		sent[count] = send_until_no_chunk(&clients[count]);
		/* Alone, it got half of what was there: there is something left for the next. */
		if (count == 0)
			CHECK(counter_now(&counters->chunks_live) ==
			      QUICD_WORKER_SMALL_BUFFERS / 2 + 1);
		all += sent[count];
	}
	CHECK(counter_now(&counters->chunks_live) == SLAB_BUFFERS);
	CHECK(counter_now(&counters->slab_empty) > 0);
	keep_events();
	CHECK(event_count == count + SLAB_BUFFERS);
	printf("%u connections hold all %u chunks, %u of %u streams wait\n", count, SLAB_BUFFERS,
	       all - SLAB_BUFFERS, all);
	uint32_t got[MOST_CLIENTS] = {0}, total = 0;
	bool right = true;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	for (;;) {
		for (uint32_t i = 0; i < event_count; i++)
			if (events[i].kind == QUICD_EVENT_STREAM_DATA && ++total)
				right = right && is_next(&events[i], connections, count, got);
		release_kept(0);
		event_count = 0;
		if (total >= all || client_now_ns() > deadline)
			break;
		for (uint32_t i = 0; i < count; i++)
			client_turn(&clients[i], 0);
		keep_events();
	}
	printf("%u of %u streams came\n", total, all);
	CHECK(right && total == all);
	for (uint32_t i = 0; i < count; i++)
		CHECK(got[i] == sent[i]);
	for (uint32_t i = 0; i < count; i++)
		client_close(&clients[i]);
	end();
}

static void the_command_ring(void)
{
	enum { CAPACITY = 128, MOST = 4000 };
	struct quicd_event event;
	struct qd_config_options mine = client_options();
	struct quicd_options options = many_streams();
	options.ring_capacity = CAPACITY;
	mine.initial_max_streams_uni = MOST;
	begin(options);
	manual_connect(&app, &clients[0], &mine);
	turn_for(&clients[0], 50);
	const struct quicd_app_view *view = engine->apps[0].view;
	CHECK(view->command_ring_full == 0);
	/* Nobody is kicked: but a timer may wake the worker, and then it takes more to fill it. */
	struct quicd_command command = {.kind = QUICD_COMMAND_OPEN,
					.flags = QUICD_FLAG_UNIDIRECTIONAL,
					.buffer = QUICD_NONE,
					.request_id = 1};
	while (command.request_id < MOST / 2 && manual_try_post(&app, command))
		command.request_id++;
	CHECK(command.request_id > CAPACITY && view->command_ring_full == 1);
	CHECK(!manual_try_post(&app, command) || command.request_id++ > 0);
	quicd_kick(app.handle, 0);
	uint32_t told = 0;
	const uint32_t asked = command.request_id + 10;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (told + 1 < asked && client_now_ns() < deadline) {
		client_turn(&clients[0], 1);
		while (command.request_id < asked && manual_try_post(&app, command))
			command.request_id++;
		quicd_kick(app.handle, 0);
		while (manual_event(&app, &event))
			if (event.kind == QUICD_EVENT_STREAM_OPENED)
				CHECK(event.request_id == ++told);
	}
	CHECK(told + 1 == asked);
	manual_close(&app, &clients[0]);
	end();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("1024 undelivered events of a connection", events_of_a_connection);
	check_case("256 chunks of a stream", chunks_of_a_stream);
	check_case("64 places of a ring are for lifecycle alone", the_reserve_for_lifecycle);
	check_case("a worker's slab without a free chunk", the_slab_of_a_worker);
	check_case("a full command ring", the_command_ring);
	return check_finish();
}
