/*
 * ecn_test.c - the ECN field (RFC 3168 §5) of what arrives is seen: on both backends, IPv4 and
 * IPv6, on a dual-stack socket.
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
