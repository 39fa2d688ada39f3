/*
 * ecn_test.c - the ECN field (RFC 3168 §5) of what arrives is seen, and what is sent has it as long
 * as the peer counts it (RFC 9000 §13.4): on both backends, IPv4 and IPv6, on a dual-stack socket.
 */
#include "check.h"
#include "client.h"
#include "echo_app.h"
#include "net.h"
#include "server_options.h"

#define DATAGRAMS 12

static enum quicd_backend backend;
static const char *host;
static struct quicd_engine *engine;

static int open_sender(int family, int ecn)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET,
				 .sin_port = htons(engine->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
				  .sin6_port = htons(engine->port),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	REQUIRE(setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			   family == AF_INET ? IP_TOS : IPV6_TCLASS, &ecn, sizeof(ecn)) == 0);
	REQUIRE((family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
				   : connect(fd, (struct sockaddr *)&v6, sizeof(v6))) == 0);
	return fd;
}

static uint64_t count_of(int ecn)
{
	const struct quicd_counters *c = engine->workers[0].counters;
	switch (ecn) {
	case QUICD_ECN_ECT0:
		return *(const volatile uint64_t *)&c->receive_ecn_ect0;
	case QUICD_ECN_ECT1:
		return *(const volatile uint64_t *)&c->receive_ecn_ect1;
	case QUICD_ECN_CE:
		return *(const volatile uint64_t *)&c->receive_ecn_ce;
	default:
		return 0;
	}
}

/* Datagrams of no connection, one by one, so that each is a train of its own. */
static void counts(int family)
{
	for (int ecn = 0; ecn <= 3; ecn++) {
		const int fd = open_sender(family, ecn);
		const uint64_t before[] = {0, count_of(1), count_of(2), count_of(3)};
		const volatile uint64_t *seen = &engine->workers[0].counters->receive_unknown;
		for (int i = 0; i < DATAGRAMS; i++) {
			uint8_t stranger[40] = {0x40};
			const uint64_t last = *seen;
			REQUIRE(send(fd, stranger, sizeof(stranger), 0) == sizeof(stranger));
			const uint64_t deadline = client_now_ns() + 2000000000;
			while (*seen == last && client_now_ns() < deadline)
				usleep(50);
		}
		for (int kind = 1; kind <= 3; kind++)
			CHECK(count_of(kind) - before[kind] == (kind == ecn ? DATAGRAMS : 0));
		close(fd);
	}
}

/* Receives what is there; marks by ECN field in |marks|. */
static void receive_marked(struct client *client, bool counts, uint32_t marks[4])
{
	static uint8_t in[65536];
	_Alignas(8) uint8_t control[256];
	for (;;) {
		struct iovec iovec = {.iov_base = in, .iov_len = sizeof(in)};
		struct msghdr message = {.msg_iov = &iovec,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof(control)};
		const ssize_t bytes = recvmsg(client->fd, &message, 0);
		if (bytes <= 0)
			return;
		const struct quicd_udp udp = {0};
		struct quicd_ancillary ancillary;
		quicd_udp_read_ancillary(&udp, &message, &ancillary);
		marks[ancillary.ecn]++;
		if (counts)
			qd_set_received_ecn(client->quiche, ancillary.ecn);
		qd_recv(client->quiche, in, (size_t)bytes, &client->peer, &client->local);
	}
}

static void turn_marked(struct client *client, bool counts, uint32_t marks[4])
{
	static uint8_t out[65536];
	struct qd_train train;
	ssize_t bytes;
	while ((bytes = qd_send_train(client->quiche, out, sizeof(out), 1, &train)) > 0)
		(void)!send(client->fd, out, (size_t)bytes, 0);
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	poll(&poll_fd, 1, 20);
	receive_marked(client, counts, marks);
	if (qd_timeout_ns(client->quiche) <= client_now_ns())
		qd_on_timeout(client->quiche);
}

/* 100 KB there and back; marks of the datagrams that come in |marks|. */
static void echo_marked(struct client *client, uint64_t stream, bool counts, uint32_t marks[4])
{
	static uint8_t data[100000];
	size_t sent = 0, got = 0;
	bool fin = false;
	const uint64_t deadline = client_now_ns() + 10000000000;
	while (!fin && client_now_ns() < deadline) {
		const ssize_t taken = qd_stream_send_copy(client->quiche, stream, data + sent,
							  sizeof(data) - sent, true, NULL);
		sent += taken > 0 ? (size_t)taken : 0;
		turn_marked(client, counts, marks);
		static uint8_t back[65536];
		ssize_t bytes;
		while (!fin && (bytes = qd_stream_recv(client->quiche, stream, back, sizeof(back),
						       &fin, NULL)) >= 0)
			got += (size_t)bytes;
	}
	CHECK(fin && got == sizeof(data));
}

/* A client that |counts| marks gets them on; one that does not gets a few, and no more. */
static void sent(bool counts)
{
	struct client client = {.fd = -1};
	client.fd = client_socket(engine->port, &client.local);
	const int on = 1;
	REQUIRE(setsockopt(client.fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)) == 0);
	client.peer = (struct qd_address){.family = 4, .port = engine->port, .ip = {127, 0, 0, 1}};
	client_connect(&client);
	struct qd_state state = {0};
	uint32_t first[4] = {0}, then[4] = {0};
	const uint64_t deadline = client_now_ns() + 10000000000;
	while (!state.established && client_now_ns() < deadline) {
		turn_marked(&client, counts, first);
		qd_get_state(client.quiche, &state);
	}
	REQUIRE(state.established);
	echo_marked(&client, 0, counts, first);
	CHECK(first[QUICD_ECN_ECT0] > 0);
	echo_marked(&client, 4, counts, then);
	CHECK(then[counts ? QUICD_ECN_ECT0 : 0] > 0 && then[counts ? 0 : QUICD_ECN_ECT0] == 0);
	CHECK(first[QUICD_ECN_ECT1] + first[QUICD_ECN_CE] + then[QUICD_ECN_ECT1] +
		      then[QUICD_ECN_CE] == 0);
	client_close(&client);
}

static void seen(void)
{
	char error[512] = "";
	struct quicd_options options = default_options(1);
	options.backend = backend;
	snprintf(options.host, sizeof(options.host), "%s", host);
	engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	struct echo_app *app = echo_start(engine);
	if (strcmp(host, "::1") != 0)
		counts(AF_INET);
	if (strcmp(host, "127.0.0.1") != 0)
		counts(AF_INET6);
	if (strcmp(host, "::1") != 0) {
		sent(true);
		sent(false);
	}
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

int main(int argc, char **argv)
{
	static const char *const HOSTS[] = {"127.0.0.1", "::1", "::"};
	char error[512];
	const bool uring = quicd_uring_usable(4, error, sizeof(error));
	check_filter = argc > 1 ? argv[1] : NULL;
	for (int i = 0; i < 6; i++) {
		char name[64];
		host = HOSTS[i % 3];
		backend = i < 3 ? QUICD_BACKEND_IO_URING : QUICD_BACKEND_SYSCALLS;
		snprintf(name, sizeof(name), "ECN at %s, %s", host,
			 i < 3 ? "io_uring" : "syscalls");
		if (i < 3 && !uring)
			check_skip(name, error);
		else
			check_case(name, seen);
	}
	return check_finish();
}
