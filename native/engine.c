/* engine.c - starting and ending a server, see engine.h. */
#include "engine.h"
#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "connection.h"
#include "forward.h"
#include "launch.h"
#include "pages.h"
#include "preferred.h"
#include "privilege.h"
#include "profile.h"
#include "replay.h"
#include "steer.h"
#include "stream.h"
#include "worker.h"

#define STREAMS_PER_CONNECTION 8 /* on average; the table is shared by all of a worker */

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct quicd_engine *) engines[QUICD_ENGINES_MAX];
/*
 * Engines that ended. Their small structures stay: a JavaScript thread may be inside a call with a
 * handle of theirs, and may look at their views until the process ends.
 */
static struct quicd_engine *retired;

struct quicd_engine *quicd_engine_at(uint32_t index)
{
	return index < QUICD_ENGINES_MAX
		       ? atomic_load_explicit(&engines[index], memory_order_acquire)
		       : NULL;
}

struct quicd_app *quicd_app_of_handle(uint32_t handle)
{
	struct quicd_engine *engine = quicd_engine_at(handle / QUICD_APPS_MAX);
	const uint32_t app = handle % QUICD_APPS_MAX;
	return engine && app < engine->options.apps ? &engine->apps[app] : NULL;
}

void quicd_engine_kick_all(struct quicd_engine *engine)
{
	for (uint32_t i = 0; i < engine->options.workers; i++)
		quicd_worker_kick(&engine->workers[i]);
}

void quicd_engine_drain(struct quicd_engine *engine)
{
	atomic_store(&engine->draining, 1);
}

/*
 * Worker i's CPU: the i-th of those this process may use; -1 when there are fewer CPUs than
 * workers.
 */
static int cpu_for(const struct quicd_options *options, uint32_t index)
{
	cpu_set_t set;
	if (!options->pin || sched_getaffinity(0, sizeof(set), &set) != 0)
		return -1;
	if ((uint32_t)CPU_COUNT(&set) < options->workers)
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && index-- == 0)
			return cpu;
	return -1;
}

static bool prepare_worker(struct quicd_engine *engine, uint32_t index)
{
	struct quicd_worker *worker = &engine->workers[index];
	const struct quicd_options *o = &engine->options;
	worker->engine = engine;
	worker->index = index;
	worker->cpu = cpu_for(o, index);
	worker->net.udp.fd = -1;
	worker->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->counters = calloc(1, sizeof(*worker->counters));
	if (worker->kick_fd < 0 || !worker->counters ||
	    !quicd_slab_create(&worker->slab, index, QUICD_WORKER_SMALL_BUFFERS,
			       QUICD_WORKER_LARGE_BUFFERS) ||
	    !quicd_connections_create(worker, o->connections) ||
	    !quicd_why_create(&worker->why) ||
	    !quicd_streams_create(worker, o->connections * STREAMS_PER_CONNECTION)) {
		snprintf(engine->error, sizeof(engine->error), "no memory for worker %u", index);
		return false;
	}
	engine->slabs[index] = &worker->slab;
	/* The first socket settles the port; the others join it, but for a client's. */
	const bool first = index == 0;
	const uint16_t port = first || o->role == QUICD_ROLE_CLIENT ? o->port : engine->port;
	if (!quicd_udp_open(&worker->net.udp, o, port, first, engine->error, sizeof(engine->error)))
		return false;
	if (first)
		engine->port = worker->net.udp.port;
	engine->family = worker->net.udp.family;
	return quicd_preferred_open(worker, engine->error, sizeof(engine->error));
}

static bool choose_backend(struct quicd_engine *engine)
{
	engine->backend = quicd_net_choose(engine->options.backend, engine->options.workers,
					   engine->backend_note, sizeof(engine->backend_note));
	if (engine->backend)
		return true;
	snprintf(engine->error, sizeof(engine->error), "%s; or use backend \"syscalls\"",
		 engine->backend_note);
	return false;
}

/* After all sockets are bound. */
static bool choose_routing(struct quicd_engine *engine)
{
	static const enum quicd_steer_mode MODES[] = {
		[QUICD_ROUTING_AUTO] = QUICD_STEER_OWNER,
		[QUICD_ROUTING_EBPF] = QUICD_STEER_OWNER,
		[QUICD_ROUTING_WRONG] = QUICD_STEER_WRONG,
		[QUICD_ROUTING_SINGLE] = QUICD_STEER_SINGLE,
		[QUICD_ROUTING_RANDOM] = QUICD_STEER_RANDOM,
	};
	const enum quicd_routing wanted = engine->options.routing;
	engine->routing = wanted;
	/* One worker owns everything, and so does each of a client what comes to its own port. */
	if (engine->options.role == QUICD_ROLE_CLIENT ||
	    (wanted == QUICD_ROUTING_AUTO && engine->options.workers == 1))
		engine->routing = QUICD_ROUTING_FORWARD;
	if (engine->routing == QUICD_ROUTING_FORWARD)
		return true;
	char why[sizeof(engine->routing_note)] = "";
	engine->steer = quicd_steer_attach(engine, MODES[wanted], why, sizeof(why));
	if (engine->steer) {
		if (wanted == QUICD_ROUTING_AUTO)
			engine->routing = QUICD_ROUTING_EBPF;
		return true;
	}
	if (wanted == QUICD_ROUTING_AUTO) {
		engine->routing = QUICD_ROUTING_FORWARD;
		snprintf(engine->routing_note, sizeof(engine->routing_note), "%s", why);
		return true;
	}
	snprintf(engine->error, sizeof(engine->error), "%s", why);
	return false;
}

/* What must not come twice, of a server. */
static bool create_memories(struct quicd_engine *engine)
{
	const struct quicd_options *o = &engine->options;
	const struct quicd_sip_key key = engine->keys.map;
	if (o->role == QUICD_ROLE_SERVER && o->early_data)
		engine->hellos =
			quicd_replay_create(QUICD_HELLO_SLOTS, QUICD_HELLO_SECONDS, key);
	if (o->role == QUICD_ROLE_SERVER && o->retry != QUICD_RETRY_NEVER)
		engine->spent_tokens = quicd_replay_create(QUICD_SPENT_TOKEN_SLOTS,
							   QUICD_NEW_TOKEN_SECONDS, key);
	return (engine->hellos || o->role != QUICD_ROLE_SERVER || !o->early_data) &&
	       (engine->spent_tokens || o->role != QUICD_ROLE_SERVER ||
		o->retry == QUICD_RETRY_NEVER);
}

static bool prepare(struct quicd_engine *engine)
{
	const struct quicd_options *o = &engine->options;
	uint8_t secret[QUICD_SECRET_BYTES];
	if (o->has_secret)
		memcpy(secret, o->secret, sizeof(secret));
	else
		quicd_random(secret, sizeof(secret));
	quicd_keys_derive(&engine->keys, secret);
	engine->tokens = quicd_tokens_create(engine->keys.token, engine->keys.new_token);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(engine->options.secret, sizeof(engine->options.secret));
	engine->keylog_fd = -1;
	if (o->keylog_path[0]) {
		engine->keylog_fd =
			open(o->keylog_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (engine->keylog_fd < 0) {
			snprintf(engine->error, sizeof(engine->error),
				 "key log %.200s cannot be opened for appending", o->keylog_path);
			return false;
		}
	}
	if (!quicd_qlog_open(&engine->qlog, o, engine->error, sizeof(engine->error)))
		return false;
	if (!choose_backend(engine) || !create_memories(engine))
		return false;
	if (o->role == QUICD_ROLE_CLIENT && !(engine->profiles = quicd_profiles_create()))
		return false;
	engine->slab_count = o->workers + o->apps;
	engine->workers = calloc(o->workers, sizeof(*engine->workers));
	engine->apps = calloc(o->apps, sizeof(*engine->apps));
	if (!engine->workers || !engine->apps)
		return false;
	for (uint32_t i = 0; i < o->apps; i++) {
		if (!quicd_app_create(&engine->apps[i], engine, i, o->workers, o->ring_capacity))
			return false;
		engine->slabs[o->workers + i] = &engine->apps[i].slab;
	}
	for (uint32_t i = 0; i < o->workers; i++)
		if (!prepare_worker(engine, i))
			return false;
	return quicd_forward_create(engine) && choose_routing(engine);
}

/*
 * Pages go back; the mappings stay, since JavaScript may hold views of them until the process
 * ends.
 */
static void discard(struct quicd_slab *slab)
{
	if (slab && slab->memory)
		madvise(slab->memory,
			(size_t)slab->small_count * QUICD_SMALL_BUFFER_BYTES +
				(size_t)slab->large_count * QUICD_LARGE_BUFFER_BYTES,
			MADV_DONTNEED);
}

static void release_engine(struct quicd_engine *engine)
{
	for (uint32_t i = 0; engine->workers && i < engine->options.workers; i++) {
		struct quicd_worker *worker = &engine->workers[i];
		quicd_udp_close(&worker->net.udp);
		quicd_sockets_destroy(worker);
		if (worker->kick_fd > 0)
			close(worker->kick_fd);
		worker->kick_fd = -1;
	}
	quicd_steer_free(engine->steer);
	engine->steer = NULL;
	quicd_forward_destroy(engine);
	quicd_replay_destroy(engine->hellos);
	engine->hellos = NULL;
	quicd_replay_destroy(engine->spent_tokens);
	engine->spent_tokens = NULL;
	quicd_tokens_destroy(engine->tokens);
	engine->tokens = NULL;
	quicd_profiles_end(engine->profiles);
	for (uint32_t i = 0; i < engine->slab_count; i++)
		discard(engine->slabs[i]);
	if (engine->keylog_fd >= 0)
		close(engine->keylog_fd);
	engine->keylog_fd = -1;
	quicd_qlog_close(&engine->qlog);
}

static bool enter_table(struct quicd_engine *engine)
{
	bool entered = false;
	pthread_mutex_lock(&table_lock);
	for (uint32_t i = 0; i < QUICD_ENGINES_MAX && !entered; i++) {
		if (atomic_load(&engines[i]))
			continue;
		engine->index = i;
		atomic_store_explicit(&engines[i], engine, memory_order_release);
		entered = true;
	}
	pthread_mutex_unlock(&table_lock);
	return entered;
}

static void leave_table(struct quicd_engine *engine)
{
	pthread_mutex_lock(&table_lock);
	if (quicd_engine_at(engine->index) == engine)
		atomic_store(&engines[engine->index], NULL);
	engine->retired_next = retired;
	retired = engine;
	pthread_mutex_unlock(&table_lock);
}

struct quicd_engine *quicd_engine_start(const struct quicd_options *options, char *error,
					size_t error_bytes)
{
	assert(options->workers >= 1 && options->workers <= QUICD_WORKERS_MAX);
	assert(options->apps >= 1 && options->apps <= QUICD_APPS_MAX);
	struct quicd_engine *engine = calloc(1, sizeof(*engine));
	assert(engine);
	engine->options = *options;
	engine->index = QUICD_ENGINES_MAX;
	engine->keylog_fd = -1;
	engine->qlog.directory = -1;
	qd_set_release(quicd_worker_release);
	qd_set_outcome(quicd_worker_datagram_outcome);
	if (!enter_table(engine))
		snprintf(engine->error, sizeof(engine->error),
			 "%u servers run in this process already; stop one", QUICD_ENGINES_MAX);
	else if (prepare(engine) && quicd_workers_launch(engine)) {
		/* Borrowed for the start; the workers have their own by now. */
		engine->options.certificate_pem = engine->options.private_key_pem = NULL;
		if (engine->steer)
			quicd_privilege_drop(engine->privilege_note,
					     sizeof(engine->privilege_note));
		return engine;
	}
	snprintf(error, error_bytes, "%s", engine->error[0] ? engine->error : "out of memory");
	quicd_workers_join(engine);
	leave_table(engine);
	release_engine(engine);
	return NULL;
}

void quicd_engine_stop(struct quicd_engine *engine)
{
	quicd_workers_join(engine);
	leave_table(engine);
	release_engine(engine);
}

static void free_worker(struct quicd_worker *worker)
{
	quicd_slab_destroy(&worker->slab);
	quicd_pages_unmap(worker->connection_views, (size_t)worker->connection_capacity *
							    sizeof(*worker->connection_views));
	quicd_pages_unmap(worker->why.answers,
			  QUICD_WHY_ANSWERS * sizeof(*worker->why.answers));
	quicd_pages_unmap(worker->stream_views,
			  (size_t)worker->stream_capacity * sizeof(*worker->stream_views));
	free(worker->counters);
}

void quicd_engine_free_retired(void)
{
	pthread_mutex_lock(&table_lock);
	while (retired) {
		struct quicd_engine *engine = retired;
		retired = engine->retired_next;
		for (uint32_t i = 0; engine->workers && i < engine->options.workers; i++)
			free_worker(&engine->workers[i]);
		for (uint32_t i = 0; engine->apps && i < engine->options.apps; i++)
			quicd_app_destroy(&engine->apps[i]);
		quicd_profiles_free(engine->profiles);
		free(engine->workers);
		free(engine->apps);
		free(engine);
	}
	pthread_mutex_unlock(&table_lock);
}
