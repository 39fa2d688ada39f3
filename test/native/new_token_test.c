/*
 * new_token_test.c - tokens that the server gives for next time (RFC 9000 §8.1.3), and what it does
 * under load: Retry by half-open connections, by network and by handshakes a second.
 */
#include <stdlib.h>
#include "alloc.h"
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"
#include "session.h"
#include "tickets.h"

static struct quicd_engine *engine;
static struct echo_app *app;

static void start_with(const struct quicd_options *options)
{
	char error[512] = "";
	engine = quicd_engine_start(options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	app = echo_start(engine);
}

static struct quicd_options options_of(enum quicd_retry retry, uint32_t workers)
{
	struct quicd_options options = default_options(workers);
	options.retry = retry;
	options.has_secret = true;
	memset(options.secret, 3, sizeof(options.secret));
	return options;
}

static void stop(void)
{
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

/* Connects with the session; true if that took a Retry. */
static bool needs_retry(const struct session *session)
{
	struct client client = {0};
	const uint64_t before = TOTAL(engine, retries);
	client_resume(&client, engine->port, session);
	CHECK(client_handshake(&client));
	CHECK(echo_stream(&client, 0, 20000, 0, NULL));
	client_close(&client);
	return TOTAL(engine, retries) != before;
}

static void no_retry_the_second_time(void)
{
	const struct quicd_options options = options_of(QUICD_RETRY_ALWAYS, 4);
	start_with(&options);
	struct session session;
	session_get(&session, engine->port);
	CHECK_SOON(TOTAL(engine, retries) > 0 && TOTAL(engine, new_tokens) == 1);
	/* Each client comes from another port, and so to any worker. */
	CHECK(!needs_retry(&session));
	CHECK_SOON(TOTAL(engine, new_tokens_valid) == 1);
	/* ... but once only, whichever worker sees it. */
	for (int i = 0; i < 8; i++)
		CHECK(needs_retry(&session));
	CHECK_SOON(TOTAL(engine, new_tokens_valid) == 1 && TOTAL(engine, new_tokens_refused) >= 8);
	CHECK_SOON(TOTAL(engine, tokens_invalid) == 0);
	stop();
	/* Another process with the secret takes it too: it cannot know of the first time. */
	start_with(&options);
	CHECK(!needs_retry(&session));
	stop();
	struct quicd_options others = options;
	others.secret[0] ^= 1;
	start_with(&others);
	CHECK(needs_retry(&session));
	CHECK_SOON(TOTAL(engine, new_tokens_valid) == 0 && TOTAL(engine, new_tokens_refused) > 0);
	stop();
}

static void a_day_later_it_is_no_token(void)
{
	const struct quicd_options options = options_of(QUICD_RETRY_ALWAYS, 1);
	start_with(&options);
	struct session session;
	session_get(&session, engine->port);
	atomic_store(&engine->wall_shift_s, QUICD_NEW_TOKEN_SECONDS + 60);
	CHECK(needs_retry(&session));
	CHECK_SOON(TOTAL(engine, new_tokens_refused) > 0);
	stop();
}

/*
 * Three times what came (RFC 9000 §8.1) is not enough for this certificate's flight; proved it
 * is.
 */
static void its_address_counts_as_proved(void)
{
	const struct quicd_options options = options_of(QUICD_RETRY_UNDER_LOAD, 1);
	start_with(&options);
	struct session session;
	session_get(&session, engine->port);
	CHECK_SOON(TOTAL(engine, new_tokens) == 1 && TOTAL(engine, retries) == 0);
	struct client client = {0};
	client_resume(&client, engine->port, &session);
	client_send_flight(&client, NULL);
	CHECK_SOON(TOTAL(engine, new_tokens_valid) == 1);
	client_close(&client);
	stop();
}

/*
 * RFC 9000 §8.1.2 over two processes with one secret: one asks, the other one is told the token. A
 * third one with another secret does not know it.
 */
static void a_retry_of_one_is_taken_by_another(void)
{
	struct quicd_options options = options_of(QUICD_RETRY_ALWAYS, 2);
	for (int same = 1; same >= 0; same--) {
		static uint8_t in[2048], out[2048];
		struct client client = {0};
		struct qd_train train;
		start_with(&options);
		client_open(&client, engine->port);
		const ssize_t first = qd_send_train(client.quiche, out, sizeof(out), 1, &train);
		REQUIRE(first > 0 && send(client.fd, out, (size_t)first, 0) == first);
		struct pollfd wait = {.fd = client.fd, .events = POLLIN};
		REQUIRE(poll(&wait, 1, 5000) == 1);
		const ssize_t bytes = recv(client.fd, in, sizeof(in), 0);
		REQUIRE(bytes > 0);
		qd_recv(client.quiche, in, (size_t)bytes, &client.peer, &client.local);
		const uint16_t port = engine->port;
		stop();
		struct quicd_options other = options;
		other.secret[0] ^= !same;
		other.port = port;
		start_with(&other);
		CHECK(client_handshake(&client) == (same == 1));
		CHECK_SOON(TOTAL(engine, tokens_valid) == (uint64_t)same);
		CHECK_SOON(TOTAL(engine, tokens_invalid) == (uint64_t)!same);
		client_close(&client);
		stop();
	}
}

/* A socket on an address of its own: 127.|network|.|host|. */
static int socket_at(uint32_t network, uint32_t host, struct qd_address *local)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	struct sockaddr_in name = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(127u << 24 | (network & 0xffff) << 8 | (host & 0xff))};
	REQUIRE(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	name.sin_port = htons(engine->port);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	REQUIRE(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	socklen_t size = sizeof(name);
	getsockname(fd, (struct sockaddr *)&name, &size);
	REQUIRE(quicd_address_from((struct sockaddr *)&name, local));
	return fd;
}

static struct qd_config *flood_config;

/* A whole ClientHello that nothing follows; how many datagrams it took. */
static uint32_t half_open(uint32_t network, uint32_t host)
{
	struct client client = {.peer = {.family = 4, .port = engine->port, .ip = {127, 0, 0, 1}}};
	uint8_t out[2048], scid[16];
	struct qd_train train;
	int error = 0;
	ssize_t bytes;
	uint32_t datagrams = 0;
	client.fd = socket_at(network, host, &client.local);
	quicd_random(scid, sizeof(scid));
	client.quiche = qd_connect(flood_config, "localhost", scid, sizeof(scid), &client.local,
				   &client.peer, &error);
	REQUIRE(client.quiche);
	while ((bytes = qd_send_train(client.quiche, out, sizeof(out), 1, &train)) > 0)
		datagrams += send(client.fd, out, (size_t)bytes, 0) == bytes;
	qd_free(client.quiche);
	close(client.fd);
	return datagrams;
}

/* An Initial that only looks like one: DCID |number|, then nothing that opens. */
static void garbage(int fd, uint32_t number)
{
	static uint8_t initial[1200] = {0xc3, 0, 0, 0, 1, 8};
	memcpy(initial + 6, &number, sizeof(number));
	memcpy(initial + 10, &number, sizeof(number));
	initial[14] = 0; /* no SCID, no token, length 1200 - 18 */
	initial[15] = 0;
	initial[16] = 0x44;
	initial[17] = 0x9e;
	while (send(fd, initial, sizeof(initial), 0) < 0)
		usleep(100);
}

static void settle(uint64_t datagrams)
{
	const uint64_t deadline = client_now_ns() + 20000000000ull;
	while (TOTAL(engine, receive_datagrams) < datagrams && client_now_ns() < deadline)
		usleep(1000);
}

static int64_t live_bytes(void)
{
	struct quicd_memory memory;
	quicd_memory_read(&memory);
	return memory.live_bytes;
}

/* How many of |count| clients of one network are let in, asked and dropped. */
struct outcome {
	uint64_t half_open, retried, refused;
};

/* From |networks| of them, the first one |from|. */
static struct outcome flood(uint32_t count, uint32_t from, uint32_t networks)
{
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t before = TOTAL(engine, receive_datagrams);
		settle(before + half_open(from + i % networks, 1 + i / networks % 250));
	}
	engine_settle(engine);
	return (struct outcome){TOTAL(engine, half_open), TOTAL(engine, receive_retried),
				TOTAL(engine, receive_refused)};
}

static void a_network_is_asked_then_dropped(void)
{
	struct quicd_options options = options_of(QUICD_RETRY_UNDER_LOAD, 1);
	options.connections = 4096;
	options.prefix_retry = 10;
	options.prefix_max = 20;
	options.handshake_timeout_ms = 60000; /* what is counted stays */
	start_with(&options);
	struct outcome one = flood(40, 1, 1);
	CHECK(one.half_open == 10 && one.retried >= 30 && one.refused == 0);
	/* Other networks notice nothing. */
	struct outcome many = flood(40, 10, 40);
	CHECK(many.half_open == 50 && many.retried == one.retried);
	CHECK_SOON(TOTAL(engine, load_prefix) == one.retried);
	CHECK_SOON(TOTAL(engine, load_rate) == 0);
	stop();
	/* Without Retry the hard bound is what is left. */
	options.retry = QUICD_RETRY_NEVER;
	start_with(&options);
	one = flood(40, 1, 1);
	CHECK(one.half_open == 20 && one.retried == 0 && one.refused >= 20);
	CHECK_SOON(TOTAL(engine, refused_prefix) == one.refused);
	stop();
	/* When their time is up the network is as good as any. */
	options.handshake_timeout_ms = 1000;
	start_with(&options);
	flood(20, 1, 1);
	CHECK_SOON(TOTAL(engine, accepted) == 20 && TOTAL(engine, half_open) == 0);
	flood(5, 1, 1);
	CHECK_SOON(TOTAL(engine, accepted) == 25);
	CHECK(TOTAL(engine, refused_prefix) == 0);
	stop();
}

/* Row 4 of the table of attacks: whole ClientHellos, each of which would cost a signature. */
static void signatures_are_for_the_proved_under_load(void)
{
	struct quicd_options options = options_of(QUICD_RETRY_UNDER_LOAD, 1);
	options.connections = 1 << 16;
	options.prefix_retry = options.prefix_max = 1 << 16;
	options.handshake_rate = 50;
	start_with(&options);
	const uint64_t began = client_now_ns();
	const struct outcome outcome = flood(600, 1, 200);
	/* Half a second's worth was saved up. */
	const uint64_t most = 2 + 25 + (client_now_ns() - began) * 50 / 1000000000;
	CHECK_SOON(TOTAL(engine, accepted) <= most && outcome.retried + most >= 600);
	CHECK_SOON(TOTAL(engine, load_rate) == outcome.retried);
	printf("  600 ClientHellos in %lu ms: %lu handshakes, %lu Retries\n",
	       (client_now_ns() - began) / 1000000, TOTAL(engine, accepted), outcome.retried);
	/* Who answers gets in. */
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	client_close(&client);
	stop();
}

/* Row 3: 50,000 connection IDs, from few and from many networks, beside a connection that lives. */
static void a_flood_of_ids_keeps_nothing(void)
{
	const struct quicd_options options = options_of(QUICD_RETRY_UNDER_LOAD, 1);
	start_with(&options);
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(echo_stream(&client, 0, 10000, 0, NULL));
	usleep(100000);
	const int64_t before = live_bytes();
	uint64_t stream = 4, longest_ns = 0;
	for (uint32_t i = 0; i < 50000; i += 500) {
		struct qd_address local;
		const int fd = socket_at(i < 25000 ? 7 : 100 + i / 500, 1, &local);
		const uint64_t done = TOTAL(engine, receive_datagrams) + 500;
		for (uint32_t n = 0; n < 500; n++)
			garbage(fd, i + n);
		settle(done - 50);
		close(fd);
		if (i % 5000 != 0)
			continue;
		const uint64_t began = client_now_ns();
		CHECK(echo_stream(&client, stream, 10000, 0, NULL));
		stream += 4;
		if (client_now_ns() - began > longest_ns)
			longest_ns = client_now_ns() - began;
	}
	usleep(100000);
	const int64_t after = live_bytes();
	CHECK_SOON(TOTAL(engine, half_open) == 0);
	CHECK(after < before + (1 << 20));
	printf("  50000 IDs: %lu accepted, %lu Retries, %lu dropped by network; %ld bytes kept; "
	       "longest echo beside them %lu ms\n",
	       TOTAL(engine, accepted) - 1, TOTAL(engine, retries), TOTAL(engine, refused_prefix),
	       (long)(after - before), longest_ns / 1000000);
	client_close(&client);
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	qd_set_release(quicd_worker_release);
	const struct qd_config_options options = client_options();
	char error[256];
	flood_config = qd_config_new(&options, error, sizeof(error));
	REQUIRE(flood_config);
	check_case("no Retry the second time, and only then", no_retry_the_second_time);
	check_case("a day later it is no token", a_day_later_it_is_no_token);
	check_case("its address counts as proved", its_address_counts_as_proved);
	check_case("a Retry of one process is taken by another",
		   a_retry_of_one_is_taken_by_another);
	check_case("a network is asked, then dropped", a_network_is_asked_then_dropped);
	check_case("signatures are for the proved", signatures_are_for_the_proved_under_load);
	check_case("a flood of IDs keeps nothing", a_flood_of_ids_keeps_nothing);
	qd_config_free(flood_config);
	return check_finish();
}
