/*
 * engine_test.c - a whole server over loopback, driven from C: handshake, echo by reference,
 * datagrams, rebinding, a slow consumer, an app thread that vanishes, garbage. Two workers, either
 * backend; every case ends with nothing leaked.
 */
#include <pthread.h>
#include <stdlib.h>
#include "alloc.h"
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "keys.h"
#include "server_options.h"

static enum quicd_backend backend; /* of the cases that run now */

static const char *backend_name(void)
{
	return backend == QUICD_BACKEND_IO_URING ? "io_uring" : "syscalls";
}

static struct quicd_engine *start_for(uint32_t workers, uint64_t handshake_timeout_ms)
{
	char error[256] = "";
	struct quicd_options options = default_options(workers);
	options.backend = backend;
	options.handshake_timeout_ms = handshake_timeout_ms;
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	REQUIRE(strcmp(engine->backend->name, backend_name()) == 0);
	return engine;
}

static struct quicd_engine *start(uint32_t workers)
{
	return start_for(workers, 10000);
}

static void echoes_streams(void)
{
	struct quicd_engine *engine = start(2);
	struct echo_app *app = echo_start(engine);
	for (int i = 0; i < 6; i++) {
		struct client client;
		client_open(&client, engine->port);
		CHECK(client_handshake(&client));
		CHECK(echo_stream(&client, 0, 0, 0, NULL));
		CHECK(echo_stream(&client, 4, 1, 0, NULL));
		CHECK(echo_stream(&client, 8, 3000000, 0, NULL));
		client_close(&client);
	}
	echo_stop(app);
	CHECK(app->connected == 6);
	free(app);
	quicd_engine_stop(engine);
}

/* The next port only when the server has seen the last one: else it sees fewer than there were. */
static struct quicd_engine *rebinding_engine;
static uint64_t rebindings_made;

/* Counters are plain: a look at them from another thread may be late, and is a race to TSan. */
__attribute__((no_sanitize("thread"))) static uint64_t rebindings_seen(void)
{
	return rebinding_engine->workers[0].counters->rebindings;
}

static void rebind_when_seen(struct client *client)
{
	if (rebindings_seen() < rebindings_made)
		return;
	client_rebind(client);
	rebindings_made++;
}

static void survives_rebinding(void)
{
	struct quicd_engine *engine = start(1);
	struct echo_app *app = echo_start(engine);
	struct client client;
	rebinding_engine = engine;
	rebindings_made = 0;
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(echo_stream(&client, 0, 8000000, 100000, rebind_when_seen));
	/* Well above the 8 that quiche survived before it gave up paths. */
	CHECK(rebindings_seen() >= 12);
	client_close(&client);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void echoes_datagrams(void)
{
	struct quicd_engine *engine = start(1);
	struct echo_app *app = echo_start(engine);
	struct client client;
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	uint32_t back = 0;
	for (uint32_t i = 0; i < 200; i++) {
		uint8_t bytes[1000], got[2000];
		memset(bytes, (int)i, sizeof(bytes));
		CHECK(qd_datagram_send_copy(client.quiche, bytes, sizeof(bytes)) == 0);
		const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
		ssize_t length = QD_DONE;
		while (length < 0 && client_now_ns() < deadline) {
			client_turn(&client, 5);
			length = qd_datagram_recv(client.quiche, got, sizeof(got));
		}
		back += length == sizeof(bytes) && memcmp(got, bytes, sizeof(bytes)) == 0;
	}
	CHECK(back == 200);
	client_close(&client);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

/* 8 MiB at an application that reads nothing: the peer meets flow control, and all of it arrives
 * later. */
static void slow_consumer_meets_flow_control(void)
{
	struct quicd_engine *engine = start(1);
	struct echo_app *app = echo_start(engine);
	struct client client;
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	atomic_store(&app->hold, true);
	uint64_t sent = 0, error_code = 0;
	static uint8_t chunk[16384];
	/* Until a window is full, and some time longer, in which no more may go. */
	uint64_t until = client_now_ns() + CHECK_WAIT_NS;
	bool full = false;
	while (client_now_ns() < until) {
		if (sent >= 1 << 20 && !full) {
			full = true;
			until = client_now_ns() + 700000000;
		}
		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = byte_at(sent + i, 0);
		const ssize_t taken = qd_stream_send_copy(client.quiche, 0, chunk, sizeof(chunk),
							  false, &error_code);
		if (taken > 0)
			sent += (uint64_t)taken;
		client_turn(&client, 2);
	}
	/* One stream window, and what the bound of chunks lets through. */
	CHECK(sent >= 1 << 20);
	CHECK(sent <= (1 << 20) + 64 * 16384 + (2 << 20));
	atomic_store(&app->hold, false);
	uint64_t received = 0;
	bool fin = false, fin_sent = false;
	const uint64_t deadline = client_now_ns() + 30000000000ull;
	while (!fin && client_now_ns() < deadline) {
		if (!fin_sent)
			fin_sent = qd_stream_send_copy(client.quiche, 0, NULL, 0, true,
						       &error_code) >= 0;
		client_turn(&client, 2);
		ssize_t got;
		while ((got = qd_stream_recv(client.quiche, 0, chunk, sizeof(chunk), &fin,
					     &error_code)) >= 0) {
			for (ssize_t i = 0; i < got; i++)
				CHECK(chunk[i] == byte_at(received + (uint64_t)i, 0));
			received += (uint64_t)got;
			if (fin)
				break;
		}
	}
	CHECK(fin && received == sent);
	client_close(&client);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

/* The app thread goes without a word while chunks are leased; another takes its place and finds
 * everything free. */
static void app_thread_vanishes(void)
{
	struct quicd_engine *engine = start(2);
	for (int round = 0; round < 20; round++) {
		struct echo_app *app = NULL;
		const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
		while (atomic_load(&engine->apps[0].state) != QUICD_APP_FREE &&
		       client_now_ns() < deadline)
			usleep(1000);
		app = echo_start(engine);
		struct client client;
		client_open(&client, engine->port);
		CHECK(client_handshake(&client));
		atomic_store(&app->hold, true);
		uint64_t error_code = 0;
		static uint8_t chunk[16384];
		for (int i = 0; i < 20; i++) {
			qd_stream_send_copy(client.quiche, 0, chunk, sizeof(chunk), false,
					    &error_code);
			client_turn(&client, 1);
		}
		echo_stop(app); /* chunks in the ring and in the queue stay leased */
		struct qd_close_reason reason = {0};
		for (int i = 0; i < 200 && !qd_peer_error(client.quiche, &reason); i++)
			client_turn(&client, 5);
		CHECK(qd_peer_error(client.quiche, &reason) && !reason.application &&
		      reason.error_code == 1);
		client_close(&client);
		free(app);
	}
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (atomic_load(&engine->apps[0].state) != QUICD_APP_FREE && client_now_ns() < deadline)
		usleep(1000);
	CHECK_SOON(TOTAL(engine, chunks_live) == 0 && TOTAL(engine, live_connections) == 0);
	quicd_engine_stop(engine);
}

static void refuses_misuse(void)
{
	struct quicd_engine *engine = start(1);
	struct echo_app *app = echo_start(engine);
	const uint32_t h = app->handle;
	const uint32_t buffer = quicd_buffer_take(h, QUICD_BUFFER_SMALL);
	CHECK(buffer != QUICD_NONE);
	CHECK(quicd_buffer_release(h, 1, buffer) == QUICD_OK);
	CHECK(quicd_buffer_release(h, 1, buffer) == QUICD_REFUSED_INVALID);
	CHECK(quicd_buffer_release(h, 99, 0) == QUICD_REFUSED_INVALID);
	CHECK(quicd_buffer_retain(h, 0, UINT32_MAX) == QUICD_REFUSED_INVALID);
	CHECK(quicd_buffer_take(h, 7) == QUICD_NONE);
	CHECK(quicd_events_peek(h, 64) == 0);
	CHECK(quicd_events_peek(UINT32_MAX, 0) == 0);
	CHECK(quicd_commands_reserve(UINT32_MAX, 0) == QUICD_NONE);
	const uint32_t place = quicd_commands_reserve(h, 0);
	struct quicd_command *command = &engine->apps[0].links[0].draft[place];
	*command = (struct quicd_command){
		.kind = QUICD_COMMAND_WRITE, .slab = 1, .buffer = buffer, .length = 10};
	CHECK(quicd_commands_commit(h, 0) == QUICD_REFUSED_INVALID); /* not leased */
	command->kind = 77;
	CHECK(quicd_commands_commit(h, 0) == QUICD_REFUSED_INVALID);
	CHECK(engine->apps[0].view->misuses == 5);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

/* Random bytes, and real Initials with bytes turned over; the server answers who is well-behaved
 * all the same. */
static void shrugs_off_garbage(void)
{
	/* What looks like a beginning takes places, and the client waits until they are free. */
	struct quicd_engine *engine = start_for(2, 1000);
	struct echo_app *app = echo_start(engine);
	struct client client;
	client_open(&client, engine->port);
	struct qd_train train;
	static uint8_t initial[2048], datagram[2048];
	const ssize_t bytes = qd_send_train(client.quiche, initial, sizeof(initial), 1, &train);
	REQUIRE(bytes >= 1200);
	struct qd_address unused;
	const int fd = client_socket(engine->port, &unused);
	uint64_t state = 88172645463325252ull;
	for (int i = 0; i < 20000; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		size_t length = state % 1500;
		if (i % 2) {
			length = (size_t)bytes;
			memcpy(datagram, initial, length);
			for (int n = 0; n < 3; n++)
				datagram[(state >> n * 8) % (i % 4 == 1 ? 40 : length)] ^=
					(uint8_t)(state >> 32);
		} else {
			for (size_t n = 0; n < length; n++)
				datagram[n] = (uint8_t)(state * (n + 7) >> 13);
		}
		(void)!send(fd, datagram, length, 0);
	}
	close(fd);
	(void)!send(client.fd, initial, (size_t)bytes, 0);
	CHECK(client_handshake(&client));
	CHECK(echo_stream(&client, 0, 100000, 0, NULL));
	client_close(&client);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void start_errors_are_readable(void)
{
	struct quicd_options options = default_options(1);
	char error[256] = "";
	options.private_key_pem = "nonsense";
	options.private_key_pem_bytes = 8;
	CHECK(quicd_engine_start(&options, error, sizeof(error)) == NULL);
	printf("     %s\n", error);
	CHECK(error[0] != 0);
	options = default_options(1);
	struct quicd_engine *engine = start(1);
	options.port = engine->port;
	CHECK(quicd_engine_start(&options, error, sizeof(error)) == NULL);
	printf("     %s\n", error);
	CHECK(strstr(error, "in use") != NULL);
	quicd_engine_stop(engine);
}

static void nothing_stays_behind(void)
{
	struct quicd_memory memory;
	quicd_memory_read(&memory);
	printf("     %lld bytes in %lld objects\n", (long long)memory.live_bytes,
	       (long long)memory.live_objects);
	CHECK(memory.live_bytes < 65536); /* what the libraries keep for the life of the process */
}

/* Every case on |wanted|; |missing| says why it cannot be had here, or is NULL. */
static void run_all(enum quicd_backend wanted, const char *missing)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} CASES[] = {
		{ "start errors are readable", start_errors_are_readable },
		{ "echoes streams by reference, two workers", echoes_streams },
		{ "survives rebindings in one transfer", survives_rebinding },
		{ "echoes datagrams", echoes_datagrams },
		{ "a slow consumer meets flow control", slow_consumer_meets_flow_control },
		{ "an app thread vanishes, twenty times", app_thread_vanishes },
		{ "misuse by the app thread is refused", refuses_misuse },
		{ "shrugs off garbage", shrugs_off_garbage },
		{ "nothing stays behind", nothing_stays_behind },
	};
	backend = wanted;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char name[128];
		snprintf(name, sizeof(name), "%s: %s", backend_name(), CASES[i].name);
		if (missing)
			check_skip(name, missing);
		else
			check_case(name, CASES[i].run);
	}
}

int main(int argc, char **argv)
{
	char no_uring[256];
	check_filter = argc > 1 ? argv[1] : NULL;
	run_all(QUICD_BACKEND_IO_URING,
		quicd_uring_usable(4, no_uring, sizeof(no_uring)) ? NULL : no_uring);
	run_all(QUICD_BACKEND_SYSCALLS, NULL);
	return check_finish();
}
