/*
 * wire.c - counts over real sockets: a server and a client on loopback, each a worker and an app
 * thread of its own, a stated number of operations.
 *
 *   wire BACKEND OPERATION   io_uring or syscalls; prints one JSON object: the workers' counters
 *                            over the counted units, and which thread is which
 *   wire --list              the operations, one a line, with their unit
 *
 * The client's app thread calls getppid, which nothing else here does, when the counted part begins
 * and when it ends: so that a trace of system calls (bench/counts/wire.ts) can be cut there.
 */
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "net.h"
#include "player.h"
#include "worker.h"

static const uint8_t LOOPBACK[4] = { 127, 0, 0, 1 };
/* What an operation is followed by has happened then: the last ACK waits 25 ms (max_ack_delay). */
#define SETTLE_US 60000
#define MB 1000000

struct operation {
	const char *name;
	const char *unit;
	uint32_t units;
	enum player_kind kind;
	uint32_t count, at_once;
	uint64_t bytes;
};

static const struct operation OPERATIONS[] = {
	{ "request", "request", 400, PLAYER_REQUEST, 400, 1, 0 },
	{ "32 requests", "request", 1280, PLAYER_REQUEST, 1280, 32, 0 },
	{ "datagram echo", "datagram", 400, PLAYER_DATAGRAM, 400, 1, 0 },
	{ "download", "MB", 40, PLAYER_DOWNLOAD, 1, 1, 40 * MB },
	{ "upload", "MB", 40, PLAYER_UPLOAD, 1, 1, 40 * MB },
};
#define OPERATION_COUNT (sizeof(OPERATIONS) / sizeof(OPERATIONS[0]))

struct side {
	struct player player;
	int bell_fd;
	pid_t thread_id;
};
static struct side sides[2]; /* client, server */
static atomic_bool ending;

static void bell(void *context)
{
	const uint64_t one = 1;
	const ssize_t wrote = write(((struct side *)context)->bell_fd, &one, sizeof(one));
	assert(wrote == sizeof(one));
}

static void sleep_until_bell(struct side *side)
{
	uint64_t rings;
	const ssize_t got = read(side->bell_fd, &rings, sizeof(rings));
	assert(got == sizeof(rings));
}

/* Sleeps only while there is something to wait for. */
static void run_until(struct side *side, const uint64_t *count, uint64_t wanted)
{
	while (*count < wanted)
		if (player_run(&side->player) && *count < wanted)
			sleep_until_bell(side);
}

static struct quicd_engine *start(bool client, enum quicd_backend backend)
{
	struct quicd_options options = player_options(client);
	char error[256] = "";
	options.backend = backend;
	snprintf(options.host, sizeof(options.host), "127.0.0.1");
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine) {
		fprintf(stderr, "wire: %s\n", error);
		exit(1);
	}
	return engine;
}

static void *serve(void *context)
{
	struct side *side = context;
	player_attach(&side->player, side->player.engine, false, bell, side);
	side->thread_id = (pid_t)syscall(SYS_gettid);
	while (!atomic_load(&ending))
		if (player_run(&side->player))
			sleep_until_bell(side);
	return NULL;
}

static void transact(struct side *client, const struct operation *operation, uint32_t count,
		     uint64_t bytes)
{
	const uint64_t wanted = client->player.done + count;
	player_begin(&client->player, operation->kind, count, operation->at_once, bytes);
	run_until(client, &client->player.done, wanted);
	usleep(SETTLE_US);
}

static void print_side(const char *name, const struct side *side,
		       const struct quicd_counters *before)
{
	const struct quicd_counters *now = side->player.engine->workers[0].counters;
#define SINCE(counter) ((unsigned long)(now->counter - before->counter))
	printf(",\n \"%s\": {\"turns\": %lu, \"waits\": %lu, \"system calls\": %lu, "
	       "\"sends\": %lu, \"datagrams out\": %lu, \"trains in\": %lu, "
	       "\"datagrams in\": %lu, \"kicks\": %lu, \"doorbells\": %lu}",
	       name, SINCE(turns), SINCE(waits), SINCE(system_calls), SINCE(send_calls),
	       SINCE(send_datagrams), SINCE(receive_calls), SINCE(receive_datagrams),
	       SINCE(kicks), SINCE(doorbells));
#undef SINCE
}

static void run(const struct operation *operation, enum quicd_backend backend)
{
	struct side *client = &sides[0], *server = &sides[1];
	pthread_t server_thread;
	for (int i = 0; i < 2; i++) {
		sides[i].bell_fd = eventfd(0, EFD_CLOEXEC);
		sides[i].player.engine = start(i == 0, backend);
	}
	if (pthread_create(&server_thread, NULL, serve, server) != 0)
		abort();
	player_attach(&client->player, client->player.engine, true, bell, client);
	client->thread_id = (pid_t)syscall(SYS_gettid);
	player_connect(&client->player, LOOPBACK, server->player.engine->port, false);
	run_until(client, &client->player.connected, 1);
	const bool bulk = operation->bytes > 0;
	transact(client, operation, bulk ? 1 : operation->count / 4, operation->bytes / 4);
	struct quicd_counters before[2];
	for (int i = 0; i < 2; i++)
		before[i] = *sides[i].player.engine->workers[0].counters;
	syscall(SYS_getppid);
	transact(client, operation, operation->count, operation->bytes);
	syscall(SYS_getppid);
	printf("{\"operation\": \"%s\", \"unit\": \"%s\", \"units\": %u", operation->name,
	       operation->unit, operation->units);
	print_side("client", client, &before[0]);
	print_side("server", server, &before[1]);
	printf(",\n \"threads\": {\"%d\": \"client app\", \"%d\": \"server app\", "
	       "\"%d\": \"client worker\", \"%d\": \"server worker\"}}\n",
	       client->thread_id, server->thread_id,
	       client->player.engine->workers[0].thread_id,
	       server->player.engine->workers[0].thread_id);
	atomic_store(&ending, true);
	bell(server);
	pthread_join(server_thread, NULL);
	for (int i = 0; i < 2; i++) {
		quicd_app_detach(&sides[i].player.engine->apps[0]);
		quicd_engine_stop(sides[i].player.engine);
	}
}

static int list(void)
{
	for (size_t i = 0; i < OPERATION_COUNT; i++)
		printf("%s\t%s\n", OPERATIONS[i].name, OPERATIONS[i].unit);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	for (size_t i = 0; i < OPERATION_COUNT && argc == 3; i++)
		if (strcmp(argv[2], OPERATIONS[i].name) == 0) {
			run(&OPERATIONS[i], strcmp(argv[1], "io_uring") == 0
						    ? QUICD_BACKEND_IO_URING
						    : QUICD_BACKEND_SYSCALLS);
			return 0;
		}
	fprintf(stderr, "wire BACKEND OPERATION, or wire --list\n");
	return 2;
}
