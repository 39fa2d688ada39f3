/* quicd.c - the functions of quicd.h: what JavaScript calls. Every argument is checked here. */
#include "quicd.h"
#include <assert.h>
#include "abi_check.gen.h"
#include "app.h"
#include "command.h"
#include "engine.h"
#include "worker.h"

uint32_t quicd_abi_hash(void)
{
	return QUICD_ABI_HASH;
}

static struct quicd_app *attached(uint32_t handle)
{
	struct quicd_app *app = quicd_app_of_handle(handle);
	return app && quicd_app_attached(app) ? app : NULL;
}

static struct quicd_link *link_of(struct quicd_app *app, uint32_t worker)
{
	return app && worker < app->workers ? &app->links[worker] : NULL;
}

static uint32_t misuse(struct quicd_app *app)
{
	app->view->misuses++;
	return QUICD_REFUSED_INVALID;
}

uint32_t quicd_events_peek(uint32_t handle, uint32_t worker)
{
	struct quicd_link *link = link_of(attached(handle), worker);
	if (!link)
		return 0;
	const uint32_t ready = quicd_ring_ready(&link->events);
	return ready < QUICD_EVENTS_PER_PEEK ? ready : QUICD_EVENTS_PER_PEEK;
}

void quicd_events_release(uint32_t handle, uint32_t worker, uint32_t count)
{
	struct quicd_app *app = attached(handle);
	struct quicd_link *link = link_of(app, worker);
	if (!link || count == 0)
		return;
	if (count > quicd_ring_ready(&link->events)) {
		misuse(app);
		return;
	}
	quicd_ring_consume(&link->events, count);
	/* seq_cst with something_waits in worker.c: it sees the new head, or we see its wish. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&link->wants_room, memory_order_relaxed) != 0 &&
	    atomic_exchange_explicit(&link->wants_room, 0, memory_order_seq_cst) != 0)
		quicd_worker_kick(&app->engine->workers[worker]);
}

uint32_t quicd_park(uint32_t handle)
{
	struct quicd_app *app = attached(handle);
	return app ? quicd_app_park(app) : 1;
}

uint32_t quicd_commands_reserve(uint32_t handle, uint32_t worker)
{
	struct quicd_app *app = attached(handle);
	struct quicd_link *link = link_of(app, worker);
	if (!link)
		return QUICD_NONE;
	if (quicd_ring_room(&link->commands, 1) == 0) {
		app->view->command_ring_full++;
		return QUICD_NONE;
	}
	return 0;
}

static struct quicd_buffer *leased(struct quicd_app *app, uint32_t slab, uint32_t buffer)
{
	if (slab >= app->engine->slab_count || buffer >= quicd_slab_count(app->engine->slabs[slab]))
		return NULL;
	struct quicd_buffer *entry = &app->engine->slabs[slab]->buffers[buffer];
	return entry->leases > 0 && entry->lease_app == app->index ? entry : NULL;
}

uint32_t quicd_commands_commit(uint32_t handle, uint32_t worker)
{
	struct quicd_app *app = attached(handle);
	struct quicd_link *link = link_of(app, worker);
	if (!link)
		return QUICD_REFUSED_CLOSED;
	if (quicd_ring_room(&link->commands, 1) == 0)
		return misuse(app);
	/* First the copy: JavaScript can write to the draft, but no more to what is checked. */
	struct quicd_command *command = quicd_ring_slot(&link->commands, 0);
	*command = *link->draft;
	if (command->kind >= QUICD_COMMAND_COUNT)
		return misuse(app);
	if (quicd_command_carries_buffer(command)) {
		struct quicd_buffer *buffer = leased(app, command->slab, command->buffer);
		if (!buffer || !quicd_command_range_ok(app->engine, command))
			return misuse(app);
		/*
		 * The lease goes along: the last one takes the app thread's reference with it,
		 * another makes a new one.
		 */
		if (--buffer->leases > 0)
			quicd_slab_retain(app->engine->slabs[command->slab], command->buffer);
	}
	quicd_ring_publish(&link->commands, 1);
	return QUICD_OK;
}

void quicd_kick(uint32_t handle, uint32_t worker)
{
	struct quicd_app *app = attached(handle);
	if (app && worker < app->workers)
		quicd_worker_kick(&app->engine->workers[worker]);
}

uint32_t quicd_buffer_take(uint32_t handle, uint32_t class)
{
	struct quicd_app *app = attached(handle);
	if (!app || class > QUICD_BUFFER_LARGE)
		return QUICD_NONE;
	struct quicd_slab *slab = &app->slab;
	quicd_slab_watch(slab, class);
	uint32_t index = quicd_slab_take(slab, class);
	if (index == QUICD_NONE) {
		/* The wish first, then the look: whoever releases after the look rings. */
		atomic_store_explicit(&slab->wanted, 1, memory_order_seq_cst);
		if (quicd_slab_collect(slab, NULL, NULL) > 0)
			index = quicd_slab_take(slab, class);
	}
	if (index == QUICD_NONE) {
		app->view->slab_empty++;
		return QUICD_NONE;
	}
	slab->buffers[index].leases = 1;
	slab->buffers[index].lease_app = app->index;
	return index;
}

uint32_t quicd_buffer_retain(uint32_t handle, uint32_t slab, uint32_t buffer)
{
	struct quicd_app *app = attached(handle);
	if (!app)
		return QUICD_REFUSED_CLOSED;
	struct quicd_buffer *entry = leased(app, slab, buffer);
	if (!entry)
		return misuse(app);
	entry->leases++;
	return QUICD_OK;
}

uint32_t quicd_buffer_release(uint32_t handle, uint32_t slab, uint32_t buffer)
{
	struct quicd_app *app = attached(handle);
	if (!app)
		return QUICD_REFUSED_CLOSED;
	struct quicd_buffer *entry = leased(app, slab, buffer);
	if (!entry)
		return misuse(app);
	if (--entry->leases == 0)
		quicd_slab_release(app->engine->slabs[slab], buffer);
	return QUICD_OK;
}

static struct quicd_stream_view *stream_view(struct quicd_app *app, uint32_t worker,
					     uint32_t stream)
{
	if (!app || worker >= app->workers ||
	    stream >= app->engine->workers[worker].stream_capacity)
		return NULL;
	return &app->engine->workers[worker].stream_views[stream];
}

uint32_t quicd_stream_credit(uint32_t handle, uint32_t worker, uint32_t stream)
{
	struct quicd_stream_view *view = stream_view(attached(handle), worker, stream);
	return view ? atomic_load_explicit((_Atomic uint32_t *)&view->credit_limit,
					   memory_order_acquire)
		    : 0;
}

uint32_t quicd_stream_want(uint32_t handle, uint32_t worker, uint32_t stream, uint32_t seen)
{
	struct quicd_stream_view *view = stream_view(attached(handle), worker, stream);
	if (!view)
		return 0;
	_Atomic uint32_t *want = (_Atomic uint32_t *)&view->want_writable;
	atomic_store_explicit(want, 1, memory_order_seq_cst);
	if (atomic_load_explicit((_Atomic uint32_t *)&view->credit_limit, memory_order_seq_cst) ==
	    seen)
		return 0;
	/* It moved: take the wish back, unless the worker took it already and the event comes. */
	return atomic_exchange_explicit(want, 0, memory_order_seq_cst);
}
