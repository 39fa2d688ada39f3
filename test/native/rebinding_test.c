/*
 * rebinding_test.c - clients whose address changes, always to one that the kernel's hash of
 * addresses gives to another worker than the one that owns the connection (asked of the kernel
 * itself, by a datagram of no connection). 200 changes for each way of routing, each backend, 2 and
 * 4 workers, IPv4 and IPv6; and the counter-proof that without routing connections are lost.
 *
 * In a network namespace of its own, where all of fd00::/64 is this machine.
 */
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "net.h"
#include "server_options.h"
#include "steer.h"

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
#define CONNECTIONS 3
#else
#define CONNECTIONS 10
#endif
#define CHANGES 20 /* of each connection */
#define STREAM_BYTES 3000

/* One experiment; what the case under way is about. */
struct arm {
	int family; /* 4 or 6 */
	uint32_t workers;
	enum quicd_routing routing;
	enum quicd_backend backend;
	bool address; /* changes, with the port kept; else the port changes */
	bool no_forwarding;
};
static struct arm arm;
static struct quicd_engine *engine;

struct totals {
	uint32_t connections, changes, survived, lost;
	uint64_t forwarded, forward_lost, unknown, rebindings;
};

/* Address |number| of this machine, counted from 1. */
static struct sockaddr_storage name_of(uint32_t number, uint16_t port)
{
	struct sockaddr_storage name = {0};
	char text[64];
	if (arm.family == 4) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&name;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK + number - 1);
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&name;
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		snprintf(text, sizeof(text), "fd00::%x", number);
		inet_pton(AF_INET6, text, &v6->sin6_addr);
	}
	return name;
}

static socklen_t name_bytes(void)
{
	return arm.family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

/* A socket from there to the server; -1 when the port is taken at that address. */
static int open_socket(uint32_t number, uint16_t port, struct qd_address *local)
{
	const int fd = socket(arm.family == 4 ? AF_INET : AF_INET6,
			      SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	struct sockaddr_storage from = name_of(number, port), to = name_of(1, engine->port);
	if (bind(fd, (struct sockaddr *)&from, name_bytes()) != 0) {
		close(fd);
		return -1;
	}
	REQUIRE(connect(fd, (struct sockaddr *)&to, name_bytes()) == 0);
	socklen_t size = sizeof(from);
	getsockname(fd, (struct sockaddr *)&from, &size);
	REQUIRE(quicd_address_from((struct sockaddr *)&from, local));
	return fd;
}

/* The worker that the kernel's hash gives this socket's datagrams to. */
static uint32_t hashed_to(int fd)
{
	uint64_t before[QUICD_WORKERS_MAX];
	uint8_t stranger[32];
	for (uint32_t i = 0; i < arm.workers; i++)
		before[i] = engine->workers[i].counters->receive_unknown;
	quicd_random(stranger, sizeof(stranger));
	stranger[0] = 0x40; /* a short header: of no connection, and not answered */
	for (int tries = 0; tries < 5; tries++) {
		REQUIRE(send(fd, stranger, sizeof(stranger), 0) == sizeof(stranger));
		const uint64_t deadline = client_now_ns() + 200000000;
		while (client_now_ns() < deadline) {
			for (uint32_t i = 0; i < arm.workers; i++)
				if (*(volatile uint64_t *)&engine->workers[i]
					     .counters->receive_unknown != before[i])
					return i;
			usleep(20);
		}
	}
	REQUIRE(false && "no worker received the question");
	return 0;
}

/* Gives the client another socket, one whose datagrams the hash leads away from |owner|. */
static void move_away(struct client *client, uint32_t owner, uint32_t *number)
{
	uint16_t kept = client->local.port;
	for (int tries = 0; tries < 1000; tries++) {
		struct qd_address unused;
		if (arm.address)
			*number = 2 + (*number + 1) % 200;
		const int fd = open_socket(*number, arm.address ? kept : 0, &unused);
		if (fd < 0)
			continue;
		if (hashed_to(fd) == owner) {
			close(fd);
			continue;
		}
		close(client->fd);
		client->fd = fd;
		return;
	}
	REQUIRE(false && "no address that the hash leads elsewhere");
}

static uint32_t owner_of_newest(const uint64_t before[QUICD_WORKERS_MAX])
{
	for (uint32_t i = 0; i < arm.workers; i++)
		if (engine->workers[i].counters->accepted != before[i])
			return i;
	REQUIRE(false && "no worker has accepted the connection");
	return 0;
}

static void one_connection(struct totals *totals)
{
	struct client client = {0};
	uint64_t accepted[QUICD_WORKERS_MAX], stream = 0;
	uint32_t number = 1;
	for (uint32_t i = 0; i < arm.workers; i++)
		accepted[i] = engine->workers[i].counters->accepted;
	client.fd = open_socket(number, 0, &client.local);
	REQUIRE(client.fd >= 0);
	client.peer = client.local;
	client.peer.port = engine->port;
	client_connect(&client);
	bool alive = client_handshake(&client) &&
		     echo_stream(&client, stream, STREAM_BYTES, 0, NULL);
	const uint32_t owner = owner_of_newest(accepted);
	totals->connections++;
	for (int change = 0; change < CHANGES && alive; change++) {
		stream += 4;
		move_away(&client, owner, &number);
		totals->changes++;
		alive = echo_stream(&client, stream, STREAM_BYTES, 0, NULL);
	}
	totals->survived += alive;
	totals->lost += !alive;
	client_close(&client);
}

static struct totals run_arm(void)
{
	struct totals totals = {0};
	char error[512] = "";
	struct quicd_options options = default_options(arm.workers);
	snprintf(options.host, sizeof(options.host), "%s",
		 arm.family == 4 ? "127.0.0.1" : "fd00::1");
	options.routing = arm.routing;
	options.backend = arm.backend;
	options.no_forwarding = arm.no_forwarding;
	engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	struct echo_app *app = echo_start(engine);
	for (int i = 0; i < CONNECTIONS; i++)
		one_connection(&totals);
	totals.forwarded = TOTAL(engine, receive_forwarded);
	totals.forward_lost = TOTAL(engine, receive_forward_full) + TOTAL(engine, forward_unknown) +
			      TOTAL(engine, receive_forward_limited);
	totals.unknown = TOTAL(engine, receive_unknown);
	totals.rebindings = TOTAL(engine, rebindings);
	/* The last ones may still be on their way. */
	CHECK_SOON(TOTAL(engine, forward_received) == TOTAL(engine, receive_forwarded));
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
	printf("     %u of %u connections survive %u changes; server saw %llu; %llu forwarded\n",
	       totals.survived, totals.connections, totals.changes,
	       (unsigned long long)totals.rebindings, (unsigned long long)totals.forwarded);
	return totals;
}

static void all_survive(void)
{
	const struct totals totals = run_arm();
	CHECK(totals.changes == CONNECTIONS * CHANGES);
	CHECK(totals.lost == 0);
	CHECK(totals.forward_lost == 0);
	if (arm.routing == QUICD_ROUTING_RANDOM) {
		CHECK(totals.forwarded > 0);
		return; /* datagrams overtake each other: not every change is noticed */
	}
	/* But for the last of a connection, which closes right after it. */
	CHECK(totals.rebindings + totals.connections >= totals.changes);
	if (arm.routing == QUICD_ROUTING_EBPF)
		CHECK(totals.forwarded == 0);
	else
		CHECK(totals.forwarded >= totals.changes);
}

static void some_are_lost(void)
{
	echo_limit_ns = 500000000;
	const struct totals totals = run_arm();
	CHECK(totals.lost > 0);
	CHECK(totals.forwarded == 0);
	echo_limit_ns = 60000000000ull;
}

/* Loopback up, and an IPv6 prefix that is all this machine's. */
static bool enter_namespace(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	if (unshare(CLONE_NEWNET) != 0)
		return false;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	const bool up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	close(fd);
	/* Routed to this machine, but assigned to no device: binding to them must be allowed. */
	return up && system("ip -6 route add local fd00::/64 dev lo && "
			    "echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind") == 0;
}

static const char *routing_name(void)
{
	static const char *const NAMES[] = {"auto", "ebpf", "forward", "wrong", "single", "random"};
	return NAMES[arm.routing];
}

static void run_case(void (*run)(void), const char *missing)
{
	char name[128];
	snprintf(name, sizeof(name), "IPv%d %s, %u workers, %s%s, %s: %s", arm.family,
		 arm.address ? "address" : "port", arm.workers, routing_name(),
		 arm.no_forwarding ? " without forwarding" : "",
		 arm.backend == QUICD_BACKEND_SYSCALLS ? "syscalls" : "io_uring",
		 run == all_survive ? "all survive" : "some are lost");
	if (missing)
		check_skip(name, missing);
	else
		check_case(name, run);
}

int main(int argc, char **argv)
{
	char no_ebpf[512], no_uring[512];
	const char *ebpf = quicd_steer_usable(no_ebpf, sizeof(no_ebpf)) ? NULL : no_ebpf;
	const char *uring = quicd_uring_usable(4, no_uring, sizeof(no_uring)) ? NULL : no_uring;
	check_filter = argc > 1 ? argv[1] : NULL;
	if (!enter_namespace()) {
		check_skip("rebinding", "a network namespace needs root");
		return check_finish();
	}
	const char *missing[] = {[QUICD_ROUTING_EBPF] = ebpf, [QUICD_ROUTING_FORWARD] = NULL};
	for (int i = 0; i < 32; i++) {
		arm = (struct arm){
			.family = i & 1 ? 6 : 4,
			.address = i & 2,
			.workers = i & 4 ? 4 : 2,
			.routing = i & 8 ? QUICD_ROUTING_FORWARD : QUICD_ROUTING_EBPF,
			.backend = i & 16 ? QUICD_BACKEND_SYSCALLS : QUICD_BACKEND_IO_URING,
		};
		const char *lacks = missing[arm.routing];
		run_case(all_survive, lacks                                   ? lacks
				      : arm.backend == QUICD_BACKEND_IO_URING ? uring
									      : NULL);
	}
	arm = (struct arm){.family = 4,
			   .workers = 2,
			   .routing = QUICD_ROUTING_RANDOM,
			   .backend = QUICD_BACKEND_AUTO};
	run_case(all_survive, ebpf);
	arm.no_forwarding = true;
	arm.workers = 8; /* one datagram of eight arrives: retransmission does not hide that */
	run_case(some_are_lost, ebpf);
	arm.workers = 2;
	arm.routing = QUICD_ROUTING_FORWARD;
	run_case(some_are_lost, NULL);
	return check_finish();
}
