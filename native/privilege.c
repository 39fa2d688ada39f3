/*
 * privilege.c - see privilege.h. A signal handler has no argument of ours, so like signals.c this
 * has state at file scope.
 */
#include "privilege.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 5	       /* threads may appear while others are asked */
#define ROUND_NS 200000000     /* for all of them to answer; most do within microseconds */
#define LOOK_INTERVAL_NS 50000 /* between looks whether they have */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one at a time */
static uint32_t asked;					 /* signals sent, ever */
static _Atomic uint32_t answers;			 /* and handled */
static struct sigaction previous;			 /* while ours is in its place */

/* Of the calling thread. Only raw system calls: this runs in a signal handler. */
static void drop_own(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	(void)syscall(SYS_prctl, PR_CAPBSET_DROP, CAP_BPF, 0, 0, 0);
	if (syscall(SYS_capget, &header, sets) != 0)
		return;
	struct __user_cap_data_struct *set = &sets[CAP_TO_INDEX(CAP_BPF)];
	set->effective &= ~CAP_TO_MASK(CAP_BPF);
	set->permitted &= ~CAP_TO_MASK(CAP_BPF);
	set->inheritable &= ~CAP_TO_MASK(CAP_BPF);
	/* The ambient set follows: it never has what permitted and inheritable have not. */
	(void)syscall(SYS_capset, &header, sets);
}

/* What we did not send goes to the handler that was there, or does what it does without one. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
	const int saved = errno;
	if (info->si_code == SI_QUEUE && info->si_value.sival_ptr == &answers) {
		drop_own();
		atomic_fetch_add(&answers, 1);
	} else if (previous.sa_flags & SA_SIGINFO) {
		previous.sa_sigaction(signal, info, context);
	} else if (previous.sa_handler == SIG_DFL) {
		sigaction(signal, &previous, NULL);
		raise(signal);
	} else if (previous.sa_handler != SIG_IGN) {
		previous.sa_handler(signal);
	}
	errno = saved;
}

static bool borrow_handler(void)
{
	struct sigaction ours;
	if (sigaction(QUICD_PRIVILEGE_SIGNAL, NULL, &ours) != 0)
		return false;
	if ((ours.sa_flags & SA_SIGINFO) && ours.sa_sigaction == on_signal)
		return true;
	previous = ours;
	ours.sa_flags |= SA_SIGINFO | SA_RESTART;
	ours.sa_sigaction = on_signal;
	return sigaction(QUICD_PRIVILEGE_SIGNAL, &ours, NULL) == 0;
}

static bool ask(pid_t tid)
{
	siginfo_t info = { .si_signo = QUICD_PRIVILEGE_SIGNAL, .si_code = SI_QUEUE };
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = &answers;
	return syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, QUICD_PRIVILEGE_SIGNAL, &info) == 0;
}

enum thread_state { WITHOUT, HOLDING, ASKED, UNREADABLE };

/* ASKED: it still holds the capability, and the signal is on its way to it. */
static enum thread_state look_at(const char *tid)
{
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", tid);
	FILE *status = fopen(path, "re");
	if (!status) /* it may just have ended */
		return errno == ENOENT || errno == ESRCH ? WITHOUT : UNREADABLE;
	uint64_t held = 0, pending = 0;
	bool ended = false;
	while (fgets(line, sizeof(line), status)) {
		const char *value = strchr(line, ':');
		if (!value)
			continue;
		value += strspn(value, ": \t");
		if (!strncmp(line, "State:", 6))
			ended = *value == 'Z' || *value == 'X';
		else if (!strncmp(line, "SigPnd:", 7))
			pending = strtoull(value, NULL, 16);
		else if (!strncmp(line, "Cap", 3) && strncmp(line, "CapBnd:", 7))
			held |= strtoull(value, NULL, 16);
	}
	fclose(status);
	if (ended || !(held & UINT64_C(1) << CAP_BPF))
		return WITHOUT;
	return pending & UINT64_C(1) << (QUICD_PRIVILEGE_SIGNAL - 1) ? ASKED : HOLDING;
}

/* Signals the threads that hold the capability; their number. */
static uint32_t ask_holders(void)
{
	DIR *threads = opendir("/proc/self/task");
	if (!threads)
		return QUICD_PRIVILEGE_UNKNOWN;
	uint32_t holders = 0;
	bool readable = true;
	for (struct dirent *entry; (entry = readdir(threads));) {
		if (entry->d_name[0] == '.')
			continue;
		const enum thread_state state = look_at(entry->d_name);
		readable = readable && state != UNREADABLE;
		holders += state == HOLDING || state == ASKED;
		if (state == HOLDING && ask(atoi(entry->d_name)))
			asked++;
	}
	closedir(threads);
	return readable ? holders : QUICD_PRIVILEGE_UNKNOWN;
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void await_answers(void)
{
	const struct timespec interval = { .tv_nsec = LOOK_INTERVAL_NS };
	const uint64_t deadline = now_ns() + ROUND_NS;
	while (atomic_load(&answers) < asked && now_ns() < deadline)
		nanosleep(&interval, NULL);
}

uint32_t quicd_privilege_drop_bpf(void)
{
	pthread_mutex_lock(&lock);
	drop_own();
	const bool borrowed = borrow_handler();
	assert(borrowed && "every process may handle it");
	uint32_t holders = ask_holders();
	for (uint32_t i = 0; i < ROUNDS && holders > 0 && holders != QUICD_PRIVILEGE_UNKNOWN; i++) {
		await_answers();
		holders = ask_holders();
	}
	/* Who blocks it gets it one day and drops then; its default action ends the process. */
	if (atomic_load(&answers) == asked)
		sigaction(QUICD_PRIVILEGE_SIGNAL, &previous, NULL);
	pthread_mutex_unlock(&lock);
	return holders;
}

void quicd_privilege_drop(char *note, size_t note_bytes)
{
	note[0] = 0;
	if (geteuid() == 0)
		return;
	const uint32_t holders = quicd_privilege_drop_bpf();
	if (holders == QUICD_PRIVILEGE_UNKNOWN)
		snprintf(note, note_bytes,
			 "CAP_BPF was dropped from one thread; without /proc nobody knows which "
			 "others hold it: mount it, or use routing \"forward\", which needs none");
	else if (holders > 0)
		snprintf(note, note_bytes,
			 "threads that still hold CAP_BPF: %u, because they block signals or were "
			 "not scheduled in time; routing \"forward\" needs no privilege",
			 holders);
}
