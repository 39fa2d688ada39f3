/*
 * signals.c - see signals.h. Process-wide by nature, so like privilege.c it has state of its own.
 */
#include "signals.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "engine.h"
#include "limits.h"

#define EXIT_INTERRUPTED 130

static int wake_fd = -1;
static atomic_bool taken;

static void on_signal(int signal)
{
	(void)signal;
	const int saved = errno;
	const uint64_t one = 1;
	(void)!write(wake_fd, &one, sizeof(one));
	errno = saved;
}

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Every engine accepts no more, at once; every app thread is told. */
static void announce(void)
{
	for (uint32_t e = 0; e < QUICD_ENGINES_MAX; e++) {
		struct quicd_engine *engine = quicd_engine_at(e);
		if (!engine)
			continue;
		quicd_engine_drain(engine);
		for (uint32_t a = 0; a < engine->options.apps; a++) {
			struct quicd_app *app = &engine->apps[a];
			atomic_fetch_add((_Atomic uint32_t *)&app->view->signals, 1);
			atomic_store((_Atomic uint32_t *)&app->view->stopping, 1);
			quicd_app_ring_bell(app);
		}
	}
}

static void *watch(void *unused)
{
	(void)unused;
	uint64_t last_ns = 0;
	for (;;) {
		uint64_t count = 0;
		if (read(wake_fd, &count, sizeof(count)) != sizeof(count))
			continue;
		const uint64_t now = now_ns();
		if (last_ns == 0) {
			last_ns = now;
			announce();
		} else if (now - last_ns > QUICD_SIGNAL_REPEAT_NS) {
			_exit(EXIT_INTERRUPTED);
		}
	}
	return NULL;
}

bool quicd_signals_take(void)
{
	if (atomic_exchange(&taken, true))
		return true;
	wake_fd = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;
	if (wake_fd < 0 || pthread_create(&thread, NULL, watch, NULL) != 0)
		return false;
	pthread_detach(thread);
	struct sigaction action;
	memset(&action, 0, sizeof(action));
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART;
	return sigaction(SIGINT, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0;
}
