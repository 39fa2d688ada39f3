/*
 * worker.h - one native thread: its socket, receive pool, CID map, timers, connections and streams.
 * Everything hangs off struct quicd_worker and is touched by its thread alone, but for the fields
 * marked "others".
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"
#include "answer.h"
#include "cid_map.h"
#include "engine.h"
#include "list.h"
#include "net.h"
#include "prefix.h"
#include "rate.h"
#include "quiche/quicd_quiche.h"
#include "segment.h"
#include "slab.h"
#include "timer.h"
#include "why.h"

struct quicd_connection;
struct quicd_stream;

struct quicd_worker {
	struct quicd_engine *engine;
	uint32_t index;
	int cpu; /* pinned to, or -1 */
	pthread_t thread;
	bool started;
	pid_t thread_id;
	struct quicd_net net;
	struct qd_config *config;   /* of a server's connections; NULL for a client */
	struct qd_config **configs; /* of a client's, by profile; made when first used */
	struct quicd_slab slab;
	struct quicd_counters *counters;
	struct quicd_cid_map cids;
	struct quicd_timers timers;
	struct quicd_segments segments;
	struct quicd_answer_pool answers;
	uint64_t now_ns; /* CLOCK_MONOTONIC, read once a phase */

	struct quicd_connection *connections;
	struct quicd_connection_view *connection_views;
	uint32_t connection_capacity;
	uint32_t connection_used; /* slots ever touched */
	uint32_t live_connections;
	uint32_t half_open; /* of them: handshake never complete, being closed or not */

	struct quicd_stream *streams;
	struct quicd_stream_view *stream_views;
	uint32_t *stream_buckets; /* by hash of (connection, id); index + 1 */
	uint32_t stream_capacity;
	uint32_t stream_bucket_mask;
	uint32_t stream_free; /* index + 1 */
	uint32_t paused_streams; /* wait for their chunks to come back */
	uint32_t stream_used; /* slots ever touched */
	uint64_t queued_bytes; /* written by applications, not taken by quiche, all streams */
	uint64_t chunk_bytes; /* of received chunks, with applications */
	uint64_t queued_slab_bytes; /* slab buffers pinned by that */

	struct quicd_node dirty;   /* connections that received something or whose timer fired */
	struct quicd_node flushes; /* connections that may have something to send */
	struct quicd_node blocked; /* connections that wait for ring room or for chunks */
	struct quicd_node dying;   /* closed: to be freed at the end of the turn */
	struct quicd_node spent;   /* freed slots, oldest first */
	uint32_t load_quarters; /* trains received per turn, averaged over the last few, times 4 */
	uint32_t bells_held; /* turns since a parked app thread should have been woken */
	uint32_t apps_to_wake[2];  /* bit set of app threads with new events, one word per 32 */
	struct quicd_prefixes prefixes; /* half-open connections by network */
	struct quicd_rate handshake_rate; /* of those that are unproved */
	struct quicd_rate version_rate; /* of Version Negotiation */
	struct quicd_rate reset_rate;	/* of Stateless Reset */
	struct quicd_rate forward_rate; /* of Initials that go to another worker */
	uint64_t ticket_epoch; /* whose keys the configuration has, tickets.h */
	uint64_t ticket_look_ns; /* when to look at the clock again */
	uint64_t forwarded_to;	/* in this turn; a bit for each worker */

	struct quicd_why_desk why; /* others may ask */
	_Atomic uint32_t parked; /* others: 1 while it waits in the kernel */
	int kick_fd;		 /* others: eventfd */
	_Atomic uint32_t ready;	 /* others: 1 running, 2 failed */
	char error[256];
};

/* What |options| say about the transport, for a qd_config of either role. */
struct qd_config_options quicd_worker_transport(const struct quicd_options *options);
/* qd_release: a buffer that quiche had by reference comes back; owner is the connection. */
void quicd_worker_release(void *connection, uint32_t slab, uint32_t index);
/* qd_outcome: a datagram with a request left its queue, one way or the other. */
void quicd_worker_datagram_outcome(void *connection, uint32_t request, uint32_t outcome);
/* The thread: start, then turn and wait until the engine stops, then finish. */
void *quicd_worker_main(void *worker);
/* False with the reason in |error|. */
bool quicd_worker_start(struct quicd_worker *worker);
/*
 * Everything there is to do now. True: it may wait |wait_ns| in the kernel, and is parked if that
 * is not 0. False: something came meanwhile, turn again.
 */
bool quicd_worker_turn(struct quicd_worker *worker, uint64_t *wait_ns);
void quicd_worker_wait(struct quicd_worker *worker, uint64_t wait_ns);
void quicd_worker_finish(struct quicd_worker *worker);
/* Others: wakes it if it is parked. */
void quicd_worker_kick(struct quicd_worker *worker);
/* Reads the clock. */
void quicd_worker_tick(struct quicd_worker *worker);
