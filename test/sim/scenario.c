/* scenario.c - draws a world from a seed, runs it to its end, and looks at what is left. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "../native/certificate.h"
#include "profile.h"
#include "world.h"

/* How long the one connection of |hours| lives. */
#define HOURS_NS (3 * 3600 * QUICD_SIM_SECOND)
/* After the last fault and the last connection's plan everything has come to an end by then. */
#define END_NS (150 * QUICD_SIM_SECOND)
/* Draining, RFC 9000 §10.2, and applications that hold on to chunks. */
#define REST_NS (5 * QUICD_SIM_SECOND)

static uint32_t below(struct world *world, uint32_t bound)
{
	return (uint32_t)quicd_sim_below(&world->random, bound);
}

static uint64_t ms_below(struct world *world, uint32_t bound)
{
	return quicd_sim_below(&world->random, bound) * QUICD_SIM_MS;
}

static bool one_in(struct world *world, uint32_t n)
{
	return below(world, n) == 0;
}

static struct quicd_options common_options(struct world *world)
{
	static const uint32_t RINGS[] = {128, 256, 1024};
	static const uint32_t CHUNKS[] = {2, 8, 64, 256};
	struct quicd_options options = {
		.workers = 1 + below(world, 2),
		.apps = 1,
		.gro = true,
		.gso = !one_in(world, 5),
		.routing = QUICD_ROUTING_FORWARD,
		.receive_pool_bytes = 1 << 20,
		.max_idle_timeout_ms = world->idle_ns / QUICD_SIM_MS,
		.handshake_timeout_ms = 10000,
		.max_udp_payload_bytes = one_in(world, 3) ? 1200 : 1350,
		.connection_window_bytes = 20000 + below(world, 1 << 20),
		.stream_window_bytes = 10000 + below(world, 1 << 18),
		.streams_bidi = 4 + below(world, 60),
		.streams_uni = 4 + below(world, 60),
		.active_connection_id_limit = 2 + below(world, 7),
		.datagram_queue = 4 + below(world, 60),
		.ecn = true,
		.congestion = below(world, 3),
		.connections = WORLD_SLOTS,
		.ring_capacity = RINGS[below(world, 3)],
		.stream_chunks = CHUNKS[below(world, 4)],
		.connection_events = 8 + below(world, 200),
	};
	options.has_secret = true;
	for (uint32_t i = 0; i < QUICD_SECRET_BYTES; i++)
		options.secret[i] = (uint8_t)quicd_sim_draw(&world->random);
	/* Of QUIC; without a draw, which would change all that follows. */
	options.versions = options.secret[0] % 3;
	return options;
}

static struct quicd_engine *start_engine(struct world *world, const struct quicd_options *options)
{
	char error[256] = "";
	struct quicd_engine *engine = quicd_engine_start(options, error, sizeof(error));
	if (!engine)
		world_fail(world, "an engine did not start: %s", error);
	assert(engine && "the sum of what a scenario draws is small");
	world->engines[world->engine_count++] = engine;
	return engine;
}

/*
 * Where the server wants its clients, if anywhere: another address or port of its own, or one where
 * nobody is. Without a draw, which would change all that follows.
 */
static void prefer(struct world *world, struct quicd_options *options)
{
	static const uint8_t HOME[4] = {10, 0, 0, 1}, OTHER[4] = {10, 0, 9, 1};
	const uint64_t kind = (world->sim.seed * 0x9e3779b97f4a7c15ull >> 32) % 6;
	if (kind > 2)
		return;
	struct qd_address *at = &options->preferred[0];
	*at = (struct qd_address){.family = 4, .port = kind == 0 ? 4434 : 4433};
	memcpy(at->ip, kind == 0 ? HOME : OTHER, sizeof(HOME));
	world->prefers_silence = kind == 2;
}

static void start_server(struct world *world)
{
	struct quicd_options options = common_options(world);
	strcpy(options.host, "10.0.0.1");
	options.port = 4433;
	options.workers = 1 + below(world, 3);
	options.apps = 1 + below(world, 2);
	options.certificate_pem = TEST_CERTIFICATE;
	options.certificate_pem_bytes = sizeof(TEST_CERTIFICATE) - 1;
	options.private_key_pem = TEST_KEY;
	options.private_key_pem_bytes = sizeof(TEST_KEY) - 1;
	memcpy(options.alpn, "\3sim", 4);
	options.alpn_bytes = 4;
	options.early_data = !one_in(world, 3);
	options.retry =
		one_in(world, 4) ? QUICD_RETRY_ALWAYS : (enum quicd_retry)(below(world, 2) * 2);
	prefer(world, &options);
	const struct qd_address preferred = options.preferred[0];
	if (world->prefers_silence)
		options.preferred[0].family = 0;
	struct quicd_engine *engine = start_engine(world, &options);
	engine->options.preferred[0] = preferred;
	for (uint32_t i = 0; i < options.apps; i++)
		app_start(world, engine, i, SERVER);
}

static void start_client(struct world *world)
{
	struct quicd_options options = common_options(world);
	char error[256];
	options.role = QUICD_ROLE_CLIENT;
	snprintf(options.host, sizeof(options.host), "10.0.%u.2", world->engine_count * 50);
	struct quicd_engine *engine = start_engine(world, &options);
	struct quicd_profile profile = {.alpn = "\3sim", .alpn_bytes = 4};
	profile.congestion = options.congestion;
	profile.early_data = true;
	profile.versions = options.secret[1] % 4;
	const uint32_t number = quicd_profile_add(engine, &profile, error, sizeof(error));
	assert(number != QUICD_NONE);
	world->profiles[world->engine_count - 1] = number;
	app_start(world, engine, 0, CLIENT);
}

static struct quicd_sim_weather fair(struct world *world)
{
	struct quicd_sim_weather weather = {.delay_ns = 200000 + ms_below(world, 60)};
	if (one_in(world, 2))
		weather.jitter_ns = ms_below(world, 5);
	return weather;
}

/* One or several things at once that are wrong with a direction. */
static void spoil(struct world *world, struct quicd_sim_weather *weather)
{
	const uint32_t what = 1 + below(world, 511);
	const uint32_t strength = 1 + below(world, 4);
	weather->mark = one_in(world, 2) ? below(world, 50000 * strength) : 0;
	weather->bleach = one_in(world, 8);
	weather->eats_marks = one_in(world, 16);
	if (what & 1)
		weather->loss = below(world, 50000 * strength);
	if (what & 2) {
		weather->burst = below(world, 10000);
		weather->burst_datagrams = 1 + below(world, 20);
	}
	if (what & 4)
		weather->duplicate = below(world, 60000 * strength);
	if (what & 8)
		weather->corrupt = below(world, 30000 * strength);
	if (what & 16) {
		weather->reorder = below(world, 60000 * strength);
		weather->reorder_ns = ms_below(world, 200);
	}
	if ((what & 96) == 96) {
		weather->bytes_per_second = 30000 + below(world, 2000000);
		weather->queue_bytes = 3000 + below(world, 60000);
	}
	if ((what & 384) == 384)
		weather->mtu = 1180 + below(world, 200);
	weather->jitter_ns += what & 64 ? ms_below(world, 40) : 0;
}

static struct fault *add_fault(struct world *world, enum fault_kind kind, uint64_t at_ns)
{
	assert(world->fault_count < WORLD_FAULTS);
	uint32_t place = world->fault_count++;
	while (place > 0 && world->faults[place - 1].at_ns > at_ns) {
		world->faults[place] = world->faults[place - 1];
		place--;
	}
	world->faults[place] = (struct fault){.kind = kind, .at_ns = at_ns};
	return &world->faults[place];
}

static void draw_weather(struct world *world, const struct quicd_sim_weather *base,
			 uint64_t calm_ns)
{
	const uint32_t changes = below(world, 6);
	for (uint32_t i = 0; i < changes; i++) {
		const uint64_t at_ns = quicd_sim_below(&world->random, calm_ns);
		struct fault *fault = add_fault(world, FAULT_WEATHER, at_ns);
		for (int direction = 0; direction < 2; direction++) {
			fault->weather[direction] = base[direction];
			if (!one_in(world, 4))
				spoil(world, &fault->weather[direction]);
		}
		if (!one_in(world, 4))
			continue;
		/* A blackout is short, and the same weather follows it. */
		const struct fault after = *fault;
		const uint64_t dark_ns = 50 * QUICD_SIM_MS + ms_below(world, 3000);
		fault->weather[0].blackout = true;
		fault->weather[1].blackout = !one_in(world, 3);
		if (dark_ns > world->longest_blackout_ns)
			world->longest_blackout_ns = dark_ns;
		struct fault *end = add_fault(world, FAULT_WEATHER, at_ns + dark_ns);
		memcpy(end->weather, after.weather, sizeof(end->weather));
	}
}

static void draw_faults(struct world *world)
{
	struct quicd_sim_weather base[2] = {fair(world), fair(world)};
	memcpy(world->sim.weather, base, sizeof(base));
	world->sim.kernel.glue = one_in(world, 2);
	world->sim.turn_ns = 1000 + below(world, 100000);
	const uint64_t start_ns = world->sim.start_ns;
	const uint64_t calm_ns = 500 * QUICD_SIM_MS + ms_below(world, 8000);
	if (!one_in(world, 10))
		draw_weather(world, base, calm_ns);
	for (uint32_t i = one_in(world, 2) ? 1 + below(world, 5) : 0; i > 0; i--) {
		struct fault *fault = add_fault(world, FAULT_REBIND,
						quicd_sim_below(&world->random, calm_ns));
		fault->target = below(world, 1000);
		fault->address = one_in(world, 3);
	}
	if (one_in(world, 3)) {
		struct fault *fault = add_fault(world, FAULT_KERNEL,
						quicd_sim_below(&world->random, calm_ns));
		fault->kernel = world->sim.kernel;
		fault->kernel.no_buffers = below(world, 80000);
		fault->kernel.cut_train = below(world, 100000);
		fault->kernel.send_full = below(world, 200000);
	}
	if (one_in(world, 6))
		add_fault(world, FAULT_NO_GSO, quicd_sim_below(&world->random, calm_ns));
	for (uint32_t i = one_in(world, 5) ? 1 + below(world, 2) : 0; i > 0; i--)
		add_fault(world, FAULT_SOCKET, quicd_sim_below(&world->random, calm_ns))->target =
			below(world, 1000);
	uint64_t last_ns = calm_ns;
	for (uint32_t i = 0; i < world->fault_count; i++)
		if (world->faults[i].at_ns > last_ns)
			last_ns = world->faults[i].at_ns;
	struct fault *calm = add_fault(world, FAULT_CALM, last_ns);
	memcpy(calm->weather, base, sizeof(base));
	world->calm_ns = start_ns + last_ns;
}

static void rebind(struct world *world, const struct fault *fault)
{
	struct quicd_sim_socket *clients[QUICD_SIM_SOCKETS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < world->sim.socket_count; i++)
		if (world->sim.sockets[i].open && world->sim.sockets[i].client)
			clients[count++] = &world->sim.sockets[i];
	world->rebound_ns = world->sim.now_ns;
	if (count > 0)
		quicd_sim_rebind(&world->sim, clients[fault->target % count], fault->address);
}

static void lose_socket(struct world *world, const struct fault *fault)
{
	const struct quicd_engine *engine = world->engines[fault->target % world->engine_count];
	const uint32_t worker = fault->target / 7 % engine->options.workers;
	quicd_net_fail(&engine->workers[worker], fault->target % 4);
}

static void run_faults(void *context)
{
	struct world *world = context;
	struct quicd_sim *sim = &world->sim;
	while (world->faults_done < world->fault_count) {
		const struct fault *fault = &world->faults[world->faults_done];
		if (sim->start_ns + fault->at_ns > sim->now_ns) {
			world->fault_actor.next_ns = sim->start_ns + fault->at_ns;
			return;
		}
		world->faults_done++;
		world->coverage->faults[fault->kind]++;
		if (fault->kind == FAULT_WEATHER || fault->kind == FAULT_CALM)
			memcpy(sim->weather, fault->weather, sizeof(sim->weather));
		if (fault->kind == FAULT_KERNEL)
			sim->kernel = fault->kernel;
		if (fault->kind == FAULT_CALM) {
			sim->kernel = (struct quicd_sim_kernel){.glue = sim->kernel.glue};
			memset(sim->burst_left, 0, sizeof(sim->burst_left));
		}
		if (fault->kind == FAULT_NO_GSO)
			sim->kernel.no_gso = true;
		if (fault->kind == FAULT_REBIND)
			rebind(world, fault);
		if (fault->kind == FAULT_SOCKET)
			lose_socket(world, fault);
	}
}

/* A client whose address may change has to speak up, or nobody finds it again. */
static void draw_plans(struct world *world)
{
	bool rebinds = false;
	for (uint32_t i = 0; i < world->fault_count; i++)
		rebinds = rebinds || world->faults[i].kind == FAULT_REBIND;
	world->connection_count = 1 + below(world, one_in(world, 6) ? WORLD_CONNECTIONS : 4);
	for (uint32_t i = 0; i < world->connection_count; i++) {
		plan_draw(world, i);
		if (rebinds || one_in(world, 8))
			world->plans[i].keep_alive_ms = 200 + below(world, 2000);
	}
}

/* One connection over three hours: now and then a transfer, a new address, bad weather. */
static void draw_hours(struct world *world)
{
	struct quicd_sim_weather base[2] = {fair(world), fair(world)};
	memcpy(world->sim.weather, base, sizeof(base));
	for (uint32_t i = 0; i < 18; i++) {
		struct fault *fault = add_fault(world, FAULT_REBIND,
						quicd_sim_below(&world->random, HOURS_NS));
		fault->address = one_in(world, 3);
	}
	for (uint32_t i = 0; i < 5; i++) {
		const uint64_t at_ns = quicd_sim_below(&world->random, HOURS_NS);
		struct fault *bad = add_fault(world, FAULT_WEATHER, at_ns);
		memcpy(bad->weather, base, sizeof(base));
		spoil(world, &bad->weather[one_in(world, 2)]);
		bad->weather[0].blackout = one_in(world, 2);
		struct fault *good = add_fault(world, FAULT_WEATHER, at_ns + ms_below(world, 9000));
		memcpy(good->weather, base, sizeof(base));
	}
	world->calm_ns = world->sim.start_ns + HOURS_NS;
	world->connection_count = 1;
	plan_draw(world, 0);
	struct plan *plan = &world->plans[0];
	plan->engine = 1;
	plan->abort_ns = QUICD_SIM_NEVER;
	plan->bytes_most = 200000;
	plan->keep_alive_ms = 10000;
	for (int side = 0; side < SIDES; side++)
		for (int kind = 0; kind < 2; kind++)
			plan->opens[side][kind] = 35;
	plan->open_gap_ns = HOURS_NS / 70;
	plan->linger_ns = HOURS_NS / 20;
}

static bool all_ended(const struct world *world)
{
	for (uint32_t i = 0; i < world->connection_count; i++) {
		const struct end *client = &world->ends[i][CLIENT];
		const struct end *server = &world->ends[i][SERVER];
		if (client->phase != CLOSED ||
		    (server->phase != CLOSED && server->phase != UNKNOWN))
			return false;
	}
	return true;
}

static void name_what_waits(struct world *world, const struct end *end)
{
	const struct plan *plan = &world->plans[end->number];
	const char *who = end->side == CLIENT ? "client" : "server";
	for (uint32_t i = 0; i < end->stream_count; i++) {
		const struct stream_end *s = &end->streams[i];
		const bool sends = !(s->id & 2) || (enum side)(s->id & 1) == end->side;
		const bool receives = !(s->id & 2) || (enum side)(s->id & 1) != end->side;
		if (sends && !s->fin_sent && !s->reset_sent && !s->stopped)
			world_fail(world, "c%u stands still: %s stream %lu has %lu of %lu sent%s",
				   end->number, who, (unsigned long)s->id,
				   (unsigned long)s->sent,
				   (unsigned long)s->plan.bytes[end->side],
				   s->awaits_credit ? ", waits for credit" : "");
		if (receives && !s->fin_got && !s->reset_got && !s->stop_sent)
			world_fail(world, "c%u stands still: %s stream %lu has %lu of %lu here",
				   end->number, who, (unsigned long)s->id,
				   (unsigned long)s->received,
				   (unsigned long)s->plan.bytes[!end->side]);
	}
	world_fail(world, "c%u stands still: %s opened %u and %u of %u and %u, saw %u and %u of %u "
		   "and %u, sent %u of %u datagrams", end->number, who, end->opened[0],
		   end->opened[1], plan->opens[end->side][0], plan->opens[end->side][1],
		   end->seen[0], end->seen[1], plan->opens[!end->side][0],
		   plan->opens[!end->side][1], end->datagrams_sent, plan->datagrams[end->side]);
}

static void name_what_lives(struct world *world)
{
	for (uint32_t i = 0; i < world->connection_count; i++)
		for (int side = 0; side < SIDES; side++) {
			const struct end *end = &world->ends[i][side];
			if (end->phase != CLOSED && end->phase != UNKNOWN && !end->done)
				name_what_waits(world, end);
		}
}

static void run_to_the_end(struct world *world)
{
	struct quicd_sim *sim = &world->sim;
	const uint64_t end_ns = sim->start_ns + END_NS + (world->hours ? 2 * HOURS_NS : 0);
	while (!world->failed && !all_ended(world) && quicd_sim_step(sim, end_ns))
		;
	if (!world->failed && !all_ended(world)) {
		name_what_lives(world);
		world_fail(world, "not all connections have ended, and all are done");
	}
	const uint64_t rest_ns = sim->now_ns + REST_NS + world->idle_ns;
	while (!world->failed && quicd_sim_step(sim, rest_ns))
		;
	if (!world->failed)
		watch_rest(world);
}

static void count(struct world *world)
{
	struct coverage *coverage = world->coverage;
	for (int i = 0; i < QUICD_SIM_FATES; i++)
		coverage->fates[i] += world->sim.fates[i];
	for (uint32_t i = 0; i < world->engine_count; i++)
		for (uint32_t w = 0; w < world->engines[i]->options.workers; w++) {
			const struct quicd_counters *c = world->engines[i]->workers[w].counters;
			coverage->counters[0] += c->forward_received;
			coverage->counters[1] += c->rebindings;
			coverage->counters[2] += c->retries;
			coverage->counters[3] += c->failures;
			coverage->counters[4] += c->preferred_moves;
			if (world->prefers_silence && c->preferred_moves > 0)
				world_fail(world, "a client went where nobody is");
		}
	coverage->virtual_ns += world->sim.now_ns - world->sim.start_ns;
	coverage->turns += world->sim.turns;
	coverage->seeds++;
}

static void stop_all(struct world *world)
{
	for (uint32_t i = 0; i < world->app_count; i++)
		quicd_app_detach(&world->apps[i].engine->apps[world->apps[i].index]);
	for (uint32_t i = 0; i < world->engine_count; i++)
		quicd_engine_stop(world->engines[i]);
	quicd_engine_free_retired();
	quicd_sim_end(&world->sim);
}

void scenario_run(const struct scenario_options *options, struct verdict *verdict)
{
	struct world *world = calloc(1, sizeof(*world));
	assert(world);
	quicd_sim_begin(&world->sim, options->seed);
	world->random.state = options->seed ^ 0x5ce4a210;
	world->conduct.state = options->seed ^ 0xc04d0c7;
	world->coverage = options->coverage;
	world->verbose = options->verbose;
	world->sim.trace = options->trace;
	world->sim.context = world;
	world->sim.watch = watch_datagram;
	world->sim.turned = watch_turn;
	world->idle_ns = (10 + below(world, 20)) * QUICD_SIM_SECOND;
	if (options->hours)
		world->idle_ns = 60 * QUICD_SIM_SECOND;
	start_server(world);
	for (uint32_t clients = 1 + below(world, 2); clients > 0; clients--)
		start_client(world);
	world->hours = options->hours;
	if (options->hours) {
		draw_hours(world);
	} else {
		draw_faults(world);
		draw_plans(world);
	}
	world->fault_actor = (struct quicd_sim_actor){
		.next_ns = world->sim.now_ns, .run = run_faults, .context = world};
	quicd_sim_add_actor(&world->sim, &world->fault_actor);
	run_to_the_end(world);
	count(world);
	verdict->failed = world->failed;
	memcpy(verdict->message, world->message, sizeof(verdict->message));
	verdict->hash = world->sim.trace_hash;
	verdict->virtual_ns = world->sim.now_ns - world->sim.start_ns;
	stop_all(world);
	free(world);
}
