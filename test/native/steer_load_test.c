/*
 * steer_load_test.c - the steering program loads with CAP_BPF alone, whose holder the verifier
 * trusts less than root, and while signals come.
 */
#include "steer.h"
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

#define NOBODY 65534
#define LOADS 30
#define SIGNAL_INTERVAL_US 10000 /* a load takes one or two thousand: some are hit */

static char refusal[256];

static void as_nobody(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct *set = &sets[CAP_TO_INDEX(CAP_BPF)];
	set->permitted = set->effective = CAP_TO_MASK(CAP_BPF);
	REQUIRE(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	REQUIRE(setresgid(NOBODY, NOBODY, NOBODY) == 0);
	REQUIRE(setresuid(NOBODY, NOBODY, NOBODY) == 0);
	REQUIRE(syscall(SYS_capset, &header, sets) == 0);
}

static void with_cap_bpf_alone(void)
{
	const pid_t child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		as_nobody();
		const bool usable = quicd_steer_usable(refusal, sizeof(refusal));
		if (!usable)
			fprintf(stderr, "%s\n", refusal);
		_exit(!usable);
	}
	int status = 0;
	REQUIRE(waitpid(child, &status, 0) == child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct {
	pthread_t target;
	_Atomic uint32_t taken;
	atomic_bool done;
} bombing;

static void on_signal(int signal)
{
	(void)signal;
	atomic_fetch_add(&bombing.taken, 1);
}

static void *bomb(void *unused)
{
	(void)unused;
	while (!atomic_load(&bombing.done)) {
		pthread_kill(bombing.target, SIGUSR1);
		usleep(SIGNAL_INTERVAL_US);
	}
	return NULL;
}

/* As Bun's garbage collector does. */
static void while_signals_come(void)
{
	pthread_t thread;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	REQUIRE(sigaction(SIGUSR1, &action, NULL) == 0);
	bombing.target = pthread_self();
	REQUIRE(pthread_create(&thread, NULL, bomb, NULL) == 0);
	for (uint32_t i = 0; i < LOADS || atomic_load(&bombing.taken) < LOADS; i++)
		CHECK(quicd_steer_usable(refusal, sizeof(refusal)));
	atomic_store(&bombing.done, true);
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	const bool refused = geteuid() != 0 ||
			     (!quicd_steer_usable(refusal, sizeof(refusal)) &&
			      strstr(refusal, "needs CAP_BPF"));
	const char *reason = refused ? "steer_load_test needs root and bpf(2)" : NULL;
	if (reason) {
		check_skip("with CAP_BPF alone", reason);
		check_skip("while signals come", reason);
	} else {
		check_case("with CAP_BPF alone", with_cap_bpf_alone);
		check_case("while signals come", while_signals_come);
	}
	return check_finish();
}
