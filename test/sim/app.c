/* app.c - an application thread: takes events at its pace, lets its connections act, parks. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "world.h"

/* A full command ring or slab is tried again after this. */
#define RETRY_NS (1 * QUICD_SIM_MS)

void world_fail(struct world *world, const char *format, ...)
{
	va_list arguments;
	if (world->failed)
		return;
	world->failed = true;
	va_start(arguments, format);
	vsnprintf(world->message, sizeof(world->message), format, arguments);
	va_end(arguments);
}

static void give_back(struct app *app, uint32_t worker, uint32_t buffer)
{
	if (quicd_buffer_release(app->handle, worker, buffer) != QUICD_OK)
		world_fail(app->world, "a chunk that the application holds could not be released");
}

static void keep_or_give_back(struct app *app, uint32_t worker, uint32_t buffer)
{
	struct world *world = app->world;
	if (app->kept_count == WORLD_KEPT ||
	    !quicd_sim_chance(&world->conduct, app->pace.keep)) {
		give_back(app, worker, buffer);
		return;
	}
	app->kept[app->kept_count++] = (struct kept){
		.due_ns = world->sim.now_ns + quicd_sim_below(&world->conduct, app->pace.keep_ns),
		.worker = worker,
		.buffer = buffer};
}

/* The next one that is due to be given back. */
static uint64_t release_kept(struct app *app)
{
	uint64_t next_ns = QUICD_SIM_NEVER;
	for (uint32_t i = 0; i < app->kept_count;) {
		if (app->kept[i].due_ns > app->world->sim.now_ns) {
			next_ns = app->kept[i].due_ns < next_ns ? app->kept[i].due_ns : next_ns;
			i++;
			continue;
		}
		give_back(app, app->kept[i].worker, app->kept[i].buffer);
		app->kept[i] = app->kept[--app->kept_count];
	}
	return next_ns;
}

/* False: there is more, and the pace wants a pause. */
static bool drain(struct app *app, uint32_t worker, uint32_t *budget)
{
	const struct quicd_ring *ring = &app->engine->apps[app->index].links[worker].events;
	uint32_t ready;
	while ((ready = quicd_events_peek(app->handle, worker)) > 0) {
		if (*budget == 0)
			return false;
		const uint32_t count = ready < *budget ? ready : *budget;
		for (uint32_t i = 0; i < count; i++) {
			const uint32_t place = app->heads[worker]++ & (ring->capacity - 1);
			const struct quicd_event *event =
				(const void *)(ring->entries + 64 * (size_t)place);
			app_take_event(app, worker, event);
			if (event->buffer != QUICD_NONE)
				keep_or_give_back(app, worker, event->buffer);
		}
		*budget -= count;
		quicd_events_release(app->handle, worker, count);
	}
	return true;
}

static uint64_t act(struct app *app)
{
	struct world *world = app->world;
	uint64_t next_ns = QUICD_SIM_NEVER;
	for (uint32_t i = 0; i < world->connection_count; i++) {
		struct end *end = &world->ends[i][app->side];
		const struct plan *plan = &world->plans[i];
		uint64_t want_ns = QUICD_SIM_NEVER;
		if (app->side == CLIENT && !end->app && plan->engine < world->engine_count &&
		    world->engines[plan->engine] == app->engine) {
			if (world->sim.now_ns - world->sim.start_ns >= plan->start_ns)
				app_connect(app, i);
			else
				want_ns = world->sim.start_ns + plan->start_ns;
		}
		if (end->app == app)
			want_ns = end_act(end);
		next_ns = want_ns < next_ns ? want_ns : next_ns;
	}
	return next_ns;
}

static void run(void *context)
{
	struct app *app = context;
	struct world *world = app->world;
	uint32_t budget = app->pace.events;
	bool drained = true;
	app->again_ns = QUICD_SIM_NEVER;
	for (uint32_t worker = 0; worker < app->engine->options.workers; worker++)
		drained = drain(app, worker, &budget) && drained;
	uint64_t next_ns = release_kept(app);
	const uint64_t own_ns = act(app);
	next_ns = own_ns < next_ns ? own_ns : next_ns;
	next_ns = app->again_ns < next_ns ? app->again_ns : next_ns;
	for (uint32_t worker = 0; worker < app->engine->options.workers; worker++)
		if (app->kick[worker]) {
			app->kick[worker] = false;
			quicd_kick(app->handle, worker);
		}
	if (!drained || quicd_park(app->handle) == 0) {
		const uint64_t pause_ns = world->sim.now_ns + app->pace.pause_ns;
		next_ns = pause_ns < next_ns ? pause_ns : next_ns;
	}
	if (next_ns != QUICD_SIM_NEVER && next_ns <= world->sim.now_ns)
		next_ns = world->sim.now_ns + 1000;
	quicd_sim_wake_actor(&app->actor, next_ns);
	watch_app(world);
}

static void bell(void *context)
{
	struct app *app = context;
	quicd_sim_wake_actor(&app->actor, app->world->sim.now_ns + app->pace.wake_ns);
}

void app_start(struct world *world, struct quicd_engine *engine, uint32_t index, enum side side)
{
	assert(world->app_count < WORLD_APPS);
	struct app *app = &world->apps[world->app_count++];
	struct quicd_sim_random *random = &world->random;
	*app = (struct app){.world = world,
			    .engine = engine,
			    .side = side,
			    .index = index,
			    .handle = engine->index * QUICD_APPS_MAX + index,
			    .actor = {.run = run, .context = app}};
	app->pace = (struct pace){.events = 256,
				  .pause_ns = 1000,
				  .wake_ns = 1000 + quicd_sim_below(random, 50000)};
	if (quicd_sim_below(random, 3) == 0) {
		app->pace.events = 1 + (uint32_t)quicd_sim_below(random, 20);
		app->pace.pause_ns = quicd_sim_below(random, 20) * QUICD_SIM_MS + 1000;
		app->pace.wake_ns += quicd_sim_below(random, 50) * QUICD_SIM_MS;
	}
	if (quicd_sim_below(random, 3) == 0) {
		app->pace.keep = (uint32_t)quicd_sim_below(random, 1000000);
		app->pace.keep_ns = 1 + quicd_sim_below(random, 400) * QUICD_SIM_MS;
	}
	const bool attached = quicd_app_attach(&engine->apps[index], bell, app);
	assert(attached);
	app->actor.next_ns = world->sim.now_ns;
	quicd_sim_add_actor(&world->sim, &app->actor);
}

bool app_carry(struct app *app, struct quicd_command *command, const void *bytes, uint32_t length)
{
	command->buffer = quicd_buffer_take(app->handle, length <= QUICD_SMALL_BUFFER_BYTES
								 ? QUICD_BUFFER_SMALL
								 : QUICD_BUFFER_LARGE);
	if (command->buffer == QUICD_NONE)
		return false; /* the bell rings when some came back */
	command->slab = app->engine->options.workers + app->index;
	command->length = length;
	if (bytes)
		memcpy(quicd_slab_at(app->engine->slabs[command->slab], command->buffer), bytes,
		       length);
	return true;
}

bool app_commit(struct app *app, uint32_t worker, const struct quicd_command *command)
{
	if (quicd_commands_reserve(app->handle, worker) == QUICD_NONE) {
		const uint64_t retry_ns = app->world->sim.now_ns + RETRY_NS;
		app->again_ns = retry_ns < app->again_ns ? retry_ns : app->again_ns;
		if (command->buffer != QUICD_NONE)
			quicd_buffer_release(app->handle, command->slab, command->buffer);
		return false;
	}
	*app->engine->apps[app->index].links[worker].draft = *command;
	if (quicd_commands_commit(app->handle, worker) != QUICD_OK)
		world_fail(app->world, "command %u was refused as invalid", command->kind);
	app->kick[worker] = true;
	return true;
}

/* Who has that name now must be gone on both sides: a server knows connections by it. */
static bool may_resume(const struct world *world, const struct plan *plan)
{
	const struct session *session = &world->sessions[plan->engine];
	if (!plan->resumes || session->bytes == 0)
		return false;
	const struct end *last = world->ends[world->called[session->name]];
	return last[CLIENT].phase == CLOSED && last[SERVER].phase == CLOSED;
}

/* Puts the session behind the name, where the plan and an earlier connection allow it. */
static uint32_t add_session(struct world *world, uint32_t number, struct quicd_connect *head,
			    uint8_t *out)
{
	const struct plan *plan = &world->plans[number];
	const struct session *session = &world->sessions[plan->engine];
	if (!may_resume(world, plan))
		return 0;
	if (plan->early)
		head->flags |= QUICD_CONNECT_EARLY | (plan->held ? QUICD_CONNECT_HELD : 0);
	memcpy(out, session->data, session->bytes);
	return session->bytes;
}

void app_connect(struct app *app, uint32_t number)
{
	struct world *world = app->world;
	struct end *end = &world->ends[number][CLIENT];
	struct quicd_connect head = {.profile = world->profiles[world->plans[number].engine],
				     .peer_ip = {10, 0, 0, 1},
				     .peer_port = 4433,
				     .family = 4};
	if (world->plans[number].own_socket)
		head.flags |= QUICD_CONNECT_OWN_SOCKET;
	uint8_t bytes[sizeof(head) + 32 + WORLD_SESSION_BYTES];
	const bool resumes = may_resume(world, &world->plans[number]);
	const uint32_t name =
		resumes ? world->sessions[world->plans[number].engine].name : number;
	head.name_bytes =
		(uint32_t)snprintf((char *)bytes + sizeof(head), 32, "c%u.example", name);
	head.session_bytes =
		add_session(world, number, &head, bytes + sizeof(head) + head.name_bytes);
	memcpy(bytes, &head, sizeof(head));
	struct quicd_command command = {.kind = QUICD_COMMAND_CONNECT,
					.connection = QUICD_NONE,
					.stream = QUICD_NONE,
					.request_id = 1000 + number};
	const uint32_t worker =
		(uint32_t)quicd_sim_below(&world->conduct, app->engine->options.workers);
	const uint32_t length = (uint32_t)sizeof(head) + head.name_bytes + head.session_bytes;
	if (!app_carry(app, &command, bytes, length) ||
	    !app_commit(app, worker, &command))
		return;
	world->name_of[number] = name;
	world->called[name] = number;
	*end = (struct end){.number = number,
			    .side = CLIENT,
			    .app = app,
			    .worker = worker,
			    .request_id = command.request_id};
	world->coverage->commands[CLIENT][UNKNOWN][QUICD_COMMAND_CONNECT]++;
}
