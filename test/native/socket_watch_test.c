/* socket_watch_test.c - what the kernel drops because a socket's buffer is full is known. */
#include <netinet/udp.h>
#include "check.h"
#include "client.h"
#include "echo_app.h"
#include "net.h"
#include "server_options.h"

#define SEGMENT 1200
#define SEGMENTS 50

static enum quicd_backend backend;

/* Trains larger than the buffer, one after the other, faster than anybody takes them out. */
static void flood(int fd, int trains)
{
	static uint8_t train[SEGMENT * SEGMENTS];
	for (int i = 0; i < SEGMENTS; i++)
		train[i * SEGMENT] = 0x40; /* of no connection */
	for (int i = 0; i < trains; i++)
		(void)!send(fd, train, sizeof(train), 0);
}

static void drops_are_known(void)
{
	char error[512] = "";
	struct quicd_options options = default_options(1);
	options.backend = backend;
	options.socket_buffer_bytes = 65536;
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	struct echo_app *app = echo_start(engine);
	CHECK(engine->workers[0].net.udp.receive_buffer_bytes == 65536);
	struct qd_address local;
	const int fd = client_socket(engine->port, &local), segment = SEGMENT;
	REQUIRE(setsockopt(fd, SOL_UDP, 103 /* UDP_SEGMENT */, &segment, sizeof(segment)) == 0);
	const volatile uint64_t *drops = &engine->workers[0].counters->socket_drops;
	CHECK(*drops == 0);
	const uint64_t deadline = client_now_ns() + 20000000000ull;
	while (*drops == 0 && client_now_ns() < deadline) {
		flood(fd, 200);
		usleep(200000);
	}
	CHECK(*drops > 0);
	close(fd);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

int main(int argc, char **argv)
{
	char error[512];
	check_filter = argc > 1 ? argv[1] : NULL;
	backend = QUICD_BACKEND_IO_URING;
	if (quicd_uring_usable(4, error, sizeof(error)))
		check_case("drops are known, io_uring", drops_are_known);
	else
		check_skip("drops are known, io_uring", error);
	backend = QUICD_BACKEND_SYSCALLS;
	check_case("drops are known, syscalls", drops_are_known);
	return check_finish();
}
