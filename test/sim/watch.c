/* watch.c - what must hold whatever the network does, looked at from outside. */
#include <string.h>
#include "alloc.h"
#include "forward.h"
#include "limits.h"
#include "world.h"

/* A timer may be this much later than quiche wanted: roundings. */
#define TIMER_SLACK_NS 2000
#define SPIN_TURNS 200

static struct remote *remote_of(struct world *world, const struct qd_address *address)
{
	for (uint32_t i = 0; i < world->remote_count; i++)
		if (quicd_sim_same_address(&world->remotes[i].address, address))
			return &world->remotes[i];
	if (world->remote_count == WORLD_REMOTES)
		return NULL;
	struct remote *remote = &world->remotes[world->remote_count++];
	*remote = (struct remote){.address = *address, .heard_ns = QUICD_SIM_NEVER};
	return remote;
}

/* A client that answers has heard what it was sent, at whatever address of its own that was. */
static void note_proofs(struct world *world, const struct quicd_sim_datagram *datagram)
{
	for (uint32_t i = 0; i < world->remote_count; i++)
		if (world->remotes[i].socket == datagram->socket &&
		    datagram->sent_ns > world->remotes[i].heard_ns)
			world->remotes[i].proved = true;
}

/* RFC 9000 §17.2.2: an Initial with a token, which a Retry or NEW_TOKEN gave (§8.1.2, §8.1.3). */
static bool has_token(const struct quicd_sim_datagram *datagram)
{
	const uint8_t *bytes = datagram->bytes;
	uint32_t at = 5; /* behind first byte and version */
	if (datagram->length < 48)
		return false;
	/* Version 2 has another number for the type (RFC 9369 §3.2). */
	if ((bytes[0] & 0xf0) != (bytes[1] == 0x6b ? 0xd0 : 0xc0))
		return false;
	at += 1u + bytes[at];
	if (at < datagram->length)
		at += 1u + bytes[at];
	return at < datagram->length && bytes[at] != 0;
}

/*
 * RFC 9000 §8: three times what came from an address, until it is validated, which no packet can do
 * that its client has sent before it heard anything from the server there.
 */
void watch_datagram(void *context, enum quicd_sim_fate fate,
		    const struct quicd_sim_datagram *datagram,
		    const struct quicd_sim_socket *socket)
{
	struct world *world = context;
	if (fate == QUICD_SIM_DELIVERED && !socket->client) {
		struct remote *remote = remote_of(world, &datagram->from);
		if (!remote)
			return;
		remote->socket = datagram->socket;
		remote->received += datagram->length;
		remote->proved = remote->proved || has_token(datagram);
		note_proofs(world, datagram);
	} else if (fate == QUICD_SIM_DELIVERED) {
		struct remote *remote = remote_of(world, &datagram->to);
		if (remote && remote->heard_ns == QUICD_SIM_NEVER)
			remote->heard_ns = world->sim.now_ns;
	} else if (fate == QUICD_SIM_SENT && !socket->client) {
		struct remote *remote = remote_of(world, &datagram->to);
		if (!remote || remote->proved)
			return;
		remote->sent += datagram->length;
		if (remote->sent > 3 * remote->received)
			world_fail(world,
				   "amplification: %lu bytes to port %u, which has sent %lu and "
				   "proved nothing",
				   (unsigned long)remote->sent, datagram->to.port,
				   (unsigned long)remote->received);
	}
}

/* Nobody who sleeps may have something to do. */
static void check_asleep(struct world *world, struct quicd_sim_worker *entry)
{
	struct quicd_worker *worker = entry->worker;
	if (!entry->running || !entry->waiting || !entry->parked ||
	    atomic_load(&worker->parked) == 0)
		return;
	for (uint32_t i = 0; i < worker->engine->options.apps; i++) {
		struct quicd_app *app = &worker->engine->apps[i];
		struct quicd_link *link = &app->links[worker->index];
		if (!quicd_app_attached(app))
			continue;
		if (quicd_ring_ready(&link->commands) > 0)
			world_fail(world, "worker %u sleeps before %u commands", worker->index,
				   quicd_ring_ready(&link->commands));
		if (quicd_ring_ready(&link->events) > 0 && atomic_load(&app->armed) != 0)
			world_fail(world, "application %u sleeps before %u events", i,
				   quicd_ring_ready(&link->events));
	}
	if (quicd_forward_waits(worker))
		world_fail(world, "worker %u sleeps before forwarded datagrams", worker->index);
}

/*
 * Every timer fires: no worker may sleep longer than its connections can wait. Those that wait to
 * be flushed are looked at when the kernel gives a send buffer back.
 */
static void check_timers(struct world *world, struct quicd_worker *worker, uint64_t wait_ns)
{
	const uint64_t wakes_ns = world->sim.now_ns + wait_ns;
	for (uint32_t i = 0; i < worker->connection_used; i++) {
		struct quicd_connection *connection = &worker->connections[i];
		world->coverage->states[connection->state]++;
		if (wait_ns == 0 || connection->state == QUICD_STATE_FREE || connection->dead ||
		    connection->state == QUICD_STATE_CLOSED ||
		    quicd_node_linked(&connection->flush))
			continue;
		uint64_t wanted_ns = qd_timeout_ns(connection->quiche);
		if (connection->goodbye.waiting && connection->goodbye.deadline_ns < wanted_ns)
			wanted_ns = connection->goodbye.deadline_ns;
		/* Nothing has left yet that could be lost. */
		if (connection->state == QUICD_STATE_EARLY &&
		    connection->held_until_ns > world->sim.now_ns &&
		    connection->held_until_ns < wanted_ns)
			wanted_ns = connection->held_until_ns;
		if (wanted_ns == QD_NO_TIMEOUT)
			world_fail(world, "slot %u of worker %u lives without a timer", i,
				   worker->index);
		else if (wanted_ns + TIMER_SLACK_NS < wakes_ns)
			world_fail(world, "worker %u sleeps %lu us past the timer of slot %u",
				   worker->index, (unsigned long)((wakes_ns - wanted_ns) / 1000),
				   i);
	}
}

/* Turns that have nothing to do and do not sleep either burn a CPU. */
static void check_spinning(struct world *world, struct quicd_worker *worker, uint64_t wait_ns)
{
	const struct quicd_counters *c = worker->counters;
	const uint64_t done = c->receive_datagrams + c->forward_received + c->send_datagrams +
			      c->events + c->commands;
	for (uint32_t i = 0; i < world->sim.worker_count; i++) {
		if (world->sim.workers[i]->worker != worker)
			continue;
		struct idle *idle = &world->idle[i];
		if (wait_ns > 0 || done != idle->done)
			idle->turns = 0;
		idle->done = done;
		if (++idle->turns > SPIN_TURNS)
			world_fail(world, "worker %u turned %u times for nothing", worker->index,
				   idle->turns);
	}
}

void watch_turn(void *context, struct quicd_worker *worker, uint64_t wait_ns)
{
	struct world *world = context;
	check_timers(world, worker, wait_ns);
	check_spinning(world, worker, wait_ns);
	for (uint32_t i = 0; i < world->sim.worker_count; i++)
		check_asleep(world, world->sim.workers[i]);
}

void watch_app(struct world *world)
{
	for (uint32_t i = 0; i < world->sim.worker_count; i++)
		check_asleep(world, world->sim.workers[i]);
}

static void check_slab(struct world *world, const char *whose, uint32_t index,
		       struct quicd_slab *slab)
{
	quicd_slab_collect(slab, NULL, NULL);
	if (slab->free_count[0] != slab->small_count || slab->free_count[1] != slab->large_count)
		world_fail(world, "%s %u: %u small and %u large buffers never came back", whose,
			   index, slab->small_count - slab->free_count[0],
			   slab->large_count - slab->free_count[1]);
}

static void check_worker(struct world *world, struct quicd_worker *worker)
{
	if (worker->live_connections > 0 || worker->half_open > 0)
		world_fail(world, "worker %u: %u connections live on, %u half-open", worker->index,
			   worker->live_connections, worker->half_open);
	if (worker->counters->live_streams > 0)
		world_fail(world, "worker %u: %lu streams live on", worker->index,
			   (unsigned long)worker->counters->live_streams);
	if (worker->queued_bytes > 0 || worker->queued_slab_bytes > 0)
		world_fail(world, "worker %u: %lu bytes queued for nobody", worker->index,
			   (unsigned long)worker->queued_bytes);
	if (worker->cids.count > 0)
		world_fail(world, "worker %u: %u connection IDs of nobody", worker->index,
			   worker->cids.count);
	if (worker->paused_streams > 0 || worker->timers.count > 0)
		world_fail(world, "worker %u: %u streams wait, %u timers", worker->index,
			   worker->paused_streams, worker->timers.count);
	const struct quicd_counters *c = worker->counters;
	const uint64_t outcomes =
		c->receive_truncated + c->receive_malformed + c->receive_unknown +
		c->receive_forwarded + c->receive_forward_full + c->receive_forward_limited +
		c->receive_short_initial + c->receive_refused + c->receive_retried +
		c->receive_version + c->receive_dead + c->forward_unknown +
		c->connection_datagrams;
	if (c->receive_datagrams + c->forward_received != outcomes)
		world_fail(world, "worker %u: %lu datagrams came, %lu have an outcome",
			   worker->index,
			   (unsigned long)(c->receive_datagrams + c->forward_received),
			   (unsigned long)outcomes);
	if (c->commands_invalid > 0 || c->panics > 0)
		world_fail(world, "worker %u: %lu invalid commands, %lu panics", worker->index,
			   (unsigned long)c->commands_invalid, (unsigned long)c->panics);
}

void watch_rest(struct world *world)
{
	for (uint32_t i = 0; i < world->engine_count; i++) {
		struct quicd_engine *engine = world->engines[i];
		uint64_t given = 0, taken = 0;
		for (uint32_t w = 0; w < engine->options.workers; w++) {
			given += engine->workers[w].counters->receive_forwarded;
			taken += engine->workers[w].counters->forward_received;
		}
		if (given != taken)
			world_fail(world, "%lu datagrams were forwarded, %lu received",
				   (unsigned long)given, (unsigned long)taken);
		for (uint32_t w = 0; w < engine->options.workers; w++) {
			check_worker(world, &engine->workers[w]);
			check_slab(world, "worker", w, &engine->workers[w].slab);
		}
		for (uint32_t a = 0; a < engine->options.apps; a++) {
			check_slab(world, "application", a, &engine->apps[a].slab);
			if (engine->apps[a].view->misuses > 0)
				world_fail(world, "application %u: %u misuses", a,
					   engine->apps[a].view->misuses);
		}
	}
}
