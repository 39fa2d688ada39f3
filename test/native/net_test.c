/*
 * net_test.c - both backends of net.h without QUIC: what comes in and goes out whole and in order,
 * what the kernel refuses, how waits end. io_uring's cases are skipped where it is not allowed.
 */
#include <netinet/udp.h>
#include <pthread.h>
#include "net_worker.h"

static struct {
	uint8_t bytes[QUICD_TRAIN_BYTES_MAX];
	uint32_t length, segment;
} whole;

static void look_at_whole_train(const struct quicd_received *received)
{
	CHECK(received->length == whole.length);
	CHECK(received->segment_bytes == whole.segment);
	CHECK(memcmp(received->bytes, whole.bytes, received->length) == 0);
}

/* More of them than there are buffers. */
static void whole_trains_come_in(int fd)
{
	for (uint32_t i = 0; i < whole.length; i++)
		whole.bytes[i] = (uint8_t)(i * 31 + (i >> 8));
	const int segment = (int)whole.segment;
	REQUIRE(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0);
	for (int i = 0; i < 40; i++) {
		CHECK(send(fd, whole.bytes, whole.length, 0) == whole.length);
		CHECK(take_all(1, look_at_whole_train) == 1);
	}
	CHECK(worker.counters->receive_calls == 40);
	CHECK(worker.counters->receive_truncated == 0);
	close(fd);
}

static void a_full_train_comes_in_whole(void)
{
	open_worker(true, 4 << 20);
	whole.segment = 1023;
	whole.length = 64 * whole.segment;
	whole_trains_come_in(open_peer());
	close_worker();
}

/* Loopback takes the longest ones apart, unless told otherwise; then only IPv6 ones stay whole. */
#define LONG_TRAIN_NETWORK "ip link set lo gso_max_size 100000"

static void the_longest_train_comes_in_whole(void)
{
	const int home = enter_network(LONG_TRAIN_NETWORK);
	REQUIRE(home >= 0);
	open_worker_at("::1", true, 4 << 20);
	struct sockaddr_in6 name = { .sin6_family = AF_INET6,
				     .sin6_port = htons(worker.net.udp.port),
				     .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	whole.segment = 1024;
	whole.length = QUICD_TRAIN_BYTES_MAX; /* 64 segments too */
	whole_trains_come_in(fd);
	close_worker();
	leave_network(home);
}

static void a_flood_comes_in_in_order(void)
{
	open_worker(true, 4 << 20);
	const int fd = open_peer();
	small_next = 0;
	for (uint32_t i = 0; i < 2 * QUICD_NET_BATCH + 3; i++)
		CHECK(send(fd, &i, sizeof(i), 0) == sizeof(i));
	CHECK(take_all(2 * QUICD_NET_BATCH + 3, look_at_small) == 2 * QUICD_NET_BATCH + 3);
	CHECK(sleeps());
	close(fd);
	close_worker();
}

static void a_cut_datagram_is_counted(void)
{
	static const uint8_t large[3000];
	open_worker(false, 4 << 20);
	const int fd = open_peer();
	small_next = 0;
	/* The buffers of the cut ones are free again: there would not be enough otherwise. */
	for (uint32_t i = 0; i < 1000; i++) {
		CHECK(send(fd, large, sizeof(large), 0) == sizeof(large));
		CHECK(send(fd, &i, sizeof(i), 0) == sizeof(i));
		CHECK(take_all(1, look_at_small) == 1);
	}
	CHECK(worker.counters->receive_truncated == 1000);
	CHECK(worker.counters->receive_calls == 2000);
	close(fd);
	close_worker();
}

/* More than there are buffers in one go, and single datagrams between trains. */
static void trains_leave_in_order(void)
{
	open_worker(true, 4 << 20);
	const int fd = open_peer();
	const struct qd_address to = peer_address(fd);
	struct got got = { 0 };
	for (uint32_t i = 0; i < 3 * QUICD_SEND_BUFFERS; i++) {
		while (!queue_train(i, 1200, 4, to)) {
			quicd_net_wait(&worker, 0);
			read_peer(fd, 1200, &got);
		}
	}
	quicd_net_wait(&worker, 0);
	read_peer(fd, 1200, &got);
	CHECK(has_all(&got, 3 * QUICD_SEND_BUFFERS, 4) && !got.out_of_order);
	CHECK(worker.counters->send_errors == 0);
	close(fd);
	close_worker();
}

static void a_refused_train_is_lost_alone(void)
{
	open_worker(true, 4 << 20);
	const int fd = open_peer();
	const struct qd_address to = peer_address(fd);
	struct qd_address nowhere = to;
	nowhere.port = 0;
	struct got got = { 0 };
	CHECK(queue_train(9, 1200, 2, nowhere));
	CHECK(queue_train(0, 1200, 2, to));
	CHECK(queue_train(9, 1200, 2, nowhere));
	CHECK(queue_train(9, 1200, 2, nowhere));
	CHECK(queue_train(1, 1200, 2, to));
	CHECK(queue_train(9, 1200, 2, nowhere));
	quicd_net_wait(&worker, 0);
	quicd_net_wait(&worker, 0);
	read_peer(fd, 1200, &got);
	CHECK(has_all(&got, 2, 2) && !got.out_of_order);
	CHECK(worker.counters->send_errors == 4);
	close(fd);
	close_worker();
}

/* Loopback that sends 200 Mbit/s and keeps the rest waiting, which fills the sender's buffer. */
#define SLOW_NETWORK "tc qdisc add dev lo root tbf rate 200mbit burst 128kb limit 16mb"

static void a_full_socket_loses_nothing(void)
{
	const int home = enter_network(SLOW_NETWORK);
	REQUIRE(home >= 0);
	open_worker(true, 64 << 10);
	const int fd = open_peer();
	const struct qd_address to = peer_address(fd);
	struct got got = { 0 };
	uint32_t queued = 0;
	const uint64_t deadline = client_now_ns() + 20 * SECOND_NS;
	while (got.datagrams < MAX_TRAINS * 10 && client_now_ns() < deadline) {
		while (queued < MAX_TRAINS && queue_train(queued, 1200, 10, to))
			queued++;
		quicd_net_wait(&worker, SECOND_NS / 10);
		take(NULL);
		read_peer(fd, 1200, &got);
	}
	CHECK(has_all(&got, MAX_TRAINS, 10));
	CHECK(worker.counters->send_errors == 0);
	/* io_uring wakes all sends that wait for room, and any of them may be first. */
	CHECK(!got.out_of_order || backend == &quicd_uring_backend);
	/* So the socket was full; and to wait until it is not did not mean to keep asking. */
	CHECK(worker.counters->send_pool_empty > 0);
	CHECK(worker.counters->system_calls < 4 * MAX_TRAINS);
	CHECK(sleeps());
	printf("     %u trains%s, %llu times no buffer, %llu system calls\n", MAX_TRAINS,
	       got.out_of_order ? " out of order" : "",
	       (unsigned long long)worker.counters->send_pool_empty,
	       (unsigned long long)worker.counters->system_calls);
	close(fd);
	close_worker();
	leave_network(home);
}

#define KICKS 2000u

static pthread_barrier_t opened;

/* Parks again and again; nothing but a kick ends a wait. */
static void *park_often(void *longest)
{
	open_worker(true, 1 << 20);
	pthread_barrier_wait(&opened);
	for (uint32_t i = 0; i < KICKS; i++) {
		const uint64_t start = client_now_ns();
		atomic_store(&worker.parked, 1);
		quicd_net_wait(&worker, 20 * SECOND_NS);
		CHECK(atomic_load(&worker.parked) == 0);
		const uint64_t took = client_now_ns() - start;
		if (took > *(uint64_t *)longest)
			*(uint64_t *)longest = took;
	}
	CHECK(worker.counters->kicks == KICKS);
	CHECK(sleeps());
	return NULL;
}

static void a_kick_wakes(void)
{
	pthread_t thread;
	uint64_t longest = 0;
	pthread_barrier_init(&opened, NULL, 2);
	REQUIRE(pthread_create(&thread, NULL, park_often, &longest) == 0);
	pthread_barrier_wait(&opened);
	/* Sometimes on its way into the kernel, sometimes when it has long slept. */
	for (uint32_t i = 0; i < KICKS; i++) {
		while (atomic_load(&worker.parked) == 0)
			sched_yield();
		if (i % 4 == 0)
			usleep(i % 300);
		quicd_worker_kick(&worker);
	}
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&opened);
	CHECK(longest < 10 * SECOND_NS);
	close_worker();
}

/* Kicks that come before the wait, alone and beside a datagram. */
static void no_kick_is_missed(void)
{
	open_worker(true, 1 << 20);
	const int fd = open_peer();
	for (uint32_t i = 0; i < 100; i++) {
		const uint64_t start = client_now_ns();
		const bool beside = i % 2 == 1;
		worker.load_quarters = i % 4 < 2 ? 0 : 100; /* idle, busy */
		small_next = i;
		atomic_store(&worker.parked, 1);
		quicd_worker_kick(&worker);
		if (beside)
			CHECK(send(fd, &i, sizeof(i), 0) == sizeof(i));
		uint32_t taken = 0;
		for (int n = 0; n < 3 && (worker.counters->kicks <= i || taken < beside); n++) {
			/* Gathering waits for more than there is: briefly. */
			quicd_net_wait(&worker, 20 * SECOND_NS);
			taken += take(look_at_small);
		}
		CHECK(worker.counters->kicks == i + 1);
		CHECK(taken == beside);
		CHECK(client_now_ns() - start < 10 * SECOND_NS);
	}
	worker.load_quarters = 0;
	CHECK(sleeps());
	close(fd);
	close_worker();
}

/* "Port unreachable" comes back for every train: it is no error of ours. */
static void icmp_errors_end_nothing(void)
{
	open_worker(true, 1 << 20);
	for (int i = 0; i < 20; i++) {
		CHECK(queue_train(1, 1200, 1, closed_port()));
		quicd_net_wait(&worker, 0);
	}
	CHECK(sleeps());
	receives_and_sends();
	CHECK(worker.counters->send_errors == 0);
	close_worker();
}

/* The next descriptor that is free, and mapped memory in pages. */
static void read_holdings(int *descriptor, long *pages)
{
	*descriptor = dup(0);
	close(*descriptor);
	FILE *file = fopen("/proc/self/statm", "re");
	REQUIRE(file && fscanf(file, "%ld", pages) == 1);
	fclose(file);
}

static void a_stop_frees_everything(void)
{
	int descriptor[2];
	long pages[2];
	open_worker(true, 1 << 20);
	close_worker();
	read_holdings(&descriptor[0], &pages[0]);
	for (int i = 0; i < 20; i++) {
		open_worker(true, 1 << 20);
		CHECK(queue_train(1, 1200, 1, closed_port()));
		close_worker();
	}
	read_holdings(&descriptor[1], &pages[1]);
	CHECK(descriptor[1] == descriptor[0]);
	/* One pool of sends alone has 2048 pages; an allocator may keep a few. */
	CHECK(pages[1] - pages[0] < 1024);
}

static void run_both(const char *missing)
{
	const char *no_network =
		missing                               ? missing
		: networks_usable(LONG_TRAIN_NETWORK) ? NULL
						      : "a network of its own needs root and ip";
	run("a full train comes in whole", missing, a_full_train_comes_in_whole);
	run("the longest train comes in whole", no_network, the_longest_train_comes_in_whole);
	run("a flood comes in, in order", missing, a_flood_comes_in_in_order);
	run("a cut datagram is counted, its buffer free", missing, a_cut_datagram_is_counted);
	run("trains leave in order", missing, trains_leave_in_order);
	run("a train that the kernel refuses is lost alone", missing,
	    a_refused_train_is_lost_alone);
	const char *no_tc = missing                         ? missing
			    : networks_usable(SLOW_NETWORK) ? NULL
							    : "a slow link needs root, ip and tc";
	run("a full socket loses nothing", no_tc, a_full_socket_loses_nothing);
	run("a kick wakes, every time", missing, a_kick_wakes);
	run("no kick is missed", missing, no_kick_is_missed);
	run("a wait takes its time", missing, a_wait_takes_its_time);
	run("ICMP errors end nothing", missing, icmp_errors_end_nothing);
	run("a stop frees everything", missing, a_stop_frees_everything);
}

int main(int argc, char **argv)
{
	char no_uring[256];
	check_filter = argc > 1 ? argv[1] : NULL;
	backend = &quicd_uring_backend;
	run_both(quicd_uring_usable(4, no_uring, sizeof(no_uring)) ? NULL : no_uring);
	backend = &quicd_syscalls_backend;
	run_both(NULL);
	return check_finish();
}
