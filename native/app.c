/* app.c - see app.h. */
#include "app.h"
#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "engine.h"

static void wake_owner(void *owner)
{
	quicd_app_ring_bell(owner);
}

bool quicd_app_create(struct quicd_app *app, struct quicd_engine *engine, uint32_t index,
		      uint32_t workers, uint32_t ring_capacity)
{
	memset(app, 0, sizeof(*app));
	app->engine = engine;
	app->index = index;
	app->workers = workers;
	pthread_mutex_init(&app->bell_lock, NULL);
	app->view = calloc(1, sizeof(*app->view));
	app->links = calloc(workers, sizeof(*app->links));
	if (!app->view || !app->links)
		return false;
	if (!quicd_slab_create(&app->slab, workers + index, QUICD_APP_SMALL_BUFFERS,
			       QUICD_APP_LARGE_BUFFERS))
		return false;
	app->slab.wake = wake_owner;
	app->slab.owner = app;
	for (uint32_t worker = 0; worker < workers; worker++) {
		struct quicd_link *link = &app->links[worker];
		link->event_owner = calloc(ring_capacity, sizeof(*link->event_owner));
		link->draft = aligned_alloc(QUICD_CACHE_LINE, sizeof(*link->draft));
		if (!link->event_owner || !link->draft)
			return false;
		memset(link->draft, 0, sizeof(*link->draft));
		if (!quicd_ring_create(&link->events, ring_capacity) ||
		    !quicd_ring_create(&link->commands, ring_capacity))
			return false;
	}
	return true;
}

void quicd_app_destroy(struct quicd_app *app)
{
	for (uint32_t worker = 0; app->links && worker < app->workers; worker++) {
		struct quicd_link *link = &app->links[worker];
		quicd_ring_destroy(&link->events);
		quicd_ring_destroy(&link->commands);
		free(link->event_owner);
		free(link->draft);
	}
	free(app->links);
	free(app->view);
	quicd_slab_destroy(&app->slab);
	pthread_mutex_destroy(&app->bell_lock);
}

/* Nobody else touches the place between FREE and ATTACHED: rings and slab start as new. */
static void start_afresh(struct quicd_app *app)
{
	quicd_slab_end_leases(&app->slab, app->index);
	quicd_slab_collect(&app->slab, NULL, NULL);
	assert(app->slab.free_count[QUICD_BUFFER_SMALL] == app->slab.small_count);
	assert(app->slab.free_count[QUICD_BUFFER_LARGE] == app->slab.large_count);
	for (uint32_t worker = 0; worker < app->workers; worker++) {
		quicd_ring_reset(&app->links[worker].events);
		quicd_ring_reset(&app->links[worker].commands);
		app->links[worker].events_walked = 0;
		app->links[worker].walked_early = false;
	}
	atomic_store(&app->armed, 0);
	atomic_store(&app->slab.wanted, 0);
}

/*
 * An app thread that is woken does not push its worker off the CPU (sched(7), SCHED_BATCH): the
 * worker finishes its batch, and one ring is for all of it. The other way round a worker that is
 * woken does pre-empt JavaScript: QUIC waits for nobody. Only from and to the default policy.
 */
static void let_workers_finish(bool on)
{
	const struct sched_param param = {.sched_priority = 0};
	if (sched_getscheduler(0) == (on ? SCHED_OTHER : SCHED_BATCH))
		sched_setscheduler(0, on ? SCHED_BATCH : SCHED_OTHER, &param);
}

bool quicd_app_attach(struct quicd_app *app, void (*bell)(void *context), void *context)
{
	pthread_mutex_lock(&app->bell_lock);
	const bool ok = atomic_load(&app->state) == QUICD_APP_FREE;
	if (ok) {
		start_afresh(app);
		app->bell = bell;
		app->bell_context = context;
		atomic_fetch_add(&app->attachment, 1);
		/* Release: a worker that sees ATTACHED sees the fresh rings. */
		atomic_store_explicit(&app->state, QUICD_APP_ATTACHED, memory_order_release);
	}
	pthread_mutex_unlock(&app->bell_lock);
	if (ok)
		let_workers_finish(true);
	return ok;
}

void quicd_app_detach(struct quicd_app *app)
{
	pthread_mutex_lock(&app->bell_lock);
	app->bell = NULL;
	app->bell_context = NULL;
	const bool attached = atomic_load(&app->state) == QUICD_APP_ATTACHED;
	if (attached) {
		atomic_store(&app->workers_leaving, app->workers);
		atomic_store(&app->state, QUICD_APP_LEAVING);
	}
	pthread_mutex_unlock(&app->bell_lock);
	if (attached) {
		let_workers_finish(false);
		quicd_engine_kick_all(app->engine);
	}
}

bool quicd_app_is_leaving(struct quicd_app *app, uint32_t worker)
{
	return atomic_load(&app->state) == QUICD_APP_LEAVING &&
	       app->links[worker].left != atomic_load(&app->attachment);
}

void quicd_app_worker_left(struct quicd_app *app, uint32_t worker)
{
	app->links[worker].left = atomic_load(&app->attachment);
	assert(atomic_load(&app->state) == QUICD_APP_LEAVING);
	if (atomic_fetch_sub(&app->workers_leaving, 1) == 1)
		atomic_store(&app->state, QUICD_APP_FREE);
}

void quicd_app_ring_bell(struct quicd_app *app)
{
	pthread_mutex_lock(&app->bell_lock);
	if (app->bell) {
		app->view->doorbells++;
		app->bell(app->bell_context);
	}
	pthread_mutex_unlock(&app->bell_lock);
}

bool quicd_app_wake(struct quicd_app *app)
{
	/* The cheap look first: most of the time the thread is awake and the line stays shared. */
	if (atomic_load_explicit(&app->armed, memory_order_seq_cst) == 0)
		return false;
	if (atomic_exchange_explicit(&app->armed, 0, memory_order_seq_cst) == 0)
		return false;
	quicd_app_ring_bell(app);
	return true;
}

bool quicd_app_park(struct quicd_app *app)
{
	atomic_store_explicit(&app->armed, 1, memory_order_seq_cst);
	for (uint32_t worker = 0; worker < app->workers; worker++) {
		if (quicd_ring_ready(&app->links[worker].events) == 0)
			continue;
		/*
		 * Someone came first: if the bell was taken to ring for it, one spurious ring is
		 * harmless.
		 */
		atomic_store_explicit(&app->armed, 0, memory_order_seq_cst);
		return false;
	}
	return true;
}
