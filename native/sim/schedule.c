/* schedule.c - what runs next: a worker's turn, an arrival, an actor. See sim.h. */
#include <assert.h>
#include <stdlib.h>
#include "launch.h"
#include "sim.h"

/* A worker without a socket looks this often whether it may have one again, see ../net.c. */
#define REOPEN_NS (100 * QUICD_SIM_MS)
/* The least that a turn takes. */
#define TURN_NS 2000

/* From a datagram's arrival to the turn that sees it. */
#define WAKE_NS 1000

enum kind { NOTHING, ARRIVAL, WORKER, ACTOR };

struct next {
	enum kind kind;
	uint64_t at_ns;
	uint32_t index;
};

void quicd_sim_add_actor(struct quicd_sim *sim, struct quicd_sim_actor *actor)
{
	assert(sim->actor_count < QUICD_SIM_ACTORS_MAX);
	sim->actors[sim->actor_count++] = actor;
}

void quicd_sim_add_worker(struct quicd_sim *sim, struct quicd_worker *worker)
{
	assert(sim->worker_count < QUICD_SIM_WORKERS_MAX);
	struct quicd_sim_worker *entry = calloc(1, sizeof(*entry));
	assert(entry);
	entry->worker = worker;
	entry->send_buffer = malloc(QUICD_SEND_BUFFER_BYTES);
	assert(entry->send_buffer);
	sim->workers[sim->worker_count++] = entry;
}

/* When the worker can go on. */
static uint64_t due(const struct quicd_sim *sim, const struct quicd_sim_worker *entry)
{
	if (!entry->running)
		return QUICD_SIM_NEVER;
	uint64_t at_ns = sim->now_ns;
	if (entry->waiting) {
		at_ns = entry->wake_ns;
		if (entry->inbox_count > 0 && entry->inbox_ns + WAKE_NS < at_ns)
			at_ns = entry->inbox_ns + WAKE_NS;
		/* Whoever kicks it takes |parked| back. */
		if (entry->parked && atomic_load(&entry->worker->parked) == 0)
			at_ns = at_ns < sim->now_ns ? at_ns : sim->now_ns;
		/* A finished send wakes it, too. */
		if (entry->sends_free_ns > sim->now_ns && entry->sends_free_ns < at_ns)
			at_ns = entry->sends_free_ns;
	}
	return at_ns > entry->busy_until_ns ? at_ns : entry->busy_until_ns;
}

/* Equal ones have equal chances. */
static void consider(struct quicd_sim *sim, struct next *best, uint32_t *equals,
		     struct next candidate)
{
	if (candidate.at_ns > best->at_ns || candidate.at_ns == QUICD_SIM_NEVER)
		return;
	*equals = candidate.at_ns < best->at_ns ? 1 : *equals + 1;
	if (*equals == 1 || quicd_sim_below(&sim->schedule, *equals) == 0)
		*best = candidate;
}

static struct next find_next(struct quicd_sim *sim)
{
	struct next best = {.kind = NOTHING, .at_ns = QUICD_SIM_NEVER};
	uint32_t equals = 0;
	consider(sim, &best, &equals,
		 (struct next){.kind = ARRIVAL, .at_ns = quicd_sim_next_arrival(sim)});
	for (uint32_t i = 0; i < sim->worker_count; i++)
		consider(sim, &best, &equals,
			 (struct next){WORKER, due(sim, sim->workers[i]), i});
	for (uint32_t i = 0; i < sim->actor_count; i++)
		consider(sim, &best, &equals,
			 (struct next){ACTOR, sim->actors[i]->next_ns, i});
	return best;
}

static void run_worker(struct quicd_sim *sim, struct quicd_sim_worker *entry)
{
	struct quicd_worker *worker = entry->worker;
	if (entry->waiting) {
		entry->waiting = false;
		quicd_worker_wait(worker, 0);
	}
	uint64_t wait_ns = 0;
	sim->turns++;
	entry->waiting = quicd_worker_turn(worker, &wait_ns);
	entry->parked = entry->waiting && wait_ns > 0;
	if (entry->waiting && wait_ns > 0 && !worker->net.state && wait_ns > REOPEN_NS)
		wait_ns = REOPEN_NS;
	entry->wake_ns = sim->now_ns + wait_ns;
	entry->busy_until_ns =
		sim->now_ns + TURN_NS + quicd_sim_below(&sim->schedule, sim->turn_ns);
	if (sim->turned)
		sim->turned(sim->context, worker, entry->parked ? wait_ns : 0);
}

bool quicd_sim_step(struct quicd_sim *sim, uint64_t until_ns)
{
	const struct next next = find_next(sim);
	if (next.kind == NOTHING || next.at_ns > until_ns)
		return false;
	if (next.at_ns > sim->now_ns)
		sim->now_ns = next.at_ns;
	switch (next.kind) {
	case ARRIVAL:
		quicd_sim_land(sim);
		break;
	case WORKER:
		run_worker(sim, sim->workers[next.index]);
		break;
	case ACTOR:
		sim->actors[next.index]->next_ns = QUICD_SIM_NEVER;
		sim->actors[next.index]->run(sim->actors[next.index]->context);
		break;
	case NOTHING:
		break;
	}
	return true;
}

void quicd_sim_run(struct quicd_sim *sim, uint64_t until_ns)
{
	while (quicd_sim_step(sim, until_ns))
		;
	if (sim->now_ns < until_ns)
		sim->now_ns = until_ns;
}

static struct quicd_sim_worker *entry_of(struct quicd_sim *sim, const struct quicd_worker *worker)
{
	for (uint32_t i = 0; i < sim->worker_count; i++)
		if (sim->workers[i]->worker == worker)
			return sim->workers[i];
	return NULL;
}

/* In place of launch.c: the workers are ours to step. */
bool quicd_workers_launch(struct quicd_engine *engine)
{
	struct quicd_sim *sim = quicd_sim_current();
	for (uint32_t i = 0; i < engine->options.workers; i++) {
		struct quicd_worker *worker = &engine->workers[i];
		quicd_sim_add_worker(sim, worker);
		if (!quicd_worker_start(worker)) {
			snprintf(engine->error, sizeof(engine->error), "%s", worker->error);
			return false;
		}
		worker->started = true;
		atomic_store(&worker->ready, 1);
		entry_of(sim, worker)->running = true;
	}
	return true;
}

void quicd_workers_join(struct quicd_engine *engine)
{
	struct quicd_sim *sim = quicd_sim_current();
	atomic_store(&engine->stopping, 1);
	for (uint32_t i = 0; engine->workers && i < engine->options.workers; i++) {
		struct quicd_worker *worker = &engine->workers[i];
		if (!worker->started)
			continue;
		struct quicd_sim_worker *entry = entry_of(sim, worker);
		if (entry->waiting)
			quicd_worker_wait(worker, 0);
		quicd_worker_finish(worker);
		worker->started = entry->running = entry->waiting = false;
	}
}
