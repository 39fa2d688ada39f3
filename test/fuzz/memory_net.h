/*
 * memory_net.h - a whole engine without a network or a clock, for fuzzers: net.h in memory, in
 * place of uring.c (the linker takes the first definition and leaves uring.o in the archive).
 *
 * The worker's thread runs only inside memory_net_turn: it stands in quicd_net_wait at all other
 * times, so the fuzzer's thread may look at all that is the worker's. CLOCK_MONOTONIC stands still
 * unless memory_net_advance moves it: a timeout of minutes costs nothing and comes on every run.
 */
#pragma once
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "../native/check.h"
#include "../native/server_options.h"
#include "alloc.h"
#include "engine.h"
#include "net.h"
#include "worker.h"

#define MEMORY_NET_DATAGRAMS 64 /* on the way in at a time */
#define MEMORY_NET_DATAGRAM_BYTES 2048
#define MEMORY_NET_TRAINS 256 /* on the way out at a time; more are lost, as on a real network */

struct memory_train {
	uint8_t *bytes;
	struct qd_train train;
};

struct memory_net {
	sem_t go, stands; /* the baton: to the worker, and back */
	_Atomic uint64_t now_ns;
	struct quicd_engine *engine;
	struct quicd_worker *worker;
	struct memory_train out[MEMORY_NET_TRAINS];
	uint32_t out_count;
	uint8_t send_buffer[QUICD_SEND_BUFFER_BYTES];
	uint32_t opened, sockets; /* of connections of a client: ever, and now */
	uint8_t cid_bytes[65536]; /* by port */
	uint64_t wait_ns; /* how long the worker wants to sleep; 0: it has work */
};

static struct memory_net memory_net = {.now_ns = 1000000000000};

/* Takes the place of libc's for this program, quiche's Instant included. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, now);
	const uint64_t ns = atomic_load(&memory_net.now_ns);
	*now = (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
	return 0;
}

static const struct quicd_net_backend memory_backend = {.name = "memory"};

const struct quicd_net_backend *quicd_net_choose(enum quicd_backend wanted, uint32_t workers,
						 char *note, size_t note_bytes)
{
	(void)wanted;
	(void)workers;
	(void)note;
	(void)note_bytes;
	return &memory_backend;
}

bool quicd_net_start(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	(void)error;
	(void)error_bytes;
	memory_net.worker = worker;
	return true;
}

void quicd_net_stop(struct quicd_worker *worker)
{
	(void)worker;
}

void quicd_net_look_after(struct quicd_worker *worker)
{
	(void)worker;
}

void quicd_net_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	if (atomic_load(&worker->engine->stopping))
		return;
	memory_net.wait_ns = timeout_ns;
	sem_post(&memory_net.stands);
	while (sem_wait(&memory_net.go) != 0)
		;
}

void quicd_net_recycle(struct quicd_worker *worker, uint32_t buffer)
{
	free(worker->net.received[buffer].bytes);
}

uint8_t *quicd_net_send_buffer(struct quicd_worker *worker)
{
	(void)worker;
	return memory_net.send_buffer;
}

void quicd_net_send(struct quicd_worker *worker, const struct qd_train *train)
{
	worker->counters->send_datagrams += train->segments;
	worker->counters->send_bytes += train->bytes;
	if (memory_net.out_count == MEMORY_NET_TRAINS)
		return;
	struct memory_train *kept = &memory_net.out[memory_net.out_count++];
	kept->train = *train;
	kept->bytes = malloc(train->bytes);
	REQUIRE(kept->bytes != NULL);
	memcpy(kept->bytes, memory_net.send_buffer, train->bytes);
}

/* Sockets of connections are numbers here; now and then there is none left. */
int quicd_net_open(struct quicd_worker *worker, uint32_t cid_bytes, uint16_t *port)
{
	(void)worker;
	if (memory_net.opened++ % 8 == 7)
		return EMFILE;
	*port = (uint16_t)(6000 + memory_net.opened % 50000);
	memory_net.cid_bytes[*port] = (uint8_t)cid_bytes;
	memory_net.sockets++;
	return 0;
}

uint32_t quicd_net_cid_bytes(const struct quicd_worker *worker, uint16_t port)
{
	const uint32_t bytes = memory_net.cid_bytes[port];
	(void)worker;
	return bytes > 0 ? bytes : QUICD_CID_BYTES;
}

void quicd_net_close(struct quicd_worker *worker, uint16_t port)
{
	(void)worker;
	REQUIRE(port >= 6000 && memory_net.sockets > 0);
	memory_net.sockets--;
}

bool quicd_net_is_gone(int code)
{
	return code == EBADF;
}

/* One turn of the worker's loop. */
static inline void memory_net_turn(void)
{
	sem_post(&memory_net.go);
	while (sem_wait(&memory_net.stands) != 0)
		;
}

/* Turns until the worker would sleep. */
static inline void memory_net_settle(void)
{
	int turns = 0;
	do
		memory_net_turn();
	while (memory_net.wait_ns == 0 && ++turns < 1000);
	REQUIRE(turns < 1000 && "a worker that never sleeps burns a CPU");
}

static inline void memory_net_advance(uint64_t ns)
{
	atomic_fetch_add(&memory_net.now_ns, ns);
}

/* Arrives at the next turn. */
static inline void memory_net_put(const uint8_t *bytes, uint32_t length,
				  const struct qd_address *from)
{
	struct quicd_net *net = &memory_net.worker->net;
	if (net->received_count == MEMORY_NET_DATAGRAMS || length > MEMORY_NET_DATAGRAM_BYTES)
		return;
	uint8_t *place = malloc(length); /* of exact size: whoever reads past it is seen */
	REQUIRE(place != NULL);
	if (length > 0)
		memcpy(place, bytes, length);
	net->received[net->received_count] = (struct quicd_received){
		.bytes = place,
		.length = length,
		.segment_bytes = length,
		.buffer = net->received_count,
		.from = *from,
		.to = {.family = 4, .port = memory_net.engine->port, .ip = {127, 0, 0, 1}},
	};
	net->received_count++;
}

static inline void memory_net_drop_sent(void)
{
	for (uint32_t i = 0; i < memory_net.out_count; i++)
		free(memory_net.out[i].bytes);
	memory_net.out_count = 0;
}

static inline void memory_net_open(const struct quicd_options *options)
{
	char error[256] = "";
	sem_init(&memory_net.go, 0, 0);
	sem_init(&memory_net.stands, 0, 0);
	memory_net.engine = quicd_engine_start(options, error, sizeof(error));
	if (!memory_net.engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(memory_net.engine != NULL);
	while (sem_wait(&memory_net.stands) != 0)
		;
}
