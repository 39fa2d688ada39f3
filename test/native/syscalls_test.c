/*
 * syscalls_test.c - what only the backend with plain system calls has to get right by itself: error
 * queues and kernels without epoll_pwait2. net_test.c has what both can do.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "net_worker.h"

/*
 * "Port unreachable" for every train, and a socket that keeps these: what waits there would end
 * every epoll at once.
 */
static void an_error_queue_is_emptied(void)
{
	const int on = 1;
	open_worker(true, 1 << 20);
	REQUIRE(setsockopt(worker.net.udp.fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(queue_train(1, 1200, 1, closed_port()));
		quicd_net_wait(&worker, 0);
	}
	CHECK(sleeps());
	CHECK(setsockopt(worker.net.udp.fd, IPPROTO_IP, IP_RECVERR, &(int){ 0 }, sizeof(on)) == 0);
	receives_and_sends();
	close_worker();
}

/* What a sandbox does: the call fails with |code| for this thread from now on. */
static void refuse_epoll_pwait2(uint32_t code)
{
	struct sock_filter instructions[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(instructions) / sizeof(instructions[0]), .filter = instructions
	};
	REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void *wait_in_milliseconds(void *code)
{
	refuse_epoll_pwait2(*(const uint32_t *)code);
	a_wait_takes_its_time();
	open_worker(true, 1 << 20);
	receives_and_sends();
	const uint64_t before = worker.counters->system_calls;
	for (int i = 0; i < 10; i++)
		quicd_net_wait(&worker, 1500000);
	/* It is asked for once. */
	CHECK(worker.counters->system_calls == before + 10);
	close_worker();
	return NULL;
}

static void old_kernels_wait_in_milliseconds(void)
{
	static uint32_t codes[] = { ENOSYS, EPERM };
	for (int i = 0; i < 2; i++) {
		pthread_t thread;
		REQUIRE(pthread_create(&thread, NULL, wait_in_milliseconds, &codes[i]) == 0);
		pthread_join(thread, NULL);
	}
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	backend = &quicd_syscalls_backend;
	run("an error queue is emptied", NULL, an_error_queue_is_emptied);
	run("old kernels wait in milliseconds", NULL, old_kernels_wait_in_milliseconds);
	return check_finish();
}
