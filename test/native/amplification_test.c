/*
 * amplification_test.c - who only claims an address gets at most three times what was sent in its
 * name (RFC 9000 §8.1): counted on the wire, with all that the server repeats until it gives up.
 */
#include <stdlib.h>
#include "check.h"
#include "client.h"
#include "connection.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"
#include "session.h"

static struct quicd_engine *engine;
static struct echo_app *app;

static void start(enum quicd_retry retry)
{
	char error[512] = "";
	struct quicd_options options = default_options(1);
	options.retry = retry;
	options.early_data = true;
	options.has_secret = true;
	options.handshake_timeout_ms = 2000;
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

/* A client that sends and never answers. */
struct silent {
	const char *name;
	struct client client;
	uint64_t sent, received, datagrams;
};

static void say(struct silent *silent, const uint8_t *bytes, size_t length)
{
	REQUIRE(send(silent->client.fd, bytes, length, 0) == (ssize_t)length);
	silent->sent += length;
}

static void open_socket(struct silent *silent, const char *name)
{
	*silent = (struct silent){.name = name};
	silent->client.fd = client_socket(engine->port, &silent->client.local);
	silent->client.peer =
		(struct qd_address){.family = 4, .port = engine->port, .ip = {127, 0, 0, 1}};
}

/* The first |datagrams| of a client's flight; 0: all of them. */
static void say_flight(struct silent *silent, uint32_t datagrams)
{
	static uint8_t out[2048];
	struct qd_train train;
	ssize_t bytes;
	for (uint32_t i = 0; datagrams == 0 || i < datagrams; i++) {
		bytes = qd_send_train(silent->client.quiche, out, sizeof(out), 1, &train);
		if (bytes <= 0)
			break;
		say(silent, out, (size_t)bytes);
	}
}

static void hello(struct silent *silent, const char *name, uint32_t datagrams)
{
	open_socket(silent, name);
	client_connect(&silent->client);
	say_flight(silent, datagrams);
}

/* Early data that asks for far more than it is: the server echoes as much as it may. */
static void early(struct silent *silent, const char *name, const struct session *session,
		  size_t bytes)
{
	static uint8_t data[20000];
	uint64_t code = 0;
	open_socket(silent, name);
	struct qd_config_options options = client_options();
	options.early_data = true;
	client_connect_as(&silent->client, &options);
	REQUIRE(qd_set_session(silent->client.quiche, session->bytes, session->length,
			       true) == 0);
	REQUIRE(qd_stream_send_copy(silent->client.quiche, 0, data, bytes, true, &code) > 0);
	say_flight(silent, 0);
}

/* A long header of |version| and |type| that nothing can open, in |length| bytes. */
static void nonsense(struct silent *silent, const char *name, uint8_t first, uint32_t version,
		     size_t length)
{
	uint8_t bytes[1500];
	open_socket(silent, name);
	quicd_random(bytes, sizeof(bytes));
	bytes[0] = first;
	for (int i = 0; i < 4; i++)
		bytes[1 + i] = (uint8_t)(version >> (24 - 8 * i));
	bytes[5] = 20;
	bytes[26] = 0;
	bytes[27] = 0;
	bytes[28] = 0x40 | (uint8_t)((length - 30) >> 8);
	bytes[29] = (uint8_t)(length - 30);
	say(silent, bytes, length);
}

static void listen_for(struct silent *silent, uint32_t count, uint64_t duration_ns)
{
	static uint8_t in[2048];
	const uint64_t end = client_now_ns() + duration_ns;
	while (client_now_ns() < end) {
		for (uint32_t i = 0; i < count; i++) {
			ssize_t bytes;
			while ((bytes = recv(silent[i].client.fd, in, sizeof(in), 0)) > 0) {
				silent[i].received += (uint64_t)bytes;
				silent[i].datagrams++;
			}
		}
		usleep(1000);
	}
}

static void judge(struct silent *silent, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		CHECK(silent[i].received <= 3 * silent[i].sent);
		printf("  %-34s %5lu bytes sent, %5lu came in %lu datagrams: %.2f\n",
		       silent[i].name, silent[i].sent, silent[i].received, silent[i].datagrams,
		       (double)silent[i].received / (double)silent[i].sent);
		if (silent[i].client.quiche) {
			qd_free(silent[i].client.quiche);
			qd_config_free(silent[i].client.config);
		}
		close(silent[i].client.fd);
	}
}

/* As long as the server keeps such connections, and a little longer. */
#define WATCHED_NS 2500000000ull

static void handshakes(void)
{
	struct silent silent[8];
	struct session session;
	start(QUICD_RETRY_NEVER);
	session_get(&session, engine->port);
	hello(&silent[0], "a ClientHello", 0);
	hello(&silent[1], "its first datagram alone", 1);
	early(&silent[2], "0-RTT of one byte", &session, 1);
	early(&silent[3], "0-RTT of 20,000 bytes, echoed", &session, 20000);
	/* The same again and again: each copy pays for three of its own, no more. */
	hello(&silent[4], "a ClientHello, twice", 0);
	for (int i = 0; i < 1; i++) {
		static uint8_t out[2048];
		struct qd_train train;
		ssize_t bytes;
		qd_on_timeout(silent[4].client.quiche);
		while (qd_timeout_ns(silent[4].client.quiche) > client_now_ns())
			usleep(1000);
		qd_on_timeout(silent[4].client.quiche);
		while ((bytes = qd_send_train(silent[4].client.quiche, out, sizeof(out), 1,
					      &train)) > 0)
			say(&silent[4], out, (size_t)bytes);
	}
	nonsense(&silent[5], "an Initial that nothing opens", 0xc3, 1, 1200);
	nonsense(&silent[6], "an Initial of 600 bytes", 0xc3, 1, 600);
	nonsense(&silent[7], "0-RTT without an Initial", 0xd3, 1, 1200);
	listen_for(silent, 8, WATCHED_NS);
	for (int i = 0; i < 5; i++)
		CHECK(silent[i].received > 0);
	/* What cannot be the beginning of anything is not answered at all. */
	CHECK(silent[6].received == 0 && silent[7].received == 0);
	CHECK_SOON(TOTAL(engine, half_open) == 0 && TOTAL(engine, established) == 1);
	judge(silent, 8);
	stop();
}

static void stateless_answers(void)
{
	struct silent silent[5];
	start(QUICD_RETRY_ALWAYS);
	hello(&silent[0], "a ClientHello, answered by Retry", 0);
	nonsense(&silent[1], "an unknown version", 0xc3, 0x0a0a0a0a, 1200);
	nonsense(&silent[2], "an unknown version, 600 bytes", 0xc3, 0x0a0a0a0a, 600);
	nonsense(&silent[3], "Version Negotiation", 0xc3, 0, 1200);
	/* A connection ID of the server's own, of no connection: a stateless reset. */
	uint8_t packet[60], cid[QUICD_CID_BYTES];
	open_socket(&silent[4], "a packet of a forgotten connection");
	quicd_cid_generate(&engine->workers[0], cid);
	quicd_random(packet, sizeof(packet));
	packet[0] = 0x40 | (packet[0] & 0x3f);
	memcpy(packet + 1, cid, sizeof(cid));
	say(&silent[4], packet, sizeof(packet));
	listen_for(silent, 5, 500000000ull);
	for (int i = 0; i < 2; i++)
		CHECK(silent[i].received > 0 && silent[i].received < silent[i].sent);
	CHECK(silent[2].received == 0 && silent[3].received == 0);
	CHECK(silent[4].received > 0 && silent[4].received < silent[4].sent);
	judge(silent, 5);
	stop();
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	qd_set_release(quicd_worker_release);
	check_case("handshakes and early data", handshakes);
	check_case("stateless answers", stateless_answers);
	return check_finish();
}
