/*
 * net_worker.h - a worker of which only net.h is used: no QUIC, no connections. Tests of the
 * backends drive it over real loopback, and over networks of their own where they may make some.
 */
#pragma once
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include "client.h"
#include "worker.h"

#define SECOND_NS 1000000000ull
#define MAX_TRAINS 600u

static const struct quicd_net_backend *backend; /* under test */
static struct quicd_engine engine;
static struct quicd_worker worker;

static inline void open_worker_at(const char *host, bool gro, uint32_t socket_buffer_bytes)
{
	char error[256] = "";
	memset(&engine, 0, sizeof(engine));
	memset(&worker, 0, sizeof(worker));
	engine.backend = backend;
	engine.options = (struct quicd_options){ .gro = gro,
						 .gso = true,
						 .receive_pool_bytes = 1 << 20,
						 .socket_buffer_bytes = socket_buffer_bytes };
	snprintf(engine.options.host, sizeof(engine.options.host), "%s", host);
	worker.engine = &engine;
	worker.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker.counters = calloc(1, sizeof(*worker.counters));
	REQUIRE(worker.kick_fd >= 0 && worker.counters);
	if (!quicd_udp_open(&worker.net.udp, &engine.options, 0, false, error, sizeof(error)) ||
	    !quicd_net_start(&worker, error, sizeof(error))) {
		fprintf(stderr, "%s: %s\n", backend->name, error);
		exit(1);
	}
	engine.port = worker.net.udp.port;
}

static inline void open_worker(bool gro, uint32_t socket_buffer_bytes)
{
	open_worker_at("127.0.0.1", gro, socket_buffer_bytes);
}

static inline void close_worker(void)
{
	quicd_net_stop(&worker);
	CHECK(worker.net.state == NULL);
	quicd_udp_close(&worker.net.udp);
	close(worker.kick_fd);
	free(worker.counters);
}

/* As a turn does: looks at what came, and gives every buffer back. Returns how many there were. */
static inline uint32_t take(void (*look)(const struct quicd_received *received))
{
	const uint32_t count = worker.net.received_count;
	for (uint32_t i = 0; i < count; i++) {
		if (look)
			look(&worker.net.received[i]);
		quicd_net_recycle(&worker, worker.net.received[i].buffer);
	}
	worker.net.received_count = 0;
	return count;
}

/* Waits until |count| trains have come, at most 5 s. */
static inline uint32_t take_all(uint32_t count, void (*look)(const struct quicd_received *received))
{
	uint32_t taken = 0;
	const uint64_t deadline = client_now_ns() + 5 * SECOND_NS;
	while (taken < count && client_now_ns() < deadline) {
		quicd_net_wait(&worker, SECOND_NS / 10);
		taken += take(look);
	}
	return taken;
}

/* True when a wait takes its time: nothing keeps waking the worker. */
static inline bool sleeps(void)
{
	for (int i = 0; i < 20; i++) {
		const uint64_t start = client_now_ns();
		quicd_net_wait(&worker, SECOND_NS / 50);
		take(NULL);
		if (client_now_ns() - start >= SECOND_NS / 50)
			return true;
	}
	return false;
}

static inline struct qd_address peer_address(int fd)
{
	struct sockaddr_in name;
	socklen_t bytes = sizeof(name);
	struct qd_address address;
	REQUIRE(getsockname(fd, (struct sockaddr *)&name, &bytes) == 0);
	REQUIRE(quicd_address_from((struct sockaddr *)&name, &address));
	return address;
}

/* Sends to the worker, and is there to be answered. */
static inline int open_peer(void)
{
	struct qd_address unused;
	return client_socket(worker.net.udp.port, &unused);
}

/* Datagrams of |segment| bytes that all begin and end with the train's number. False: no buffer. */
static inline bool queue_train(uint32_t number, uint32_t segment, uint32_t segments,
			       struct qd_address to)
{
	uint8_t *buffer = quicd_net_send_buffer(&worker);
	if (!buffer)
		return false;
	for (uint32_t i = 0; i < segments; i++) {
		uint8_t *datagram = buffer + (size_t)i * segment;
		memset(datagram, (int)(uint8_t)number, segment);
		memcpy(datagram, &number, sizeof(number));
	}
	const struct qd_train train = {
		.bytes = segment * segments,
		.segment_bytes = segment,
		.segments = segments,
		.from = { .family = 4, .port = worker.net.udp.port, .ip = { 127, 0, 0, 1 } },
		.to = to,
	};
	quicd_net_send(&worker, &train);
	return true;
}

/* What the peer has got by now. */
struct got {
	uint32_t datagrams;
	uint32_t last; /* train */
	bool out_of_order;
	uint8_t of_train[MAX_TRAINS];
};

static inline void read_peer(int fd, uint32_t segment, struct got *got)
{
	static uint8_t bytes[65536];
	ssize_t length;
	while ((length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
		uint32_t number;
		memcpy(&number, bytes, sizeof(number));
		REQUIRE(length == (ssize_t)segment && number < MAX_TRAINS);
		CHECK(bytes[segment - 1] == (uint8_t)number);
		got->out_of_order |= number < got->last;
		got->last = number;
		got->of_train[number]++;
		got->datagrams++;
	}
}

static inline bool has_all(const struct got *got, uint32_t trains, uint32_t segments)
{
	for (uint32_t i = 0; i < trains; i++)
		if (got->of_train[i] != segments)
			return false;
	return got->datagrams == trains * segments;
}

/* A network of this thread's own, set up by |commands|; -1 where that is not allowed. */
static inline int enter_network(const char *commands)
{
	char line[256];
	const int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	REQUIRE(home >= 0);
	snprintf(line, sizeof(line), "{ ip link set lo up && %s; } >/dev/null 2>&1", commands);
	const bool entered = unshare(CLONE_NEWNET) == 0;
	if (entered && system(line) == 0)
		return home;
	REQUIRE(!entered || setns(home, CLONE_NEWNET) == 0);
	close(home);
	return -1;
}

static inline void leave_network(int home)
{
	REQUIRE(setns(home, CLONE_NEWNET) == 0);
	close(home);
}

static inline bool networks_usable(const char *commands)
{
	const int home = enter_network(commands);
	if (home >= 0)
		leave_network(home);
	return home >= 0;
}

static uint32_t small_next;

static inline void look_at_small(const struct quicd_received *received)
{
	uint32_t number;
	CHECK(received->length == sizeof(number));
	memcpy(&number, received->bytes, sizeof(number));
	CHECK(number == small_next);
	small_next++;
}

static inline struct qd_address closed_port(void)
{
	const int fd = open_peer();
	const struct qd_address address = peer_address(fd);
	close(fd);
	return address;
}

static inline void receives_and_sends(void)
{
	const int fd = open_peer();
	const uint32_t zero = 0;
	struct got got = { 0 };
	small_next = 0;
	CHECK(send(fd, &zero, sizeof(zero), 0) == sizeof(zero));
	CHECK(take_all(1, look_at_small) == 1);
	CHECK(queue_train(0, 1200, 3, peer_address(fd)));
	quicd_net_wait(&worker, 0);
	read_peer(fd, 1200, &got);
	CHECK(has_all(&got, 1, 3));
	close(fd);
}

static inline void a_wait_takes_its_time(void)
{
	open_worker(true, 1 << 20);
	for (uint64_t timeout_ns = 1; timeout_ns < SECOND_NS / 10; timeout_ns *= 7) {
		const uint64_t start = client_now_ns();
		quicd_net_wait(&worker, timeout_ns);
		CHECK(client_now_ns() - start >= timeout_ns);
	}
	CHECK(worker.counters->waits > 0 && worker.counters->kicks == 0);
	close_worker();
}

/* |missing|: why it cannot run here, or NULL. */
static inline void run(const char *what, const char *missing, void (*run_case)(void))
{
	char name[128];
	snprintf(name, sizeof(name), "%s: %s", backend->name, what);
	if (missing)
		check_skip(name, missing);
	else
		check_case(name, run_case);
}
