/*
 * reset_test.c - Stateless Reset (RFC 9000 §10.3): a client whose server was restarted learns it at
 * once; strangers learn nothing, and two servers cannot be set upon each other.
 */
#include <stdlib.h>
#include "check.h"
#include "client.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"

static struct quicd_engine *engine;

static void start(uint16_t port, uint8_t secret, uint32_t workers)
{
	char error[512] = "";
	struct quicd_options options = default_options(workers);
	options.port = port;
	options.has_secret = true;
	memset(options.secret, secret, sizeof(options.secret));
	engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
}

/* Ends without a word, as a process does that is killed: its socket goes before its connections. */
static void vanish(struct echo_app *app)
{
	for (uint32_t i = 0; i < engine->options.workers; i++) {
		const uint64_t failures = engine->workers[i].counters->failures;
		quicd_net_fail(&engine->workers[i], 1000000);
		while (*(volatile uint64_t *)&engine->workers[i].counters->failures == failures)
			usleep(1000);
	}
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static uint64_t resets(void)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++)
		sum += *(volatile uint64_t *)&engine->workers[i].counters->send_resets;
	return sum;
}

/* True when the client's connection ended within |ms|; it goes on sending meanwhile. */
static bool ends_within(struct client *client, uint32_t ms)
{
	struct qd_state state = {0};
	const uint64_t deadline = client_now_ns() + ms * 1000000ull;
	while (!state.closed && !state.draining && client_now_ns() < deadline) {
		qd_send_ack_eliciting(client->quiche);
		client_turn(client, 5);
		qd_get_state(client->quiche, &state);
	}
	return state.closed || state.draining;
}

static void restart(uint8_t secret, uint32_t workers)
{
	start(0, 1, workers);
	struct echo_app *app = echo_start(engine);
	struct client client = {0};
	client_open(&client, engine->port);
	REQUIRE(client_handshake(&client));
	REQUIRE(echo_stream(&client, 0, 3000, 0, NULL));
	const uint16_t port = engine->port;
	vanish(app);
	start(port, secret, workers);
	app = echo_start(engine);
	const bool same = secret == 1;
	CHECK(ends_within(&client, same ? 20000 : 500) == same);
	CHECK_SOON((resets() > 0) == same);
	client_close(&client);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void told_at_once(void)
{
	restart(1, 1);
}

/* Whichever worker the hash leads to, the one that drew the CID answers. */
static void told_by_the_owner(void)
{
	for (int i = 0; i < 4; i++)
		restart(1, 4);
}

static void another_secret_says_nothing(void)
{
	restart(2, 2);
}

/* What comes back to a short header with this CID, or 0 within |wait_ms|. */
static ssize_t answer_to(int fd, const uint8_t *cid, size_t bytes, int wait_ms, uint8_t out[1500])
{
	uint8_t packet[1500];
	quicd_random(packet, sizeof(packet));
	packet[0] = 0x40;
	memcpy(packet + 1, cid, QUICD_CID_BYTES);
	REQUIRE(send(fd, packet, bytes, 0) == (ssize_t)bytes);
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	return poll(&wait, 1, wait_ms) == 1 ? recv(fd, out, 1500, 0) : 0;
}

static void smaller_and_for_our_ids_only(void)
{
	start(0, 1, 1);
	struct echo_app *app = echo_start(engine);
	struct qd_address local;
	const int fd = client_socket(engine->port, &local);
	uint8_t cid[QUICD_CID_BYTES], out[1500], token[QD_RESET_TOKEN_BYTES];
	quicd_random(cid, sizeof(cid));
	const struct quicd_cid_route route = {0};
	quicd_cid_seal(&engine->keys.cid, route, cid);
	quicd_keys_reset_token(&engine->keys, cid, token);
	const size_t sizes[] = {22, 23, 41, 42, 43, 100, 1200};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const ssize_t bytes = answer_to(fd, cid, sizes[i], 20000, out);
		CHECK(bytes >= 21 && bytes < (ssize_t)sizes[i] && bytes <= 42);
		CHECK((out[0] & 0xc0) == 0x40);
		CHECK(bytes < 21 || memcmp(out + bytes - sizeof(token), token, sizeof(token)) == 0);
	}
	CHECK(answer_to(fd, cid, 21, 100, out) == 0); /* nothing smaller is left */
	cid[QUICD_CID_MASKED + 2] ^= 1;		 /* not ours any more */
	CHECK(answer_to(fd, cid, 1200, 100, out) == 0);
	close(fd);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void rate_is_limited(void)
{
	start(0, 1, 1);
	struct echo_app *app = echo_start(engine);
	struct qd_address local;
	const int fd = client_socket(engine->port, &local);
	uint8_t packet[64];
	quicd_random(packet, sizeof(packet));
	packet[0] = 0x40;
	quicd_cid_seal(&engine->keys.cid, (struct quicd_cid_route){0}, packet + 1);
	const uint64_t begun = client_now_ns();
	const volatile uint64_t *unknown = &engine->workers[0].counters->receive_unknown;
	for (int i = 0; i < 20000; i++)
		(void)!send(fd, packet, sizeof(packet), 0);
	CHECK_SOON(*unknown >= 5000);
	/* Read before the clock, which only gives it more time. */
	const uint64_t sent = resets();
	const uint64_t milliseconds = (client_now_ns() - begun) / 1000000;
	CHECK(sent >= 100 && sent <= 100 + milliseconds + 2);
	close(fd);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("a restarted server tells its old clients", told_at_once);
	check_case("the worker that drew the ID tells", told_by_the_owner);
	check_case("a server with another secret says nothing", another_secret_says_nothing);
	check_case("smaller than its cause, and for our IDs only", smaller_and_for_our_ids_only);
	check_case("rate-limited", rate_is_limited);
	return check_finish();
}
