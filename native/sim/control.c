/* control.c - see control.h. */
#include "control.h"
#include <node_api.h>
#include <stdlib.h>
#include "sim.h"

#define MILLION 1000000.0

static struct quicd_sim *simulation;

/* A bell is taken note of (quicd_app_view.doorbells) and rung by TypeScript, in its own order. */
napi_status __wrap_napi_call_threadsafe_function(napi_threadsafe_function bell, void *data,
						 napi_threadsafe_function_call_mode mode);
napi_status __wrap_napi_call_threadsafe_function(napi_threadsafe_function bell, void *data,
						 napi_threadsafe_function_call_mode mode)
{
	(void)bell;
	(void)data;
	(void)mode;
	return napi_ok;
}

void quicd_sim_control_begin(double seed)
{
	if (simulation)
		quicd_sim_control_end();
	simulation = malloc(sizeof(*simulation));
	if (!simulation)
		abort();
	quicd_sim_begin(simulation, (uint64_t)seed);
}

void quicd_sim_control_end(void)
{
	if (!simulation)
		return;
	for (uint32_t i = 0; i < QUICD_ENGINES_MAX; i++)
		quicd_sim_control_stop(i);
	quicd_sim_end(simulation);
	free(simulation);
	simulation = NULL;
}

static uint64_t ns_of(double ms)
{
	return simulation->start_ns + (uint64_t)(ms * MILLION + 0.5);
}

static uint64_t all_bells(void)
{
	uint64_t bells = 0;
	for (uint32_t i = 0; i < QUICD_ENGINES_MAX; i++) {
		const struct quicd_engine *engine = quicd_engine_at(i);
		for (uint32_t app = 0; engine && app < engine->options.apps; app++)
			bells += engine->apps[app].view->doorbells;
	}
	return bells;
}

double quicd_sim_control_run(double until_ms)
{
	if (!simulation)
		return until_ms;
	const uint64_t until_ns = ns_of(until_ms);
	const uint64_t before = all_bells();
	bool rang = false;
	while (!rang && quicd_sim_step(simulation, until_ns))
		rang = all_bells() != before;
	if (!rang && simulation->now_ns < until_ns)
		simulation->now_ns = until_ns;
	return (double)(simulation->now_ns - simulation->start_ns) / MILLION;
}

uint32_t quicd_sim_control_bells(uint32_t app)
{
	const struct quicd_app *found = quicd_app_of_handle(app);
	return found ? found->view->doorbells : 0;
}

void quicd_sim_control_stop(uint32_t engine)
{
	struct quicd_engine *found = simulation ? quicd_engine_at(engine) : NULL;
	if (found)
		quicd_engine_stop(found);
}

void quicd_sim_control_weather(uint32_t direction, const double *n)
{
	if (!simulation || direction > 1)
		return;
	simulation->weather[direction] =
		(struct quicd_sim_weather){.delay_ns = (uint64_t)(n[0] * MILLION),
					   .jitter_ns = (uint64_t)(n[1] * MILLION),
					   .loss = (uint32_t)(n[2] * MILLION),
					   .duplicate = (uint32_t)(n[3] * MILLION),
					   .corrupt = (uint32_t)(n[4] * MILLION),
					   .reorder = (uint32_t)(n[5] * MILLION),
					   .reorder_ns = (uint64_t)(n[6] * MILLION),
					   .bytes_per_second = (uint64_t)n[7],
					   .queue_bytes = (uint32_t)n[8],
					   .mtu = (uint32_t)n[9],
					   .blackout = n[10] != 0};
}

void quicd_sim_control_rebind(uint32_t address)
{
	for (uint32_t i = 0; simulation && i < simulation->socket_count; i++)
		if (simulation->sockets[i].open && simulation->sockets[i].client)
			quicd_sim_rebind(simulation, &simulation->sockets[i], address != 0);
}

uint32_t quicd_sim_control_fates(double *numbers, uint32_t room)
{
	for (uint32_t i = 0; simulation && i < QUICD_SIM_FATES && i < room; i++)
		numbers[i] = (double)simulation->fates[i];
	return QUICD_SIM_FATES;
}

uint32_t quicd_sim_control_trace(uint32_t high)
{
	if (!simulation)
		return 0;
	return (uint32_t)(high ? simulation->trace_hash >> 32 : simulation->trace_hash);
}
