/*
 * app.h - an app thread's place in an engine: its rings to every worker, its slab, its doorbell.
 *
 * States: FREE -> ATTACHED (a JavaScript thread runs it) -> LEAVING (it is gone; workers take back
 * what it held) -> FREE. The thread that leaves only flips the state under the doorbell's lock: it
 * never waits for a worker.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"
#include "ring.h"
#include "slab.h"

struct quicd_engine;
struct quicd_answer;

enum quicd_app_state { QUICD_APP_FREE = 0, QUICD_APP_ATTACHED = 1, QUICD_APP_LEAVING = 2 };

struct quicd_event_owner {
	uint32_t connection;
	uint32_t generation;
};

/* One worker's side of an app thread. */
struct quicd_link {
	struct quicd_ring events;   /* worker to app thread */
	struct quicd_ring commands; /* app thread to worker */
	struct quicd_command *draft; /* the app thread fills it in; commit publishes a copy */
	_Atomic uint32_t wants_room; /* 1: connections wait for the app thread to consume events */
	/* Worker only. */
	/* by ring place: whose bound of undelivered events it counts against */
	struct quicd_event_owner *event_owner;
	uint32_t events_walked; /* consumed entries already taken off their connections' counts */
	bool walked_early; /* since those that wait were last tried */
	uint32_t left; /* the last attachment that this worker has cleaned up after */
	uint32_t connections;	/* live connections of this app thread on this worker */
	struct quicd_answer *refusals, *refusals_tail; /* of CONNECT, that met a full ring */
};

struct quicd_app {
	struct quicd_engine *engine;
	uint32_t index;
	uint32_t workers;
	_Atomic uint32_t state; /* enum quicd_app_state */
	_Atomic uint32_t attachment; /* counts them */
	_Atomic uint32_t workers_leaving; /* that still hold something of the thread that left */
	_Atomic uint32_t armed; /* 1: parked, the next event rings */
	pthread_mutex_t bell_lock;
	void (*bell)(void *context); /* under bell_lock; NULL: nobody listens */
	void *bell_context;
	struct quicd_app_view *view;
	struct quicd_slab slab;
	struct quicd_link *links; /* by worker */
};

bool quicd_app_create(struct quicd_app *app, struct quicd_engine *engine, uint32_t index,
		      uint32_t workers, uint32_t ring_capacity);
/* Nobody may hold a handle or a view of it any more. */
void quicd_app_destroy(struct quicd_app *app);

/*
 * The calling thread becomes the app thread, and its scheduling policy SCHED_BATCH. False: taken,
 * or still being cleaned up.
 */
bool quicd_app_attach(struct quicd_app *app, void (*bell)(void *context), void *context);
/* By the app thread, or for it at its end. After it returns the bell is never called again. */
void quicd_app_detach(struct quicd_app *app);
/* The worker's own question: has the thread left, and has it not cleaned up yet? */
bool quicd_app_is_leaving(struct quicd_app *app, uint32_t worker);
/*
 * A worker has taken back everything that the leaving thread held from it. The last one frees
 * the place.
 */
void quicd_app_worker_left(struct quicd_app *app, uint32_t worker);

static inline bool quicd_app_attached(const struct quicd_app *app)
{
	return atomic_load_explicit(&app->state, memory_order_acquire) == QUICD_APP_ATTACHED;
}

/* Any thread: after something was published for it. Rings only a parked thread. True if it rang. */
bool quicd_app_wake(struct quicd_app *app);
/* Rings whether parked or not: signals, shutdown. */
void quicd_app_ring_bell(struct quicd_app *app);
/* App thread: see quicd_park. */
bool quicd_app_park(struct quicd_app *app);
