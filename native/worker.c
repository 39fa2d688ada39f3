/*
 * worker.c - the loop of a worker, in named phases that call nothing back:
 *
 *   reap (net_wait) -> receive -> timeouts -> commands -> deliver -> flush -> wake -> park
 *
 * quicd_worker_main runs them on a thread; native/sim steps them, one worker after the other.
 */
#include "worker.h"
#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "chunk.h"
#include "command.h"
#include "connect.h"
#include "connection.h"
#include "event.h"
#include "forward.h"
#include "leave.h"
#include "memory.h"
#include "profile.h"
#include "receive.h"
#include "stream.h"
#include "tickets.h"

#define COMMANDS_PER_TURN 4096
/* Turns that an app thread's doorbell may be held back while there is more to tell it. */
#define BELLS_HELD_TURNS 4
#define IDLE_WAIT_NS 3600000000000ull

void quicd_worker_tick(struct quicd_worker *worker)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	worker->now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	/* One reading for all that quiche does in this turn on this thread. */
	qd_set_now(worker->now_ns);
}

void quicd_worker_kick(struct quicd_worker *worker)
{
	if (atomic_load_explicit(&worker->parked, memory_order_seq_cst) == 0 ||
	    atomic_exchange_explicit(&worker->parked, 0, memory_order_seq_cst) == 0)
		return;
	const uint64_t one = 1;
	const ssize_t wrote = write(worker->kick_fd, &one, sizeof(one));
	assert(wrote == sizeof(one));
}

void quicd_worker_release(void *owner, uint32_t slab, uint32_t index)
{
	struct quicd_connection *connection = owner;
	struct quicd_slab *memory = connection->worker->engine->slabs[slab];
	const uint32_t bytes = quicd_slab_buffer_bytes(memory, index);
	assert(connection->referenced_bytes >= bytes);
	connection->referenced_bytes -= bytes;
	quicd_slab_release(memory, index);
}

void quicd_worker_datagram_outcome(void *owner, uint32_t request, uint32_t outcome)
{
	static const enum quicd_refusal REFUSALS[] = {
		[QD_DATAGRAM_SENT] = QUICD_OK,
		[QD_DATAGRAM_DROPPED] = QUICD_REFUSED_DROPPED,
		[QD_DATAGRAM_TOO_LARGE] = QUICD_REFUSED_TOO_LARGE,
		[QD_DATAGRAM_CLOSED] = QUICD_REFUSED_CLOSED,
	};
	quicd_answer(owner, QUICD_EVENT_DATAGRAM_OUTCOME, request, REFUSALS[outcome]);
}

static void wake_for_chunks(void *worker)
{
	quicd_worker_kick(worker);
}

static void chunk_returned(void *worker, uint32_t index)
{
	quicd_chunk_returned(worker, index);
}

struct qd_config_options quicd_worker_transport(const struct quicd_options *o)
{
	return (struct qd_config_options){
		.grease = true,
		.discover_pmtu = o->path_mtu_discovery,
		.ecn = o->ecn,
		.max_idle_timeout_ms = o->max_idle_timeout_ms,
		.max_recv_udp_payload_bytes = 65527,
		.max_send_udp_payload_bytes = o->max_udp_payload_bytes,
		.initial_max_data = o->connection_window_bytes,
		.initial_max_stream_data_bidi_local = o->stream_window_bytes,
		.initial_max_stream_data_bidi_remote = o->stream_window_bytes,
		.initial_max_stream_data_uni = o->stream_window_bytes,
		.initial_max_streams_bidi = o->streams_bidi,
		.initial_max_streams_uni = o->streams_uni,
		.max_connection_window = o->connection_window_bytes,
		.max_stream_window = o->stream_window_bytes,
		.active_connection_id_limit = o->active_connection_id_limit,
		.max_ack_delay_ms = QUICD_MAX_ACK_DELAY_MS,
		.datagram_receive_queue = o->datagram_queue,
		.datagram_send_queue = o->datagram_queue,
		.initial_window_packets = 10,
		.congestion = (enum qd_congestion)o->congestion,
		.initial_rtt_ms = o->initial_rtt_ms,
		.versions = (enum qd_versions)o->versions,
		.ciphers = o->ciphers.ids,
		.cipher_count = o->ciphers.count,
	};
}

static struct qd_config *make_config(struct quicd_worker *worker)
{
	const struct quicd_options *o = &worker->engine->options;
	struct qd_config_options options = quicd_worker_transport(o);
	options.certificate_pem = o->certificate_pem;
	options.certificate_pem_bytes = o->certificate_pem_bytes;
	options.private_key_pem = o->private_key_pem;
	options.private_key_pem_bytes = o->private_key_pem_bytes;
	options.alpn = o->alpn;
	options.alpn_bytes = o->alpn_bytes;
	options.ticket_seconds = QUICD_TICKET_EPOCH_S;
	options.early_context = o->early_context;
	options.early_context_bytes = sizeof(o->early_context);
	options.server = true;
	options.early_data = o->early_data;
	options.log_keys = worker->engine->keylog_fd >= 0;
	return qd_config_new(&options, worker->error, sizeof(worker->error));
}

static void pin(struct quicd_worker *worker)
{
	if (worker->cpu < 0)
		return;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		worker->cpu = -1; /* the cpuset shrank meanwhile: run unpinned */
}

bool quicd_worker_start(struct quicd_worker *worker)
{
	const struct quicd_options *o = &worker->engine->options;
	char name[16];
	snprintf(name, sizeof(name), "quicd-%u", worker->index);
	pthread_setname_np(pthread_self(), name);
	worker->thread_id = (pid_t)syscall(SYS_gettid);
	pin(worker);
	quicd_node_init(&worker->dirty);
	quicd_node_init(&worker->flushes);
	quicd_node_init(&worker->blocked);
	quicd_node_init(&worker->dying);
	quicd_node_init(&worker->spent);
	worker->slab.wake = wake_for_chunks;
	worker->slab.owner = worker;
	if (o->role == QUICD_ROLE_SERVER && !(worker->config = make_config(worker)))
		return false;
	if (o->role == QUICD_ROLE_CLIENT && !quicd_profile_configs_create(worker)) {
		snprintf(worker->error, sizeof(worker->error), "no memory for profiles");
		return false;
	}
	if (!quicd_cid_map_create(&worker->cids, o->connections * QUICD_CIDS_PER_CONNECTION,
				  worker->engine->keys.map) ||
	    !quicd_timers_create(&worker->timers, o->connections)) {
		snprintf(worker->error, sizeof(worker->error),
			 "no memory for %u connections; lower [limits] connections",
			 o->connections);
		return false;
	}
	quicd_worker_tick(worker);
	return quicd_net_start(worker, worker->error, sizeof(worker->error));
}

static void run_timeouts(struct quicd_worker *worker)
{
	uint32_t index;
	while ((index = quicd_timers_pop(&worker->timers, worker->now_ns)) != QUICD_NONE)
		quicd_connection_on_timer(&worker->connections[index]);
}

static void process_dirty(struct quicd_worker *worker)
{
	while (quicd_node_linked(&worker->dirty)) {
		struct quicd_connection *connection =
			QUICD_ELEMENT(worker->dirty.next, struct quicd_connection, dirty);
		quicd_node_remove(&connection->dirty);
		quicd_connection_process(connection);
	}
}

static void run_commands(struct quicd_worker *worker)
{
	for (uint32_t index = 0; index < worker->engine->options.apps; index++) {
		struct quicd_app *app = &worker->engine->apps[index];
		/*
		 * The rings of a place that nobody holds may be made anew at any moment: hands
		 * off.
		 */
		if (quicd_app_attached(app))
			quicd_commands_run(worker, &app->links[worker->index], index,
					   COMMANDS_PER_TURN);
	}
}

/*
 * Those that waited for ring room, for chunks, or whose answers came up since; tried in the
 * order they came.
 */
static void deliver_blocked(struct quicd_worker *worker)
{
	for (uint32_t index = 0; index < worker->engine->options.apps; index++) {
		struct quicd_app *app = &worker->engine->apps[index];
		if (!quicd_app_attached(app))
			continue;
		quicd_events_walk(worker, &app->links[worker->index]);
		app->links[worker->index].walked_early = false;
		quicd_connect_tell_refusals(worker, index);
	}
	quicd_slab_collect(&worker->slab, chunk_returned, worker);
	struct quicd_node waiting;
	quicd_node_init(&waiting);
	quicd_list_move(&waiting, &worker->blocked);
	while (quicd_node_linked(&waiting)) {
		struct quicd_connection *connection =
			QUICD_ELEMENT(waiting.next, struct quicd_connection, blocked);
		quicd_node_remove(&connection->blocked);
		const uint64_t reads = worker->counters->receive_copied_bytes;
		quicd_connection_deliver(connection);
		connection->answer_expected = false;
		/* Reading opened the peer's windows: MAX_DATA must go out. */
		if (worker->counters->receive_copied_bytes != reads)
			quicd_connection_wants_flush(connection);
	}
}

static void flush_all(struct quicd_worker *worker)
{
	struct quicd_node round;
	quicd_node_init(&round);
	quicd_list_move(&round, &worker->flushes);
	while (quicd_node_linked(&round)) {
		struct quicd_connection *connection =
			QUICD_ELEMENT(round.next, struct quicd_connection, flush);
		quicd_node_remove(&connection->flush);
		if (!quicd_connection_flush(connection)) {
			/* No buffer: the rest keeps its turn, behind what is already listed. */
			while (quicd_node_linked(&round)) {
				struct quicd_node *next = round.next;
				quicd_node_remove(next);
				quicd_list_append(&worker->flushes, next);
			}
			return;
		}
		if (connection->state == QUICD_STATE_DRAINING || connection->dead)
			quicd_connection_check_close(connection);
	}
}

static void bury(struct quicd_worker *worker)
{
	while (quicd_node_linked(&worker->dying))
		quicd_connection_free(
			QUICD_ELEMENT(worker->dying.next, struct quicd_connection, dying));
}

static bool something_waits(struct quicd_worker *worker)
{
	for (uint32_t index = 0; index < worker->engine->options.apps; index++) {
		struct quicd_app *app = &worker->engine->apps[index];
		struct quicd_link *link = &app->links[worker->index];
		if (quicd_app_is_leaving(app, worker->index))
			return true;
		if (!quicd_app_attached(app))
			continue;
		if (quicd_ring_ready(&link->commands) > 0)
			return true;
		if (quicd_node_linked(&worker->blocked) || link->refusals) {
			atomic_store_explicit(&link->wants_room, 1, memory_order_seq_cst);
			if (link->walked_early ||
			    atomic_load_explicit(&link->events.head, memory_order_seq_cst) !=
				    link->events_walked)
				return true;
		}
	}
	if (worker->paused_streams > 0 || quicd_node_linked(&worker->blocked)) {
		atomic_store_explicit(&worker->slab.wanted, 1, memory_order_seq_cst);
		if (atomic_load_explicit(&worker->slab.returned, memory_order_seq_cst) != 0)
			return true;
	}
	return quicd_forward_waits(worker) || atomic_load(&worker->engine->stopping) != 0 ||
	       atomic_load(&worker->why.phase) == QUICD_WHY_ASKED;
}

/* How long the kernel may keep us: not at all while there is work; else until the next timer. */
static uint64_t wait_time(struct quicd_worker *worker)
{
	if (quicd_node_linked(&worker->dirty) ||
	    (quicd_node_linked(&worker->flushes) && quicd_net_send_buffer(worker)))
		return 0;
	const uint64_t next = quicd_timers_next(&worker->timers);
	if (next == QUICD_TIMER_NONE)
		return IDLE_WAIT_NS;
	return next > worker->now_ns ? next - worker->now_ns : 0;
}

/*
 * Waking a parked app thread is the dearest thing there is: what arrived while we worked, and what
 * is still to be flushed, comes first, so that one ring is for all of it. True: turn again.
 */
static bool hold_bells(struct quicd_worker *worker, uint64_t timeout_ns)
{
	if (worker->bells_held >= BELLS_HELD_TURNS || !quicd_events_would_ring(worker))
		return false;
	worker->bells_held++;
	quicd_net_wait(worker, 0);
	return timeout_ns == 0 || worker->net.received_count > 0;
}

/* False: turn again at once. */
static bool park(struct quicd_worker *worker, uint64_t *wait_ns)
{
	uint64_t timeout_ns = wait_time(worker);
	if (hold_bells(worker, timeout_ns))
		return false;
	quicd_events_wake(worker);
	worker->bells_held = 0;
	if (worker->net.received_count > 0)
		return false;
	if (timeout_ns > 0) {
		/*
		 * seq_cst: whoever publishes after this store sees it and kicks; what came
		 * before it is seen here.
		 */
		atomic_store_explicit(&worker->parked, 1, memory_order_seq_cst);
		if (something_waits(worker))
			timeout_ns = 0;
	}
	*wait_ns = timeout_ns;
	return true;
}

bool quicd_worker_turn(struct quicd_worker *worker, uint64_t *wait_ns)
{
	worker->counters->turns++;
	worker->counters->memory_bytes = quicd_memory_held(worker);
	worker->load_quarters = worker->load_quarters * 3 / 4 + worker->net.received_count;
	quicd_worker_tick(worker);
	if (worker->config)
		quicd_tickets_follow(worker);
	quicd_receive_all(worker);
	quicd_net_look_after(worker);
	quicd_forward_receive(worker);
	quicd_forward_wake(worker);
	run_timeouts(worker);
	quicd_leave_check(worker);
	process_dirty(worker);
	run_commands(worker);
	deliver_blocked(worker);
	process_dirty(worker);
	/* A full batch takes long enough to matter for what is timed by sending. */
	quicd_worker_tick(worker);
	flush_all(worker);
	bury(worker);
	if (quicd_why_waits(&worker->why))
		quicd_why_answer(worker);
	return park(worker, wait_ns);
}

void quicd_worker_wait(struct quicd_worker *worker, uint64_t wait_ns)
{
	quicd_net_wait(worker, wait_ns);
	atomic_store_explicit(&worker->parked, 0, memory_order_relaxed);
}

void quicd_worker_finish(struct quicd_worker *worker)
{
	quicd_receive_all(worker);
	quicd_close_all(worker, 0); /* NO_ERROR, RFC 9000 §20.1 */
	/* The closes were queued: hand them to the kernel before the socket goes. */
	quicd_net_wait(worker, 0);
	quicd_receive_all(worker);
	quicd_net_stop(worker);
	quicd_sockets_destroy(worker);
	for (uint32_t app = 0; app < worker->engine->options.apps; app++) {
		quicd_connect_forget(&worker->engine->apps[app].links[worker->index]);
		quicd_slab_end_leases(&worker->slab, app);
	}
	quicd_slab_collect(&worker->slab, chunk_returned, worker);
	quicd_segments_destroy(&worker->segments);
	quicd_answer_pool_destroy(&worker->answers);
	qd_config_free(worker->config);
	quicd_profile_configs_destroy(worker);
	quicd_connections_destroy(worker);
	quicd_streams_destroy(worker);
	quicd_timers_destroy(&worker->timers);
	quicd_cid_map_destroy(&worker->cids);
}

void *quicd_worker_main(void *argument)
{
	struct quicd_worker *worker = argument;
	if (!quicd_worker_start(worker)) {
		quicd_net_stop(worker);
		atomic_store(&worker->ready, 2);
		return NULL;
	}
	atomic_store(&worker->ready, 1);
	while (atomic_load_explicit(&worker->engine->stopping, memory_order_acquire) == 0) {
		uint64_t wait_ns;
		if (quicd_worker_turn(worker, &wait_ns))
			quicd_worker_wait(worker, wait_ns);
	}
	quicd_worker_finish(worker);
	return NULL;
}
