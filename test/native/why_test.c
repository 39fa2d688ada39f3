/*
 * why_test.c - what a connection is said to wait for: the table over all its rows, then each cause
 * brought about for real, with the worker asked from outside.
 */
#include <stdlib.h>
#include "check.h"
#include "client.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"
#include "why.h"

static struct quicd_engine *engine;
static struct echo_app *app;
static struct client client;

static const char *const NAMES[QUICD_CAUSE_COUNT] = {
	"closing", "amplification", "handshake", "peer window", "peer stream window", "ring",
	"events", "chunks", "slab", "send buffers", "congestion", "pacing", "sending", "unread",
	"answer", "acknowledgement", "idle",
};

static void start(const struct quicd_options *options)
{
	char error[512] = "";
	engine = quicd_engine_start(options, error, sizeof(error));
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

static void connect_as(const struct qd_config_options *options)
{
	memset(&client, 0, sizeof(client));
	client.fd = client_socket(engine->port, &client.local);
	client.peer = (struct qd_address){
		.family = 4, .port = engine->port, .ip = { 127, 0, 0, 1 }};
	client_connect_as(&client, options);
}

/* The only connection there is, or none. */
static bool ask(struct quicd_why_answer *answer)
{
	struct quicd_worker *worker = &engine->workers[0];
	REQUIRE(quicd_why_ask(worker, 0, 0, QUICD_WHY_ANSWERS));
	/* One at a time. */
	CHECK(!quicd_why_ask(worker, 0, 0, 1));
	for (int tries = 0; tries < 20000 && !quicd_why_answered(worker); tries++)
		usleep(1000);
	REQUIRE(quicd_why_answered(worker));
	const bool found = worker->why.count > 0;
	CHECK(worker->why.count <= 1 && worker->why.next == QUICD_NONE);
	*answer = worker->why.answers[0];
	quicd_why_done(worker);
	return found;
}

/* Until |cause| is the verdict; |turning|: the client goes on, but reads nothing. */
static bool waits_for(enum quicd_cause cause, bool turning, struct quicd_why_answer *answer)
{
	const uint64_t deadline = client_now_ns() + 20000000000ull;
	uint64_t last = QUICD_CAUSE_COUNT;
	while (client_now_ns() < deadline) {
		if (turning)
			client_turn(&client, 2);
		else
			usleep(2000);
		if (!ask(answer))
			continue;
		CHECK(answer->why.causes >> answer->why.cause & 1);
		if (answer->why.cause == cause)
			return true;
		last = answer->why.cause;
	}
	fprintf(stderr, "not %s but %s\n", NAMES[cause],
		last < QUICD_CAUSE_COUNT ? NAMES[last] : "nothing");
	return false;
}

/* As much as the peer and quiche take now. */
static uint64_t write_all(uint64_t stream, uint64_t bytes, bool fin)
{
	static uint8_t zeros[65536];
	uint64_t sent = 0, error_code = 0;
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (sent < bytes && client_now_ns() < deadline) {
		const uint64_t left = bytes - sent;
		const size_t length = left < sizeof(zeros) ? left : sizeof(zeros);
		const ssize_t taken = qd_stream_send_copy(client.quiche, stream, zeros, length,
							  fin && length == left, &error_code);
		if (taken > 0)
			sent += (uint64_t)taken;
		else if (taken < 0 && taken != QD_DONE)
			break;
		client_turn(&client, 1);
	}
	return sent;
}

/* What holds while an established connection does nothing. */
static struct quicd_why quiet(void)
{
	return (struct quicd_why){
		.state = QUICD_STATE_ESTABLISHED,
		.congestion_left_bytes = 13500,
		.amplification_left_bytes = UINT64_MAX,
		.peer_data_left_bytes = 100000,
		.packet_bytes = 1200,
		.events_max = 16,
		.stream_chunks_max = 4,
		.ring_room = 1024,
		.ring_capacity = 1024,
		.buffers_free = 1000,
		.send_buffer = 1,
	};
}

#define BIT(cause) (1u << QUICD_CAUSE_##cause)

static void the_table(void)
{
	struct quicd_why why = quiet();
	CHECK(quicd_why_causes(&why) == BIT(IDLE));
	why.in_flight_bytes = 1;
	CHECK(quicd_why_causes(&why) == BIT(ACKNOWLEDGEMENT));
	why.streams_unanswered = 1;
	CHECK(quicd_why_causes(&why) == (BIT(ANSWER) | BIT(ACKNOWLEDGEMENT)));

	why = quiet();
	why.queued_bytes = 1;
	why.streams_queued = 1;
	CHECK(quicd_why_causes(&why) == BIT(SENDING));
	why.pacing_us = 1;
	CHECK(quicd_why_causes(&why) == (BIT(PACING) | BIT(SENDING)));
	why.congestion_left_bytes = 1199;
	CHECK(quicd_why_causes(&why) == (BIT(CONGESTION) | BIT(PACING) | BIT(SENDING)));
	why.send_buffer = 0;
	CHECK(quicd_why_causes(&why) & BIT(SEND_BUFFERS));

	why = quiet();
	why.queued_bytes = 1;
	why.streams_queued = why.streams_blocked = 1;
	CHECK(quicd_why_causes(&why) == BIT(PEER_STREAM_WINDOW));
	why.peer_data_left_bytes = 0;
	CHECK(quicd_why_causes(&why) == (BIT(PEER_WINDOW) | BIT(PEER_STREAM_WINDOW)));
	why.streams_queued = 2;
	CHECK(quicd_why_causes(&why) & BIT(SENDING));
	/* A full window is no reason while there is nothing to send. */
	why = quiet();
	why.peer_data_left_bytes = why.congestion_left_bytes = 0;
	why.pacing_us = 5;
	why.send_buffer = 0;
	CHECK(quicd_why_causes(&why) == BIT(IDLE));

	why = quiet();
	why.events_out = 15;
	CHECK(quicd_why_causes(&why) == BIT(UNREAD));
	why.events_out = 16;
	CHECK(quicd_why_causes(&why) == (BIT(EVENTS) | BIT(UNREAD)));
	why.events_out = 1;
	why.delivery_waits = 1;
	CHECK(quicd_why_causes(&why) == BIT(UNREAD));
	why.ring_room = QUICD_RING_RESERVE;
	CHECK(quicd_why_causes(&why) == (BIT(RING) | BIT(UNREAD)));
	why.ring_room = 1024;
	why.chunks_out = 1001;
	CHECK(quicd_why_causes(&why) == (BIT(SLAB) | BIT(UNREAD)));
	why.streams_paused = 1;
	CHECK(quicd_why_causes(&why) == (BIT(CHUNKS) | BIT(SLAB) | BIT(UNREAD)));
}

static void the_states(void)
{
	static const struct {
		enum quicd_connection_state state;
		uint32_t causes, unproved;
	} ROWS[] = {
		{QUICD_STATE_FREE, BIT(CLOSING), BIT(CLOSING)},
		{QUICD_STATE_INITIAL, BIT(HANDSHAKE), BIT(HANDSHAKE) | BIT(AMPLIFICATION)},
		{QUICD_STATE_HANDSHAKING, BIT(HANDSHAKE), BIT(HANDSHAKE) | BIT(AMPLIFICATION)},
		{QUICD_STATE_EARLY, BIT(HANDSHAKE) | BIT(ACKNOWLEDGEMENT),
		 BIT(HANDSHAKE) | BIT(ACKNOWLEDGEMENT) | BIT(AMPLIFICATION)},
		{QUICD_STATE_ESTABLISHED, BIT(ACKNOWLEDGEMENT),
		 BIT(ACKNOWLEDGEMENT) | BIT(AMPLIFICATION)},
		{QUICD_STATE_DRAINING, BIT(CLOSING), BIT(CLOSING)},
		{QUICD_STATE_CLOSED, BIT(CLOSING), BIT(CLOSING)},
	};
	static_assert(sizeof(ROWS) / sizeof(ROWS[0]) == QUICD_STATE_COUNT, "every state");
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct quicd_why why = quiet();
		why.state = ROWS[i].state;
		why.in_flight_bytes = 1;
		CHECK(quicd_why_causes(&why) == ROWS[i].causes);
		why.amplification_left_bytes = 1199;
		CHECK(quicd_why_causes(&why) == ROWS[i].unproved);
	}
}

/* Fewer bytes than a peer that shows no life may be sent (RFC 9000 §8.1). */
static void a_handshake_that_stops(void)
{
	struct quicd_why_answer answer;
	struct qd_config_options options = client_options();
	struct quicd_options server = default_options(1);
	server.handshake_timeout_ms = 60000;
	start(&server);
	connect_as(&options);
	client_turn(&client, 0);
	CHECK(waits_for(QUICD_CAUSE_HANDSHAKE, false, &answer));
	CHECK(answer.why.amplification_left_bytes < UINT64_MAX && answer.why.client == 0);
	client_close(&client);
	stop();

	/* A chain of certificates that is longer than what may be sent. */
	enum { COPIES = 24 };
	char *chain = malloc(COPIES * sizeof(TEST_CERTIFICATE));
	REQUIRE(chain != NULL);
	chain[0] = 0;
	for (int i = 0; i < COPIES; i++)
		strcat(chain, TEST_CERTIFICATE);
	server.certificate_pem = chain;
	server.certificate_pem_bytes = strlen(chain);
	start(&server);
	connect_as(&options);
	client_turn(&client, 0);
	CHECK(waits_for(QUICD_CAUSE_AMPLIFICATION, false, &answer));
	CHECK(answer.why.amplification_left_bytes < 1200);
	CHECK(answer.why.causes & BIT(HANDSHAKE));
	client_close(&client);
	stop();
	free(chain);
}

static void the_peers_windows(void)
{
	struct quicd_why_answer answer;
	const struct quicd_options server = default_options(1);
	struct qd_config_options options = client_options();
	options.initial_max_stream_data_bidi_local = options.max_stream_window = 20000;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	CHECK(waits_for(QUICD_CAUSE_IDLE, true, &answer));
	CHECK(write_all(0, 100000, false) == 100000);
	CHECK(waits_for(QUICD_CAUSE_PEER_STREAM_WINDOW, true, &answer));
	CHECK(answer.why.streams_blocked == 1 && answer.why.stream_count == 1);
	CHECK(answer.streams[0].stream_id == 0 && answer.streams[0].window_bytes == 0);
	CHECK(answer.streams[0].queued_bytes > 0 && answer.why.peer_data_left_bytes > 0);
	client_close(&client);
	stop();

	options = client_options();
	options.initial_max_data = options.max_connection_window = 20000;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	CHECK(write_all(0, 100000, false) == 100000);
	CHECK(waits_for(QUICD_CAUSE_PEER_WINDOW, true, &answer));
	CHECK(answer.why.peer_data_left_bytes == 0 && answer.streams[0].window_bytes > 0);
	client_close(&client);
	/* Three round trips of a probe timeout, so it may be over before it is seen. */
	for (bool there = true; there;) {
		there = ask(&answer);
		if (there && answer.why.state == QUICD_STATE_DRAINING)
			CHECK(answer.why.cause == QUICD_CAUSE_CLOSING);
	}
	stop();
}

/* The application takes nothing, or takes and keeps. */
static void an_application_that_does_not_read(void)
{
	struct quicd_why_answer answer;
	const struct qd_config_options options = client_options();
	struct quicd_options server = default_options(1);
	server.stream_chunks = 4;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	CHECK(write_all(0, 100, false) == 100);
	CHECK(waits_for(QUICD_CAUSE_UNREAD, true, &answer));
	write_all(0, 300000, false);
	CHECK(waits_for(QUICD_CAUSE_CHUNKS, true, &answer));
	CHECK(answer.why.streams_paused == 1 && answer.streams[0].chunks == 4);
	client_close(&client);
	stop();

	server = default_options(1);
	server.connection_events = 20;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	for (uint64_t stream = 0; stream < 30 * 4; stream += 4)
		CHECK(write_all(stream, 10, true) == 10);
	CHECK(waits_for(QUICD_CAUSE_EVENTS, true, &answer));
	CHECK(answer.why.events_out == 20 && answer.why.streams_readable > 0);
	client_close(&client);
	stop();
}

static void a_full_ring_and_an_empty_slab(void)
{
	struct quicd_why_answer answer;
	struct qd_config_options options = client_options();
	struct quicd_options server = default_options(1);
	server.ring_capacity = 256;
	server.connection_events = 1024;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	for (int i = 0; i < 300; i++) {
		qd_datagram_send_copy(client.quiche, (const uint8_t *)"datagram", 8);
		client_turn(&client, 0);
	}
	CHECK(waits_for(QUICD_CAUSE_RING, true, &answer));
	CHECK(answer.why.ring_room == QUICD_RING_RESERVE && answer.why.delivery_waits);
	client_close(&client);
	stop();

	server = default_options(1);
	server.ring_capacity = 16384;
	server.connection_events = server.stream_chunks = 8192;
	server.stream_window_bytes = server.connection_window_bytes = 64 << 20;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	write_all(0, 24 << 20, false);
	CHECK(waits_for(QUICD_CAUSE_SLAB, true, &answer));
	CHECK(answer.why.chunks_out > answer.why.buffers_free);
	client_close(&client);
	stop();
}

/* The client shows no more life: what the window lets out is sent, no more. */
static void a_silent_peer(void)
{
	struct quicd_why_answer answer;
	const struct qd_config_options options = client_options();
	const struct quicd_options server = default_options(1);
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	CHECK(write_all(0, 2000, false) == 2000);
	CHECK(waits_for(QUICD_CAUSE_UNREAD, true, &answer));
	atomic_store(&app->hold, false);
	CHECK(waits_for(QUICD_CAUSE_ACKNOWLEDGEMENT, false, &answer));
	CHECK(answer.why.in_flight_bytes >= 2000 && answer.why.queued_bytes == 0);
	atomic_store(&app->hold, true);
	CHECK(write_all(0, 100000, false) == 100000);
	CHECK(waits_for(QUICD_CAUSE_UNREAD, true, &answer));
	atomic_store(&app->hold, false);
	CHECK(waits_for(QUICD_CAUSE_CONGESTION, false, &answer));
	CHECK(answer.why.congestion_left_bytes < answer.why.packet_bytes);
	CHECK(answer.why.in_flight_bytes > 10000 && answer.why.queued_bytes > 10000);
	client_close(&client);
	stop();
}

/* A round trip of some 20 ms: what BBR2 sends is spread over it. */
static void a_paced_connection(void)
{
	struct quicd_why_answer answer;
	const struct qd_config_options options = client_options();
	struct quicd_options server = default_options(1);
	server.congestion = QD_BBR2;
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	CHECK(write_all(0, 1000000, false) == 1000000);
	atomic_store(&app->hold, false);
	bool seen = false;
	const uint64_t deadline = client_now_ns() + 20000000000ull;
	uint64_t turn_ns = 0;
	while (!seen && client_now_ns() < deadline) {
		if (client_now_ns() >= turn_ns) {
			client_turn(&client, 0);
			turn_ns = client_now_ns() + 20000000;
		}
		seen = ask(&answer) && answer.why.cause == QUICD_CAUSE_PACING;
	}
	CHECK(seen && answer.why.pacing_us > 0 && answer.why.congestion_left_bytes > 1200);
	client_close(&client);
	stop();
}

/* For the connection it is the same whether the kernel has all buffers or there is no socket. */
static void a_worker_without_a_socket(void)
{
	struct quicd_why_answer answer;
	const struct qd_config_options options = client_options();
	const struct quicd_options server = default_options(1);
	start(&server);
	connect_as(&options);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	CHECK(write_all(0, 100000, false) == 100000);
	CHECK(waits_for(QUICD_CAUSE_UNREAD, true, &answer));
	quicd_net_fail(&engine->workers[0], 100);
	quicd_worker_kick(&engine->workers[0]);
	usleep(50000);
	atomic_store(&app->hold, false);
	CHECK(waits_for(QUICD_CAUSE_SEND_BUFFERS, false, &answer));
	client_close(&client);
	stop();
}

/* More than one answer holds, and one by generation. */
static void many_connections(void)
{
	enum { CLIENTS = 70 };
	static struct client clients[CLIENTS];
	const struct quicd_options server = default_options(1);
	start(&server);
	for (int i = 0; i < CLIENTS; i++) {
		memset(&clients[i], 0, sizeof(clients[i]));
		client_open(&clients[i], engine->port);
		CHECK(client_handshake(&clients[i]));
		client_turn(&clients[i], 0); /* its last flight */
	}
	struct quicd_worker *worker = &engine->workers[0];
	uint32_t first = 0, seen = 0, generation = 0;
	while (first != QUICD_NONE) {
		REQUIRE(quicd_why_ask(worker, first, 0, 1000));
		while (!quicd_why_answered(worker))
			usleep(1000);
		CHECK(worker->why.count <= QUICD_WHY_ANSWERS);
		seen += worker->why.count;
		generation = (uint32_t)worker->why.answers[0].why.generation;
		first = worker->why.next;
		quicd_why_done(worker);
	}
	CHECK(seen == CLIENTS);
	for (uint32_t wrong = 0; wrong < 2; wrong++) {
		REQUIRE(quicd_why_ask(worker, 3, generation + wrong, 1000));
		while (!quicd_why_answered(worker))
			usleep(1000);
		CHECK(worker->why.count == 1 - wrong);
		quicd_why_done(worker);
	}
	for (int i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("the table", the_table);
	check_case("the states", the_states);
	check_case("a handshake that stops", a_handshake_that_stops);
	check_case("the peer's windows", the_peers_windows);
	check_case("an application that does not read", an_application_that_does_not_read);
	check_case("a full ring and an empty slab", a_full_ring_and_an_empty_slab);
	check_case("a silent peer", a_silent_peer);
	check_case("a paced connection", a_paced_connection);
	check_case("a worker without a socket", a_worker_without_a_socket);
	check_case("many connections", many_connections);
	return check_finish();
}
