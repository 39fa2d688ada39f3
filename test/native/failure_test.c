/*
 * failure_test.c - workers that lose their socket under load: their connections go on with the new
 * one, those of the other worker notice nothing, and nothing stays behind.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include "alloc.h"
#include "check.h"
#include "client.h"
#include "echo_app.h"
#include "echo_client.h"
#include "net.h"
#include "server_options.h"
#include "steer.h"

#define FAILURES 10

static enum quicd_routing routing;
static enum quicd_backend backend;
static struct quicd_engine *engine;

/*
 * Counters have one writer and are read while it writes, here as by JavaScript: no race to
 * report.
 */
__attribute__((no_sanitize("thread"))) static uint64_t
counter(uint32_t worker, size_t offset)
{
	return *(const volatile uint64_t *)((const char *)engine->workers[worker].counters +
					    offset);
}
#define COUNTER(worker, field) counter(worker, offsetof(struct quicd_counters, field))

static uint32_t open_files(void)
{
	uint32_t count = 0;
	DIR *directory = opendir("/proc/self/fd");
	REQUIRE(directory != NULL);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* A connection that worker |owner| has accepted. */
static void open_at(struct client *client, uint32_t owner)
{
	for (int tries = 0; tries < 100; tries++) {
		const uint64_t before = COUNTER(owner, accepted);
		*client = (struct client){0};
		client_open(client, engine->port);
		REQUIRE(client_handshake(client));
		if (COUNTER(owner, accepted) != before)
			return;
		client_close(client);
	}
	REQUIRE(false && "no connection came to that worker");
}

/* The client of the other worker, in a thread of its own: how long its slowest stream took. */
struct bystander {
	struct client client;
	_Atomic bool stop;
	uint32_t streams, failed;
};

static void *stand_by(void *argument)
{
	struct bystander *bystander = argument;
	while (!atomic_load(&bystander->stop)) {
		bystander->failed += !echo_stream(&bystander->client, bystander->streams * 4, 3000,
						  0, NULL);
		bystander->streams++;
	}
	return NULL;
}

static void lose_sockets(void)
{
	char error[512] = "";
	struct quicd_options options = default_options(2);
	options.routing = routing;
	options.backend = backend;
	const uint32_t files = open_files();
	struct quicd_memory before, after;
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	struct echo_app *app = echo_start(engine);
	struct client client;
	struct bystander *bystander = calloc(1, sizeof(*bystander));
	REQUIRE(bystander != NULL);
	open_at(&client, 0);
	open_at(&bystander->client, 1);
	const uint32_t files_serving = open_files();
	quicd_memory_read(&before);
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, stand_by, bystander) == 0);
	for (uint32_t i = 0; i < FAILURES; i++) {
		/* Every third time the first attempts to have a new one fail, too. */
		quicd_net_fail(&engine->workers[0], i % 3 == 2 ? 3 : 0);
		CHECK(echo_stream(&client, i * 4, 200000, 0, NULL));
		CHECK_SOON(COUNTER(0, failures) == i + 1);
	}
	atomic_store(&bystander->stop, true);
	pthread_join(thread, NULL);
	CHECK(bystander->failed == 0 && bystander->streams > 0);
	CHECK(COUNTER(1, failures) == 0);
	CHECK(open_files() == files_serving);
	/* New connections come to it, too. */
	struct client late;
	open_at(&late, 0);
	CHECK(echo_stream(&late, 0, 3000, 0, NULL));
	client_close(&late);
	client_close(&client);
	client_close(&bystander->client);
	free(bystander);
	/* The server hears of the end, and takes back what the connections held. */
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while ((COUNTER(0, live_connections) | COUNTER(1, live_connections) |
		COUNTER(0, chunks_live) | COUNTER(1, chunks_live)) != 0 &&
	       client_now_ns() < deadline)
		usleep(1000);
	CHECK(COUNTER(0, live_connections) == 0 && COUNTER(1, live_connections) == 0);
	CHECK(COUNTER(0, chunks_live) == 0 && COUNTER(1, chunks_live) == 0);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
	CHECK(open_files() == files);
	quicd_memory_read(&after);
	CHECK(after.live_objects <= before.live_objects);
}

static void stops_without_socket(void)
{
	char error[512] = "";
	const struct quicd_options options = default_options(2);
	engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	struct echo_app *app = echo_start(engine);
	struct client client;
	open_at(&client, 0);
	quicd_net_fail(&engine->workers[0], 1000);
	while (COUNTER(0, failures) == 0)
		usleep(1000);
	client_close(&client);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void run(const char *name, enum quicd_routing r, enum quicd_backend b, bool usable)
{
	routing = r;
	backend = b;
	if (usable)
		check_case(name, lose_sockets);
	else
		check_skip(name, "eBPF or io_uring is refused here");
}

int main(int argc, char **argv)
{
	char error[512];
	const bool ebpf = quicd_steer_usable(error, sizeof(error));
	const bool uring = quicd_uring_usable(4, error, sizeof(error));
	check_filter = argc > 1 ? argv[1] : NULL;
	run("lost sockets, ebpf, io_uring", QUICD_ROUTING_EBPF, QUICD_BACKEND_IO_URING,
	    ebpf && uring);
	run("lost sockets, forward, io_uring", QUICD_ROUTING_FORWARD, QUICD_BACKEND_IO_URING,
	    uring);
	run("lost sockets, ebpf, syscalls", QUICD_ROUTING_EBPF, QUICD_BACKEND_SYSCALLS, ebpf);
	run("lost sockets, forward, syscalls", QUICD_ROUTING_FORWARD, QUICD_BACKEND_SYSCALLS, true);
	check_case("a server without a socket can be stopped", stops_without_socket);
	return check_finish();
}
