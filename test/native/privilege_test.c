/*
 * privilege_test.c - CAP_BPF leaves every thread of a process that is not root's, whatever the
 * threads are at, and with it bpf(2).
 *
 * Each case runs in a process of its own, which starts as root and goes on as nobody with CAP_BPF
 * alone, as a service does that systemd starts.
 */
#include "privilege.h"
#include <errno.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>
#include "check.h"

#ifndef __has_feature /* gcc */
#define __has_feature(name) 0
#endif

#define NOBODY 65534
#define THREADS 12
#define CHURN_THREADS 4 /* each starts and joins others all the time */

/* 0, or the errno. A queue is a map that always asks for CAP_BPF, whatever sysctls say. */
static int bpf_errno(void)
{
	union bpf_attr attributes = { .map_type = BPF_MAP_TYPE_QUEUE,
				      .value_size = 4,
				      .max_entries = 1 };
	const int map = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes));
	if (map >= 0)
		close(map);
	return map >= 0 ? 0 : errno;
}

static void read_own(struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	REQUIRE(syscall(SYS_capget, &header, sets) == 0);
}

static bool thread_holds(void)
{
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	read_own(sets);
	const struct __user_cap_data_struct *set = &sets[CAP_TO_INDEX(CAP_BPF)];
	return ((set->permitted | set->effective | set->inheritable) & CAP_TO_MASK(CAP_BPF)) ||
	       prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_BPF, 0, 0) == 1;
}

/* From the outside, as an operator would look: lines of all threads that name the bit. */
static uint32_t lines_with_bit(const char *names)
{
	uint32_t count = 0;
	DIR *threads = opendir("/proc/self/task");
	REQUIRE(threads);
	for (struct dirent *entry; (entry = readdir(threads));) {
		char path[300], line[256], name[16];
		unsigned long long value;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		FILE *status = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (status && fgets(line, sizeof(line), status))
			if (sscanf(line, "%15[A-Za-z]:\t%llx", name, &value) == 2 &&
			    strstr(names, name) && (value >> CAP_BPF & 1))
				count++;
		if (status)
			fclose(status);
	}
	closedir(threads);
	return count;
}

/* Nobody from here on, with CAP_BPF in every set, and |more| permitted and effective. */
static void become_service_with(uint32_t more)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct *set = &sets[CAP_TO_INDEX(CAP_BPF)];
	set->permitted = set->effective = set->inheritable = CAP_TO_MASK(CAP_BPF);
	sets[0].permitted = sets[0].effective = more;
	REQUIRE(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	REQUIRE(setresgid(NOBODY, NOBODY, NOBODY) == 0);
	REQUIRE(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	REQUIRE(syscall(SYS_capset, &header, sets) == 0);
	REQUIRE(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_BPF, 0, 0) == 0);
	REQUIRE(thread_holds() && bpf_errno() == 0);
}

static void become_service(void)
{
	become_service_with(0);
}

static struct {
	_Atomic uint32_t ready;
	atomic_bool done;
	atomic_bool unblock;
	sem_t end;
	int pipe[2];
	_Atomic uint32_t held_at_first, held_at_last, bpf_allowed, in_bounding_set;
	_Atomic uint32_t churned;
} world;

static void enter(void)
{
	atomic_fetch_add(&world.held_at_first, thread_holds());
	atomic_fetch_add(&world.ready, 1);
}

static void *leave(void)
{
	atomic_fetch_add(&world.held_at_last, thread_holds());
	atomic_fetch_add(&world.bpf_allowed, bpf_errno() != EPERM);
	atomic_fetch_add(&world.in_bounding_set, prctl(PR_CAPBSET_READ, CAP_BPF, 0, 0, 0) == 1);
	return NULL;
}

static void *spinning(void *unused)
{
	(void)unused;
	struct timespec now;
	enter();
	while (!atomic_load(&world.done))
		clock_gettime(CLOCK_MONOTONIC, &now);
	return leave();
}

static void *waiting(void *unused)
{
	(void)unused;
	enter();
	while (sem_wait(&world.end) != 0)
		REQUIRE(errno == EINTR);
	return leave();
}

/* The handler restarts it: no short read, no EINTR. */
__attribute__((unused)) static void *reading(void *unused)
{
	(void)unused;
	char byte;
	enter();
	CHECK(read(world.pipe[0], &byte, 1) == 1);
	return leave();
}

/* As Bun's allocator does for the thread that gives memory back. */
static void *background(void *unused)
{
	static const int OF_FAULTS[] = { SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV };
	sigset_t blocked;
	sigfillset(&blocked);
	for (uint32_t i = 0; i < sizeof(OF_FAULTS) / sizeof(OF_FAULTS[0]); i++)
		sigdelset(&blocked, OF_FAULTS[i]);
	sigdelset(&blocked, QUICD_PRIVILEGE_SIGNAL);
	REQUIRE(pthread_sigmask(SIG_SETMASK, &blocked, NULL) == 0);
	return waiting(unused);
}

static void *short_lived(void *unused)
{
	(void)unused;
	atomic_fetch_add(&world.churned, 1);
	return NULL;
}

static void *churning(void *unused)
{
	(void)unused;
	enter();
	while (!atomic_load(&world.done)) {
		pthread_t thread;
		REQUIRE(pthread_create(&thread, NULL, short_lived, NULL) == 0);
		pthread_join(thread, NULL);
	}
	return leave();
}

static void start(pthread_t *thread, void *(*run)(void *))
{
	REQUIRE(pthread_create(thread, NULL, run, NULL) == 0);
}

static void await(const _Atomic uint32_t *value, uint32_t wanted)
{
	while (atomic_load(value) < wanted)
		usleep(1000);
}

static void every_thread_drops(void)
{
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
	/* ThreadSanitizer keeps a signal back until read() returns. */
	static void *(*const KINDS[])(void *) = { spinning, waiting, background, waiting };
#else
	static void *(*const KINDS[])(void *) = { spinning, waiting, background, reading };
#endif
	pthread_t threads[THREADS + CHURN_THREADS];
	become_service();
	REQUIRE(sem_init(&world.end, 0, 0) == 0 && pipe(world.pipe) == 0);
	for (uint32_t i = 0; i < THREADS; i++)
		start(&threads[i], KINDS[i % 4]);
	for (uint32_t i = 0; i < CHURN_THREADS; i++)
		start(&threads[THREADS + i], churning);
	await(&world.ready, THREADS + CHURN_THREADS);
	await(&world.churned, CHURN_THREADS);
	CHECK(atomic_load(&world.held_at_first) == THREADS + CHURN_THREADS);
	CHECK(lines_with_bit("CapInhCapPrmCapEffCapAmb") >= 4 * (THREADS + CHURN_THREADS));

	char note[256] = "?";
	quicd_privilege_drop(note, sizeof(note));
	CHECK(strcmp(note, "") == 0);
	CHECK(lines_with_bit("CapInhCapPrmCapEffCapAmb") == 0);
	CHECK(!thread_holds() && bpf_errno() == EPERM);

	/* Threads that start from now on have nothing either, and nothing is left to drop. */
	const uint32_t before = atomic_load(&world.churned);
	await(&world.churned, before + CHURN_THREADS);
	CHECK(lines_with_bit("CapInhCapPrmCapEffCapAmb") == 0);
	CHECK(quicd_privilege_drop_bpf() == 0);
	atomic_store(&world.done, true);
	/* For each thread, whichever of the two it waits for. */
	for (uint32_t i = 0; i < THREADS; i++)
		REQUIRE(sem_post(&world.end) == 0 && write(world.pipe[1], "", 1) == 1);
	for (uint32_t i = 0; i < THREADS + CHURN_THREADS; i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&world.held_at_last) == 0);
	CHECK(atomic_load(&world.bpf_allowed) == 0);
}

static void *blocking_signals(void *unused)
{
	(void)unused;
	sigset_t all, before;
	sigfillset(&all);
	REQUIRE(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
	enter();
	while (!atomic_load(&world.unblock))
		usleep(1000);
	REQUIRE(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
	while (!atomic_load(&world.done))
		usleep(1000);
	return leave();
}

/* It is counted, the warning says so, and it drops as soon as it can: nothing ends the process. */
static void a_deaf_thread_is_counted(void)
{
	pthread_t deaf;
	become_service();
	start(&deaf, blocking_signals);
	await(&world.ready, 1);
	char note[256] = "";
	quicd_privilege_drop(note, sizeof(note));
	CHECK(strstr(note, "threads that still hold CAP_BPF: 1,") == note);
	CHECK(strstr(note, "forward") != NULL);
	CHECK(!thread_holds() && lines_with_bit("CapEff") == 1);
	CHECK(quicd_privilege_drop_bpf() == 1);
	atomic_store(&world.unblock, true);
	for (uint32_t i = 0; i < 5000 && lines_with_bit("CapEff") > 0; i++)
		usleep(1000);
	CHECK(lines_with_bit("CapInhCapPrmCapEffCapAmb") == 0);
	atomic_store(&world.done, true);
	pthread_join(deaf, NULL);
	CHECK(atomic_load(&world.held_at_last) == 0);
}

static _Atomic uint32_t host_signals;

static void of_the_host(int signal)
{
	(void)signal;
	atomic_fetch_add(&host_signals, 1);
}

/* While a thread has not answered yet ours stays in front, and passes on what it did not send. */
static void the_host_keeps_its_handler(void)
{
	pthread_t deaf;
	struct sigaction host = { .sa_handler = of_the_host }, found;
	become_service();
	REQUIRE(sigaction(QUICD_PRIVILEGE_SIGNAL, &host, NULL) == 0);
	start(&deaf, blocking_signals);
	await(&world.ready, 1);
	CHECK(quicd_privilege_drop_bpf() == 1);
	REQUIRE(raise(QUICD_PRIVILEGE_SIGNAL) == 0);
	CHECK(atomic_load(&host_signals) == 1);
	atomic_store(&world.unblock, true);
	atomic_store(&world.done, true);
	pthread_join(deaf, NULL);
	CHECK(atomic_load(&world.held_at_last) == 0);
	CHECK(quicd_privilege_drop_bpf() == 0);
	REQUIRE(sigaction(QUICD_PRIVILEGE_SIGNAL, NULL, &found) == 0);
	CHECK(found.sa_handler == of_the_host);
	CHECK(atomic_load(&host_signals) == 1);
}

/* Without one of the host's it means what it always means. */
static void a_real_one_still_kills(void)
{
	pthread_t deaf;
	become_service();
	start(&deaf, blocking_signals);
	await(&world.ready, 1);
	CHECK(quicd_privilege_drop_bpf() == 1);
	if (check_case_failures > 0)
		_exit(1);
	raise(QUICD_PRIVILEGE_SIGNAL);
}

/* What is not in the bounding set can't come back by starting a program that has it. */
static void the_bounding_set_follows(void)
{
	pthread_t thread;
	become_service_with(CAP_TO_MASK(CAP_SETPCAP));
	REQUIRE(sem_init(&world.end, 0, 0) == 0);
	start(&thread, waiting);
	await(&world.ready, 1);
	CHECK(lines_with_bit("CapBnd") >= 2);
	CHECK(quicd_privilege_drop_bpf() == 0);
	CHECK(lines_with_bit("CapInhCapPrmCapEffCapAmb") == 0);
	CHECK(prctl(PR_CAPBSET_READ, CAP_BPF, 0, 0, 0) == 0);
	REQUIRE(sem_post(&world.end) == 0);
	pthread_join(thread, NULL);
	CHECK(atomic_load(&world.in_bounding_set) == 0);
}

static void root_keeps_it(void)
{
	char note[256] = "?";
	quicd_privilege_drop(note, sizeof(note));
	CHECK(strcmp(note, "") == 0);
	CHECK(lines_with_bit("CapEff") > 0 && bpf_errno() == 0);
}

static void (*apart)(void);
static int apart_ends_by;

/* check_case's function: |apart| in a process that may give up what it has. */
static void in_own_process(void)
{
	const pid_t child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		/*
		 * ThreadSanitizer has a thread of its own, deaf to signals. It starts with the
		 * first of ours, here, and loses what it has when the process becomes nobody.
		 */
		pthread_t first;
		start(&first, short_lived);
		pthread_join(first, NULL);
		apart();
		_exit(check_case_failures > 0);
	}
	int status = 0;
	REQUIRE(waitpid(child, &status, 0) == child);
	CHECK(apart_ends_by ? WIFSIGNALED(status) && WTERMSIG(status) == apart_ends_by
			    : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
		int ends_by; /* a signal, or 0 */
	} CASES[] = {
		{ "every thread drops, and bpf(2) is refused", every_thread_drops, 0 },
		{ "a deaf thread is counted, and drops later", a_deaf_thread_is_counted, 0 },
		{ "the host's handler of the signal stays", the_host_keeps_its_handler, 0 },
		{ "without one it kills", a_real_one_still_kills, QUICD_PRIVILEGE_SIGNAL },
		{ "with CAP_SETPCAP the bounding set follows", the_bounding_set_follows, 0 },
		{ "root keeps it", root_keeps_it, 0 },
	};
	check_filter = argc > 1 ? argv[1] : NULL;
	const char *reason = geteuid() != 0	? "privilege_test needs root, to hand CAP_BPF on"
			     : bpf_errno() != 0 ? "privilege_test needs bpf(2), refused here"
						: NULL;
	for (uint32_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		apart = CASES[i].run;
		apart_ends_by = CASES[i].ends_by;
		if (reason)
			check_skip(CASES[i].name, reason);
		else
			check_case(CASES[i].name, in_own_process);
	}
	return check_finish();
}
