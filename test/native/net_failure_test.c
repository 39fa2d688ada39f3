/* net_failure_test.c - sockets that are of no more use, on both backends: noticed, and replaced. */
#include "net_worker.h"

static void shut_down(void)
{
	shutdown(worker.net.udp.fd, SHUT_RDWR);
}

static void replace_by_something_else(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	REQUIRE(dup2(null, worker.net.udp.fd) == worker.net.udp.fd);
	close(null);
}

/* As an administrator may: of this test's own network there is only one socket to destroy. */
#define DESTROY "ss -K -u -a"

static void destroy(void)
{
	REQUIRE(system(DESTROY " >/dev/null") == 0);
}

/* It is noticed, asleep or busy, without spinning; and there is a new one. */
static void is_replaced_after(void (*lose)(void))
{
	for (int busy = 0; busy < 2; busy++) {
		open_worker(true, 1 << 20);
		const uint16_t port = worker.net.udp.port;
		worker.load_quarters = busy ? 100 : 0;
		lose();
		const int peer = open_peer();
		CHECK(queue_train(0, 1200, 1, peer_address(peer)));
		const uint64_t deadline = client_now_ns() + 5 * SECOND_NS;
		while (!worker.net.failed && client_now_ns() < deadline)
			quicd_net_wait(&worker, SECOND_NS / 10);
		CHECK(worker.net.failed);
		CHECK(worker.counters->system_calls < 100);
		quicd_worker_tick(&worker);
		quicd_net_look_after(&worker);
		CHECK(worker.counters->failures == 1 && worker.net.udp.port == port);
		worker.load_quarters = 0;
		CHECK(sleeps());
		receives_and_sends();
		close(peer);
		close_worker();
	}
}

static void a_shut_down_socket_is_replaced(void)
{
	is_replaced_after(shut_down);
}

static void a_vanished_socket_is_replaced(void)
{
	is_replaced_after(replace_by_something_else);
}

static void a_destroyed_socket_is_replaced(void)
{
	const int home = enter_network(DESTROY);
	REQUIRE(home >= 0);
	is_replaced_after(destroy);
	leave_network(home);
}

static void run_both(const char *missing)
{
	const char *no_ss = missing                    ? missing
			    : networks_usable(DESTROY) ? NULL
						       : "destroying sockets needs root and ss";
	run("a socket that is shut down is replaced", missing, a_shut_down_socket_is_replaced);
	run("a socket that vanished is replaced", missing, a_vanished_socket_is_replaced);
	run("a socket that is destroyed is replaced", no_ss, a_destroyed_socket_is_replaced);
}

int main(int argc, char **argv)
{
	char no_uring[256];
	check_filter = argc > 1 ? argv[1] : NULL;
	backend = &quicd_uring_backend;
	run_both(quicd_uring_usable(1, no_uring, sizeof(no_uring)) ? NULL : no_uring);
	backend = &quicd_syscalls_backend;
	run_both(NULL);
	return check_finish();
}
