/*
 * datagram_test.c - what becomes of a datagram (RFC 9221), by request id: sent, dropped as the
 * oldest of a full queue, too large, refused by a peer without the extension. With a real peer.
 */
#include <pthread.h>
#include "manual_app.h"
#include "server_options.h"

#define QUEUE 16u

static struct quicd_engine *engine;
static struct manual_app app;
static struct client client;

static void begin(const struct qd_config_options *mine)
{
	char error[256] = "";
	struct quicd_options options = default_options(1);
	options.datagram_queue = QUEUE;
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	manual_attach(&app, engine);
	manual_connect(&app, &client, mine);
}

static void end(void)
{
	manual_close(&app, &client);
	manual_detach(&app);
	quicd_engine_stop(engine);
}

__attribute__((no_sanitize("thread"))) static uint32_t shown_max(void)
{
	return engine->workers[0].connection_views[app.connection].datagram_max_bytes;
}

/* A datagram of |bytes|, all of them |request_id|. */
static void send_datagram(uint32_t request_id, uint32_t bytes, uint32_t flags)
{
	const uint32_t buffer = quicd_buffer_take(
		app.handle, bytes > QUICD_SMALL_BUFFER_BYTES ? QUICD_BUFFER_LARGE
							      : QUICD_BUFFER_SMALL);
	REQUIRE(buffer != QUICD_NONE);
	struct quicd_slab *slab = engine->slabs[engine->options.workers];
	memset(quicd_slab_at(slab, buffer), (int)request_id, bytes);
	REQUIRE(manual_try_post(&app, (struct quicd_command){.kind = QUICD_COMMAND_DATAGRAM,
							     .flags = flags,
							     .slab = slab->id,
							     .buffer = buffer,
							     .length = bytes,
							     .request_id = request_id}));
}

static void expect(uint32_t request_id, enum quicd_refusal outcome)
{
	struct quicd_event event;
	CHECK(manual_wait(&app, &client, QUICD_EVENT_DATAGRAM_OUTCOME, &event));
	CHECK(event.request_id == request_id && event.error_code == outcome);
}

/* How many came by now; the first byte of the last one in |last|. */
static uint32_t received(uint8_t *last)
{
	uint8_t bytes[2048];
	uint32_t count = 0;
	while (qd_datagram_recv(client.quiche, bytes, sizeof(bytes)) > 0) {
		*last = bytes[0];
		count++;
	}
	return count;
}

static void sent_is_told_on_request_only(void)
{
	const struct qd_config_options mine = client_options();
	uint8_t last = 0;
	begin(&mine);
	CHECK(shown_max() > 1200);
	send_datagram(1, 100, 0);
	send_datagram(2, 100, QUICD_FLAG_ANSWER);
	send_datagram(3, shown_max(), QUICD_FLAG_ANSWER);
	quicd_kick(app.handle, 0);
	expect(2, QUICD_OK);
	expect(3, QUICD_OK);
	uint32_t count = 0;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while ((count += received(&last)) < 3 && client_now_ns() < deadline)
		client_turn(&client, 1);
	CHECK(count == 3 && last == 3);
	end();
}

static void oversized_is_refused_alone(void)
{
	const struct qd_config_options mine = client_options();
	begin(&mine);
	send_datagram(1, shown_max() + 1, QUICD_FLAG_ANSWER);
	send_datagram(2, shown_max(), QUICD_FLAG_ANSWER);
	quicd_kick(app.handle, 0);
	expect(1, QUICD_REFUSED_TOO_LARGE);
	expect(2, QUICD_OK);
	end();
}

/*
 * More than the congestion window and the queue hold, in one batch of commands: the first ones and
 * the last ones arrive, those in the middle were dropped, oldest first, and each is told once.
 */
static uint32_t dropped_of_a_batch(void)
{
	enum { ALL = 200 };
	const struct qd_config_options mine = client_options();
	uint32_t outcomes[2] = {0, 0}, last_dropped = 0, last_told = 0;
	begin(&mine);
	/* The worker takes commands of a ring as one batch, once it is kicked. */
	for (uint32_t i = 1; i <= ALL; i++)
		send_datagram(i, 1000, QUICD_FLAG_ANSWER);
	quicd_kick(app.handle, 0);
	for (uint32_t i = 1; i <= ALL; i++) {
		struct quicd_event event;
		REQUIRE(manual_wait(&app, &client, QUICD_EVENT_DATAGRAM_OUTCOME, &event));
		const bool dropped = event.error_code == QUICD_REFUSED_DROPPED;
		CHECK(dropped || event.error_code == QUICD_OK);
		CHECK(event.request_id == last_told + 1); /* in the order of the queue */
		last_told = event.request_id;
		outcomes[dropped]++;
		if (dropped)
			last_dropped = event.request_id;
	}
	CHECK(outcomes[0] >= QUEUE);
	CHECK(last_dropped <= ALL - QUEUE);
	CHECK(counter_now(&engine->workers[0].counters->datagrams_send_dropped) == outcomes[1]);
	uint8_t last = 0;
	uint32_t count = 0;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while ((count += received(&last)) < outcomes[0] && client_now_ns() < deadline)
		client_turn(&client, 1);
	printf("of %u datagrams at once, %u sent, %u dropped\n", ALL, outcomes[0], outcomes[1]);
	CHECK(count == outcomes[0] && last == (uint8_t)ALL);
	end();
	return outcomes[1];
}

/* A worker that happens to be awake takes them one by one, and drops none: once more, then. */
static void a_full_queue_drops_the_oldest(void)
{
	uint32_t dropped = 0;
	for (int tries = 0; tries < 20 && dropped == 0; tries++)
		dropped = dropped_of_a_batch();
	CHECK(dropped > 0);
}

static void a_peer_without_the_extension(void)
{
	struct qd_config_options mine = client_options();
	mine.datagram_receive_queue = mine.datagram_send_queue = 0;
	begin(&mine);
	CHECK(shown_max() == 0);
	send_datagram(1, 100, QUICD_FLAG_ANSWER);
	quicd_kick(app.handle, 0);
	expect(1, QUICD_REFUSED_UNSUPPORTED);
	end();
}

static void all_acknowledged(void)
{
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	struct qd_stats stats;
	do {
		client_turn(&client, 1);
		qd_get_stats(client.quiche, &stats);
	} while ((stats.in_flight_bytes > 0 || qd_datagram_send_queue(client.quiche) > 0) &&
		 client_now_ns() < deadline);
	CHECK(stats.in_flight_bytes == 0);
}

/*
 * The application does not read its events: the newest wait, the oldest fell out, and are
 * counted.
 */
static void received_ones_wait_oldest_dropped(void)
{
	enum { ALL = 400 };
	const struct qd_config_options mine = client_options();
	const uint32_t events = 128; /* connection_events: those in the ring are safe */
	begin(&mine);
	for (uint32_t i = 1; i <= ALL; i++) {
		const uint8_t bytes[4] = {(uint8_t)i, (uint8_t)(i >> 8)};
		CHECK(qd_datagram_send_copy(client.quiche, bytes, sizeof(bytes)) == 0);
		all_acknowledged();
	}
	struct quicd_event event;
	uint32_t count = 0, last = 0, gaps = 0;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (last < ALL && client_now_ns() < deadline) {
		if (!manual_event(&app, &event)) {
			client_turn(&client, 1);
			continue;
		}
		if (event.kind != QUICD_EVENT_DATAGRAM)
			continue;
		const uint8_t *bytes = quicd_slab_at(engine->slabs[0], event.buffer);
		const uint32_t number = bytes[0] | (uint32_t)bytes[1] << 8;
		CHECK(number > last);
		gaps += number - last - 1;
		last = number;
		count++;
		manual_release(&app, &event);
	}
	printf("of %u datagrams to a slow application, %u delivered, %u dropped\n", ALL, count,
	       gaps);
	CHECK(last == ALL && count + gaps == ALL);
	CHECK(count >= events && count <= events + QUEUE);
	CHECK(gaps > 0);
	end();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("sent: told on request only", sent_is_told_on_request_only);
	check_case("oversized: refused alone", oversized_is_refused_alone);
	check_case("a full send queue drops the oldest", a_full_queue_drops_the_oldest);
	check_case("a peer without the extension", a_peer_without_the_extension);
	check_case("a slow application loses the oldest received",
		   received_ones_wait_oldest_dropped);
	return check_finish();
}
