/* events.c - what an application is told: legal where the connection is, and true. */
#include <stdlib.h>
#include <string.h>
#include "world.h"

#define BIT(kind) (1u << QUICD_EVENT_##kind)
#define WHILE_UP                                                                         \
	(BIT(STREAM_OPENED) | BIT(OPEN_REFUSED) | BIT(STREAM_DATA) | BIT(STREAM_RESET) | \
	 BIT(STREAM_STOPPED) | BIT(STREAM_WRITABLE) | BIT(DATAGRAM) |                    \
	 BIT(DATAGRAM_OUTCOME) | BIT(PATH_CHANGED) | BIT(CLOSING))

/* Which events may come in which phase. */
static const uint32_t LEGAL[SIDES][PHASES] = {
	[CLIENT] = {[UNKNOWN] = BIT(CONNECT_STARTED) | BIT(CONNECT_REFUSED),
		    [STARTED] = BIT(CONNECTED) | BIT(CLOSING),
		    [UP] = WHILE_UP | BIT(SESSION) | BIT(HANDSHAKE_DONE) | BIT(MIGRATE_OUTCOME),
		    [CLOSING] = BIT(CLOSED)},
	[SERVER] = {[UNKNOWN] = BIT(CONNECTED),
		    [UP] = WHILE_UP | BIT(HANDSHAKE_DONE),
		    [CLOSING] = BIT(CLOSED)},
};

/* RFC 9000 §20.1 */
#define CONNECTION_REFUSED 0x02
#define INVALID_TOKEN 0x0b
#define APPLICATION_ERROR 0x0c
#define NO_VIABLE_PATH 0x10

static struct end *starting(struct app *app, const struct quicd_event *event)
{
	struct world *world = app->world;
	for (uint32_t i = 0; i < world->connection_count; i++) {
		struct end *end = &world->ends[i][CLIENT];
		if (end->app == app && end->phase == UNKNOWN &&
		    end->request_id == event->request_id)
			return end;
	}
	return NULL;
}

/* A server knows by the name that it was called by which connection of the world this is. */
static struct end *accepted(struct app *app, uint32_t worker, const struct quicd_event *event)
{
	struct world *world = app->world;
	const struct quicd_connection_view *view =
		&app->engine->workers[worker].connection_views[event->connection];
	unsigned int number = 0;
	if (sscanf((const char *)view->server_name, "c%u.example", &number) != 1 ||
	    number >= world->connection_count) {
		world_fail(world, "a server's connection has the name \"%.64s\"",
			   (const char *)view->server_name);
		return NULL;
	}
	number = world->called[number];
	struct end *end = &world->ends[number][SERVER];
	/*
	 * RFC 8470 §3: what came as 0-RTT may come again, when the connection that took it never
	 * saw its handshake complete. That one ends by itself.
	 */
	if (end->phase != UNKNOWN && !end->unproved) {
		world_fail(world, "connection %u was accepted twice", number);
		return NULL;
	}
	if (end->unproved) {
		world->coverage->early_again++;
		end->app->forsaken[end->worker][end->slot] = end->generation;
		/* It may have the same generation in its slot as the new one in its own. */
		end->app->ends[end->worker][end->slot] = NULL;
	}
	*end = (struct end){.number = number, .side = SERVER, .app = app, .worker = worker};
	return end;
}

static struct end *end_of(struct app *app, uint32_t worker, const struct quicd_event *event)
{
	if (event->kind == QUICD_EVENT_CONNECT_STARTED ||
	    event->kind == QUICD_EVENT_CONNECT_REFUSED)
		return starting(app, event);
	if (event->connection >= WORLD_SLOTS)
		return NULL;
	struct end *end = app->ends[worker][event->connection];
	if (end && end->generation == event->connection_generation)
		return end;
	if (event->kind == QUICD_EVENT_CONNECTED && app->side == SERVER)
		return accepted(app, worker, event);
	return NULL;
}

static void name_end(struct app *app, struct end *end, const struct quicd_event *event)
{
	end->slot = event->connection;
	end->generation = event->connection_generation;
	app->ends[end->worker][end->slot] = end;
}

static void check_bytes(struct end *end, struct stream_end *stream,
			const struct quicd_event *event)
{
	struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	static _Thread_local uint8_t wanted[QUICD_LARGE_BUFFER_BYTES];
	if (stream->fin_got || stream->reset_got)
		world_fail(world, "c%u stream %lu: data after its end", end->number,
			   (unsigned long)stream->id);
	if (event->length > 0) {
		const uint8_t *bytes =
			quicd_slab_at(end->app->engine->slabs[end->worker], event->buffer);
		plan_fill(plan, stream->id, !end->side, stream->received, wanted, event->length);
		if (memcmp(bytes, wanted, event->length) != 0)
			world_fail(world, "c%u stream %lu: wrong bytes after %lu", end->number,
				   (unsigned long)stream->id, (unsigned long)stream->received);
	}
	stream->received += event->length;
	world->coverage->stream_bytes += event->length;
	if (stream->received > stream->plan.bytes[!end->side])
		world_fail(world, "c%u stream %lu: more bytes than were sent", end->number,
			   (unsigned long)stream->id);
	if (!(event->flags & QUICD_FLAG_FIN))
		return;
	stream->fin_got = true;
	if (stream->received != stream->plan.bytes[!end->side] ||
	    stream->plan.reset_at[!end->side] != QUICD_SIM_NEVER)
		world_fail(world, "c%u stream %lu: FIN after %lu of %lu bytes", end->number,
			   (unsigned long)stream->id, (unsigned long)stream->received,
			   (unsigned long)stream->plan.bytes[!end->side]);
}

static struct stream_end *stream_of(struct end *end, const struct quicd_event *event)
{
	struct world *world = end->app->world;
	struct stream_end *stream = end_stream(end, event->stream_id);
	const enum side opener = event->stream_id & 1 ? SERVER : CLIENT;
	const bool first = event->flags & QUICD_FLAG_OPENED;
	if (!stream && opener != end->side && first) {
		end->seen[event->stream_id >> 1 & 1]++;
		return end_add_stream(end, event);
	}
	if (!stream || first || stream->slot != event->stream ||
	    stream->generation != event->stream_generation) {
		world_fail(world, "c%u stream %lu: event %u of a stream that is none",
			   end->number, (unsigned long)event->stream_id, event->kind);
		return NULL;
	}
	return stream;
}

static void take_stream_event(struct end *end, const struct quicd_event *event)
{
	struct world *world = end->app->world;
	struct stream_end *stream = stream_of(end, event);
	if (!stream)
		return;
	switch (event->kind) {
	case QUICD_EVENT_STREAM_DATA:
		check_bytes(end, stream, event);
		break;
	case QUICD_EVENT_STREAM_RESET:
		if (stream->fin_got || stream->reset_got)
			world_fail(world, "c%u stream %lu: ended twice", end->number,
				   (unsigned long)stream->id);
		if (!stream->stop_sent &&
		    (stream->plan.reset_at[!end->side] == QUICD_SIM_NEVER ||
		     event->error_code != (0x52000000 | stream->id)))
			world_fail(world, "c%u stream %lu: reset with %lx", end->number,
				   (unsigned long)stream->id, (unsigned long)event->error_code);
		stream->reset_got = true;
		break;
	case QUICD_EVENT_STREAM_STOPPED:
		if (stream->stopped || stream->plan.stop_at[!end->side] == QUICD_SIM_NEVER ||
		    event->error_code != (0x53000000 | stream->id))
			world_fail(world, "c%u stream %lu: stopped with %lx", end->number,
				   (unsigned long)stream->id, (unsigned long)event->error_code);
		stream->stopped = true;
		break;
	default: /* WRITABLE */
		if (!stream->awaits_credit)
			world_fail(world, "c%u stream %lu: credit that nobody asked for",
				   end->number, (unsigned long)stream->id);
		stream->awaits_credit = false;
		break;
	}
}

static void take_datagram(struct end *end, const struct quicd_event *event)
{
	struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	const uint8_t *bytes =
		quicd_slab_at(end->app->engine->slabs[end->worker], event->buffer);
	const uint32_t sequence = bytes[0];
	bool right = event->length == plan->datagram_bytes && sequence < WORLD_DATAGRAMS;
	for (uint32_t i = 1; right && i < event->length; i++)
		right = bytes[i] == plan_byte(plan, 1000000 + sequence, !end->side, i);
	if (!right)
		world_fail(world, "c%u: a datagram that was never sent", end->number);
	else if (end->datagrams_got >> sequence & 1)
		world_fail(world, "c%u: datagram %u twice", end->number, sequence);
	else
		end->datagrams_got |= 1ull << sequence;
}

/* A timeout is in order only where the network, or the other side's end, gave a reason. */
static void judge_timeout(struct end *end)
{
	struct world *world = end->app->world;
	const struct end *other = &world->ends[end->number][!end->side];
	const uint64_t silent_ns = end->phase == UP ? world->idle_ns : 0;
	const uint64_t excused_ns =
		world->calm_ns + 3 * world->longest_blackout_ns + 5 * QUICD_SIM_SECOND;
	if (world->hours)
		world_fail(world, "c%u: a timeout, and it should have lived for hours",
			   end->number);
	if (other->phase >= CLOSING || other->close_sent)
		return;
	/* RFC 9000 §9: before the handshake is confirmed a server answers to one address. */
	if ((end->phase == STARTED || other->phase == UNKNOWN) &&
	    world->rebound_ns >= world->sim.start_ns + world->plans[end->number].start_ns)
		return;
	/* Each lost flight of a handshake doubles the wait for the next (RFC 9002 §6.2.1). */
	if (end->phase == STARTED &&
	    world->calm_ns > world->sim.start_ns + world->plans[end->number].start_ns)
		return;
	if (world->sim.now_ns < excused_ns + silent_ns)
		return;
	world_fail(world, "c%u: a timeout at the %s on a working network", end->number,
		   end->side == CLIENT ? "client" : "server");
}

static void judge_close(struct end *end, const struct quicd_connection_view *view)
{
	struct world *world = end->app->world;
	const struct end *other = &world->ends[end->number][!end->side];
	const uint64_t ours = 0x100 + end->number;
	const bool application = view->close_flags & QUICD_CLOSE_APPLICATION;
	const bool local = view->close_flags & QUICD_CLOSE_LOCAL;
	uint64_t *kinds = world->coverage->ends[end->side];
	end->close_flags = view->close_flags;
	end->close_code = view->close_code;
	if (view->close_flags & QUICD_CLOSE_TIMEOUT) {
		kinds[2]++;
		judge_timeout(end);
	} else if (local) {
		kinds[0]++;
		/* No path of several was ever validated: it takes bad weather and a new address. */
		if (view->close_code == NO_VIABLE_PATH && !application && world->rebound_ns > 0 &&
		    !world->hours)
			return;
		if (!end->close_sent || !application || view->close_code != ours)
			world_fail(world, "c%u: closed by ourselves with %lx (%.*s)", end->number,
				   (unsigned long)view->close_code, view->reason_bytes,
				   (const char *)view->reason);
	} else if (application || view->close_code != 0) {
		kinds[1]++;
		const bool hurt = world->coverage->fates[QUICD_SIM_CORRUPTED] > 0 ||
				  world->sim.fates[QUICD_SIM_CORRUPTED] > 0 ||
				  world->coverage->counters[1] > 0;
		const bool known =
			application ? view->close_code == ours && other->close_sent
				    : (view->close_code == APPLICATION_ERROR &&
				       other->close_sent) ||
					      (view->close_code == INVALID_TOKEN && hurt) ||
					      view->close_code == CONNECTION_REFUSED;
		if (!known)
			world_fail(world, "c%u: closed by the peer with %s %lx (%.*s)",
				   end->number, application ? "application error" : "error",
				   (unsigned long)view->close_code, view->reason_bytes,
				   (const char *)view->reason);
	} else {
		/*
		 * A stateless reset: the other side must have forgotten it, be it before its
		 * handshake was complete.
		 */
		kinds[3]++;
		if (other->phase != UNKNOWN && other->phase < CLOSING && !other->close_sent)
			world_fail(world, "c%u: the %s is gone without a reason (flags %x)",
				   end->number, end->side == CLIENT ? "client" : "server",
				   view->close_flags);
	}
}

static void take_end_event(struct app *app, struct end *end, const struct quicd_event *event)
{
	const struct quicd_connection_view *view =
		&app->engine->workers[end->worker].connection_views[end->slot];
	if (event->kind == QUICD_EVENT_CLOSING) {
		judge_close(end, view);
		end->phase = CLOSING;
		return;
	}
	end->phase = CLOSED;
	end->ended_ns = app->world->sim.now_ns;
	end->late = 4;
	if (view->rebindings > 0 && end->paths_told == 0)
		world_fail(app->world,
			   "c%u: %u changes of path and none was told", end->number,
			   view->rebindings);
}

static void keep_session(struct end *end, const struct quicd_event *event)
{
	struct world *world = end->app->world;
	struct session *session = &world->sessions[world->plans[end->number].engine];
	if (event->length > WORLD_SESSION_BYTES)
		return;
	session->name = world->name_of[end->number];
	session->bytes = event->length;
	memcpy(session->data,
	       quicd_slab_at(end->app->engine->slabs[end->worker], event->buffer), event->length);
}

static bool world_lost_sockets(const struct world *world)
{
	for (uint32_t i = 0; i < world->fault_count; i++)
		if (world->faults[i].kind == FAULT_SOCKET)
			return true;
	return false;
}

static void take_connection_event(struct app *app, struct end *end,
				  const struct quicd_event *event)
{
	switch (event->kind) {
	case QUICD_EVENT_CONNECT_STARTED:
		name_end(app, end, event);
		end->phase = STARTED;
		break;
	case QUICD_EVENT_CONNECT_REFUSED:
		/* A worker that has just lost its socket opens none for a connection either. */
		if (event->error_code != QUICD_REFUSED_SYSTEM || !world_lost_sockets(app->world))
			world_fail(app->world, "c%u: CONNECT was refused with %lu", end->number,
				   (unsigned long)event->error_code);
		end->phase = CLOSED;
		end->ended_ns = app->world->sim.now_ns;
		break;
	case QUICD_EVENT_CONNECTED:
		name_end(app, end, event);
		end->phase = UP;
		end->unproved = (event->flags & QUICD_FLAG_EARLY) != 0;
		if (end->side == CLIENT) {
			const struct quicd_connection_view *view =
				&app->engine->workers[end->worker].connection_views[end->slot];
			app->world->coverage->early += (event->flags & QUICD_FLAG_EARLY) != 0;
			app->world->coverage->version_2 +=
				(view->flags & QUICD_CONNECTION_VERSION_2) != 0;
			app->world->coverage->resumed +=
				(view->flags & QUICD_CONNECTION_RESUMED) != 0;
		}
		end->datagram_ns = app->world->sim.now_ns;
		end->move_ns = end->datagram_ns + app->world->plans[end->number].migrate_gap_ns;
		break;
	case QUICD_EVENT_STREAM_OPENED:
		end_add_stream(end, event);
		end->opened[event->stream_id >> 1 & 1]++;
		break;
	case QUICD_EVENT_OPEN_REFUSED:
		end->asked[event->request_id & 1]--;
		end->open_again_ns = app->world->sim.now_ns + 50 * QUICD_SIM_MS;
		break;
	case QUICD_EVENT_DATAGRAM:
		take_datagram(end, event);
		break;
	case QUICD_EVENT_PATH_CHANGED:
		end->paths_told++;
		break;
	case QUICD_EVENT_SESSION:
		keep_session(end, event);
		break;
	case QUICD_EVENT_HANDSHAKE_DONE:
		end->unproved = false;
		app->world->coverage->early_taken +=
			end->side == CLIENT && (event->flags & QUICD_FLAG_EARLY);
		break;
	case QUICD_EVENT_MIGRATE_OUTCOME:
		if (++end->moves_answered > end->moves_asked)
			world_fail(app->world, "c%u: a move was answered twice", end->number);
		break;
	case QUICD_EVENT_CLOSING:
	case QUICD_EVENT_CLOSED:
		take_end_event(app, end, event);
		break;
	default:
		break;
	}
}

void app_take_event(struct app *app, uint32_t worker, const struct quicd_event *event)
{
	struct world *world = app->world;
	struct end *end = end_of(app, worker, event);
	quicd_sim_hash(&world->sim, (uint64_t)event->kind << 32 | event->length);
	if (!end && app->forsaken[worker][event->connection] == event->connection_generation)
		return;
	if (!end) {
		world_fail(world, "event %u of a connection that is none (slot %u)", event->kind,
			   event->connection);
		return;
	}
	if (world->verbose)
		printf("%12.6f c%u %s event %u stream %ld flags %x length %u code %lx\n",
		       (double)(world->sim.now_ns - world->sim.start_ns) / 1e6, end->number,
		       end->side == CLIENT ? "client" : "server", event->kind,
		       event->stream == QUICD_NONE ? -1L : (long)event->stream_id, event->flags,
		       event->length, (unsigned long)event->error_code);
	quicd_sim_hash(&world->sim, (uint64_t)end->number << 40 | event->stream_id);
	if (event->kind >= QUICD_EVENT_COUNT ||
	    !(LEGAL[end->side][end->phase] >> event->kind & 1)) {
		world_fail(world, "c%u: event %u in phase %d of the %s", end->number, event->kind,
			   end->phase, end->side == CLIENT ? "client" : "server");
		return;
	}
	world->coverage->events[end->side][end->phase][event->kind]++;
	if (event->kind == QUICD_EVENT_STREAM_DATA || event->kind == QUICD_EVENT_STREAM_RESET ||
	    event->kind == QUICD_EVENT_STREAM_STOPPED ||
	    event->kind == QUICD_EVENT_STREAM_WRITABLE)
		take_stream_event(end, event);
	else
		take_connection_event(app, end, event);
}
