/* launch.c - see launch.h. */
#include "launch.h"
#include <stdio.h>
#include <unistd.h>
#include "worker.h"

bool quicd_workers_launch(struct quicd_engine *engine)
{
	for (uint32_t i = 0; i < engine->options.workers; i++) {
		struct quicd_worker *worker = &engine->workers[i];
		worker->started =
			pthread_create(&worker->thread, NULL, quicd_worker_main, worker) == 0;
		if (!worker->started) {
			snprintf(engine->error, sizeof(engine->error),
				 "worker thread %u could not be started", i);
			return false;
		}
		/* One after the other, so that the first error is the one that is told. */
		while (atomic_load(&worker->ready) == 0)
			usleep(100);
		if (atomic_load(&worker->ready) == 2) {
			snprintf(engine->error, sizeof(engine->error), "%s", worker->error);
			return false;
		}
	}
	return true;
}

void quicd_workers_join(struct quicd_engine *engine)
{
	atomic_store(&engine->stopping, 1);
	for (uint32_t i = 0; engine->workers && i < engine->options.workers; i++) {
		struct quicd_worker *worker = &engine->workers[i];
		if (!worker->started)
			continue;
		/* It may be on its way into the kernel: kick until it has ended. */
		const uint64_t one = 1;
		(void)!write(worker->kick_fd, &one, sizeof(one));
		pthread_join(worker->thread, NULL);
		worker->started = false;
	}
}
