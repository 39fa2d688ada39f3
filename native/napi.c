/*
 * napi.c - what src/native/addon.ts describes: lifecycle and doorbells through N-API. Hot calls are
 * in quicd.c.
 *
 * A doorbell is a threadsafe function of the app thread's environment. When that environment ends
 * (a terminated Bun Worker) the cleanup hook only disarms the bell under its lock; the workers take
 * back the rest by themselves. A client engine ends then.
 */
#include <node_api.h>
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "alloc.h"
#include "engine.h"
#include "napi_options.h"
#include "napi_probe.h"
#include "napi_why.h"
#include "signals.h"
#include "steer.h"
#include "worker.h"

/* One per attached app thread. */
struct attachment {
	struct quicd_app *app;
	napi_threadsafe_function bell;
	napi_env env;
};
static struct attachment *attachments[QUICD_APP_HANDLES_MAX];

static napi_value throw_error(napi_env env, const char *text)
{
	napi_throw_error(env, "QUICD", text);
	return NULL;
}

static napi_value number(napi_env env, double value)
{
	napi_value result = NULL;
	napi_create_double(env, value, &result);
	return result;
}

static void set_number(napi_env env, napi_value object, const char *name, double value)
{
	napi_set_named_property(env, object, name, number(env, value));
}

static void set_pointer(napi_env env, napi_value object, const char *name, const void *pointer)
{
	set_number(env, object, name, (double)(uintptr_t)pointer);
}

static void set_text(napi_env env, napi_value object, const char *name, const char *text)
{
	napi_value value = NULL;
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
	napi_set_named_property(env, object, name, value);
}

static void set_flag(napi_env env, napi_value object, const char *name, bool flag)
{
	napi_value value = NULL;
	napi_get_boolean(env, flag, &value);
	napi_set_named_property(env, object, name, value);
}

static void set_slab(napi_env env, napi_value object, const struct quicd_slab *slab)
{
	set_pointer(env, object, "slab", slab->memory);
	set_number(env, object, "smallCount", slab->small_count);
	set_number(env, object, "largeCount", slab->large_count);
}

static napi_value worker_view(napi_env env, const struct quicd_worker *worker)
{
	napi_value object = NULL;
	napi_create_object(env, &object);
	set_slab(env, object, &worker->slab);
	set_pointer(env, object, "connections", worker->connection_views);
	set_number(env, object, "connectionCapacity", worker->connection_capacity);
	set_pointer(env, object, "streams", worker->stream_views);
	set_number(env, object, "streamCapacity", worker->stream_capacity);
	set_pointer(env, object, "counters", worker->counters);
	set_number(env, object, "receiveBufferBytes", worker->net.udp.receive_buffer_bytes);
	set_number(env, object, "sendBufferBytes", worker->net.udp.send_buffer_bytes);
	set_number(env, object, "cpu", worker->cpu);
	set_number(env, object, "threadId", worker->thread_id);
	return object;
}

static napi_value app_view(napi_env env, const struct quicd_app *app)
{
	napi_value object = NULL, rings = NULL;
	napi_create_object(env, &object);
	set_pointer(env, object, "view", app->view);
	set_slab(env, object, &app->slab);
	napi_create_array(env, &rings);
	for (uint32_t worker = 0; worker < app->workers; worker++) {
		napi_value ring = NULL;
		napi_create_object(env, &ring);
		set_pointer(env, ring, "events", app->links[worker].events.entries);
		set_pointer(env, ring, "command", app->links[worker].draft);
		set_number(env, ring, "capacity", app->links[worker].events.capacity);
		napi_set_element(env, rings, worker, ring);
	}
	napi_set_named_property(env, object, "rings", rings);
	return object;
}

static napi_value engine_view(napi_env env, const struct quicd_engine *engine)
{
	napi_value object = NULL, workers = NULL, apps = NULL;
	napi_create_object(env, &object);
	set_number(env, object, "engine", engine->index);
	set_number(env, object, "port", engine->port);
	static const char *const ROUTINGS[] = { "auto",	 "ebpf",   "forward",
						"wrong", "single", "random" };
	set_text(env, object, "backend", engine->backend->name);
	set_text(env, object, "backendNote", engine->backend_note);
	set_text(env, object, "routing", ROUTINGS[engine->routing]);
	set_text(env, object, "routingNote", engine->routing_note);
	set_text(env, object, "privilegeNote", engine->privilege_note);
	set_flag(env, object, "gro", engine->workers[0].net.udp.gro);
	set_flag(env, object, "gso", engine->workers[0].net.udp.gso);
	napi_create_array(env, &workers);
	for (uint32_t i = 0; i < engine->options.workers; i++)
		napi_set_element(env, workers, i, worker_view(env, &engine->workers[i]));
	napi_set_named_property(env, object, "workers", workers);
	napi_create_array(env, &apps);
	for (uint32_t i = 0; i < engine->options.apps; i++)
		napi_set_element(env, apps, i, app_view(env, &engine->apps[i]));
	napi_set_named_property(env, object, "apps", apps);
	return object;
}

static size_t arguments(napi_env env, napi_callback_info info, size_t wanted, napi_value *values)
{
	size_t count = wanted;
	napi_get_cb_info(env, info, &count, values, NULL, NULL);
	return count;
}

static uint32_t u32_of(napi_env env, napi_value value)
{
	uint32_t result = QUICD_NONE;
	napi_get_value_uint32(env, value, &result);
	return result;
}

static napi_value js_start(napi_env env, napi_callback_info info)
{
	napi_value argument[1];
	struct quicd_options options;
	char error[256] = "";
	if (arguments(env, info, 1, argument) < 1)
		return throw_error(env, "start needs its options");
	if (!quicd_napi_options(env, argument[0], &options, error, sizeof(error)))
		return throw_error(env, error);
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	quicd_napi_options_free(&options);
	return engine ? engine_view(env, engine) : throw_error(env, error);
}

static struct quicd_engine *engine_argument(napi_env env, napi_value value)
{
	struct quicd_engine *engine = quicd_engine_at(u32_of(env, value));
	if (!engine)
		throw_error(env, "this server has ended");
	return engine;
}

static napi_value js_add_profile(napi_env env, napi_callback_info info)
{
	napi_value argument[2];
	struct quicd_profile profile;
	char error[256] = "";
	arguments(env, info, 2, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	if (!engine)
		return NULL;
	if (!quicd_napi_profile(env, argument[1], &profile, error, sizeof(error)))
		return throw_error(env, error);
	const uint32_t added = quicd_profile_add(engine, &profile, error, sizeof(error));
	quicd_napi_profile_free(&profile);
	return added == QUICD_NONE ? throw_error(env, error) : number(env, added);
}

static napi_value js_view(napi_env env, napi_callback_info info)
{
	napi_value argument[1];
	arguments(env, info, 1, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	return engine ? engine_view(env, engine) : NULL;
}

/* On the app thread. */
static void ring(napi_env env, napi_value callback, void *context, void *nothing)
{
	(void)context;
	(void)nothing;
	if (!env || !callback)
		return; /* the environment is ending */
	napi_value undefined = NULL;
	napi_get_undefined(env, &undefined);
	napi_call_function(env, undefined, callback, 0, NULL, NULL);
}

/* On any thread, under the bell's lock. */
static void call_bell(void *context)
{
	napi_call_threadsafe_function(((struct attachment *)context)->bell, NULL,
				      napi_tsfn_nonblocking);
}

static void *end_client(void *engine)
{
	quicd_engine_stop(engine);
	return NULL;
}

/*
 * A client engine belongs to the JavaScript thread that opens its connections, and ends with it.
 * With the main thread the process ends.
 */
static void end_with_thread(struct quicd_engine *engine)
{
	pthread_t thread;
	if (engine->options.role != QUICD_ROLE_CLIENT || gettid() == getpid() ||
	    atomic_exchange(&engine->ending, true))
		return;
	if (pthread_create(&thread, NULL, end_client, engine) == 0)
		pthread_detach(thread);
}

static void environment_ends(void *context)
{
	struct attachment *attachment = context;
	struct quicd_engine *engine = attachment->app->engine;
	for (uint32_t i = 0; i < QUICD_APP_HANDLES_MAX; i++)
		if (attachments[i] == attachment)
			attachments[i] = NULL;
	quicd_app_detach(attachment->app);
	free(attachment);
	end_with_thread(engine);
}

static napi_value js_attach(napi_env env, napi_callback_info info)
{
	napi_value argument[3], name = NULL, none = NULL;
	arguments(env, info, 3, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	if (!engine)
		return NULL;
	const uint32_t index = u32_of(env, argument[1]);
	if (index >= engine->options.apps)
		return throw_error(
			env, "no such app thread: the server was started with fewer (app_threads)");
	struct quicd_app *app = &engine->apps[index];
	const uint32_t state = atomic_load(&app->state);
	if (state == QUICD_APP_ATTACHED)
		return throw_error(env,
				   "this app thread's place is taken by another JavaScript thread");
	napi_get_null(env, &none);
	struct attachment *attachment = calloc(1, sizeof(*attachment));
	assert(attachment);
	attachment->app = app;
	attachment->env = env;
	napi_create_string_utf8(env, "quicd doorbell", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, argument[2], NULL, name, 0, 1, NULL, NULL, NULL,
					    ring, &attachment->bell) != napi_ok) {
		free(attachment);
		return throw_error(env, "attach needs a function to call");
	}
	if (!quicd_app_attach(app, call_bell, attachment)) {
		napi_release_threadsafe_function(attachment->bell, napi_tsfn_abort);
		free(attachment);
		return none;
	}
	const uint32_t handle = engine->index * QUICD_APPS_MAX + index;
	attachments[handle] = attachment;
	napi_add_env_cleanup_hook(env, environment_ends, attachment);
	return number(env, handle);
}

static napi_value js_detach(napi_env env, napi_callback_info info)
{
	napi_value argument[1];
	arguments(env, info, 1, argument);
	const uint32_t handle = u32_of(env, argument[0]);
	struct attachment *attachment = handle < QUICD_APP_HANDLES_MAX ? attachments[handle] : NULL;
	if (!attachment || attachment->env != env)
		return NULL; /* detached before: fine */
	attachments[handle] = NULL;
	quicd_app_detach(attachment->app);
	napi_remove_env_cleanup_hook(env, environment_ends, attachment);
	napi_release_threadsafe_function(attachment->bell, napi_tsfn_abort);
	free(attachment);
	return NULL;
}

/* Whether the attachment keeps the event loop alive. */
static napi_value js_ref(napi_env env, napi_callback_info info)
{
	napi_value argument[2];
	bool on = true;
	arguments(env, info, 2, argument);
	const uint32_t handle = u32_of(env, argument[0]);
	napi_get_value_bool(env, argument[1], &on);
	struct attachment *attachment = handle < QUICD_APP_HANDLES_MAX ? attachments[handle] : NULL;
	if (!attachment || attachment->env != env)
		return NULL;
	if (on)
		napi_ref_threadsafe_function(env, attachment->bell);
	else
		napi_unref_threadsafe_function(env, attachment->bell);
	return NULL;
}

static napi_value js_drain(napi_env env, napi_callback_info info)
{
	napi_value argument[1];
	arguments(env, info, 1, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	if (engine)
		quicd_engine_drain(engine);
	return NULL;
}

/* Ending joins threads, so it has a thread of its own; |done| is called when it is over. */
struct ending {
	struct quicd_engine *engine;
	napi_threadsafe_function done;
};

static void *end_engine(void *argument)
{
	struct ending *ending = argument;
	quicd_engine_stop(ending->engine);
	napi_call_threadsafe_function(ending->done, NULL, napi_tsfn_blocking);
	napi_release_threadsafe_function(ending->done, napi_tsfn_release);
	free(ending);
	return NULL;
}

static napi_value js_stop(napi_env env, napi_callback_info info)
{
	napi_value argument[2], name = NULL;
	arguments(env, info, 2, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	if (!engine)
		return NULL;
	if (atomic_exchange(&engine->ending, true))
		return throw_error(env, "this server is being stopped already");
	struct ending *ending = calloc(1, sizeof(*ending));
	assert(ending);
	ending->engine = engine;
	napi_create_string_utf8(env, "quicd stop", NAPI_AUTO_LENGTH, &name);
	pthread_t thread;
	if (napi_create_threadsafe_function(env, argument[1], NULL, name, 0, 1, NULL, NULL, NULL,
					    ring, &ending->done) != napi_ok ||
	    pthread_create(&thread, NULL, end_engine, ending) != 0) {
		free(ending);
		return throw_error(env, "stop needs a function to call, and a thread");
	}
	pthread_detach(thread);
	return NULL;
}

static napi_value js_take_signals(napi_env env, napi_callback_info info)
{
	(void)info;
	if (!quicd_signals_take())
		return throw_error(env, "signal handlers could not be installed");
	return NULL;
}

static napi_value js_steering(napi_env env, napi_callback_info info)
{
	napi_value argument[1], object = NULL;
	arguments(env, info, 1, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	if (!engine)
		return NULL;
	if (!engine->steer) {
		napi_get_null(env, &object);
		return object;
	}
	static const char *const CLASSES[] = {
		[QUICD_STEER_DECODED] = "decoded", [QUICD_STEER_HASHED] = "hashed",
		[QUICD_STEER_FOREIGN] = "foreign", [QUICD_STEER_SHORT] = "short",
		[QUICD_STEER_MISS] = "miss",
	};
	struct quicd_steer_counters counters;
	struct quicd_steer_cost cost;
	quicd_steer_read_counters(engine->steer, &counters);
	quicd_steer_read_cost(engine->steer, &cost);
	napi_create_object(env, &object);
	for (size_t i = 0; i < sizeof(CLASSES) / sizeof(CLASSES[0]); i++)
		set_number(env, object, CLASSES[i], (double)counters.packets[i]);
	set_number(env, object, "runs", (double)cost.runs);
	set_number(env, object, "runNs", (double)cost.ns);
	return object;
}

static napi_value js_memory(napi_env env, napi_callback_info info)
{
	(void)info;
	struct quicd_memory memory;
	quicd_memory_read(&memory);
	napi_value object = NULL;
	napi_create_object(env, &object);
	set_number(env, object, "liveBytes", (double)memory.live_bytes);
	set_number(env, object, "liveObjects", (double)memory.live_objects);
	set_number(env, object, "allocations", (double)memory.allocations);
	set_number(env, object, "ownAllocations", (double)memory.own_allocations);
	return object;
}

static napi_value js_fail_worker(napi_env env, napi_callback_info info)
{
	napi_value argument[3];
	arguments(env, info, 3, argument);
	struct quicd_engine *engine = engine_argument(env, argument[0]);
	const uint32_t worker = u32_of(env, argument[1]);
	if (!engine)
		return NULL;
	if (worker >= engine->options.workers)
		return throw_error(env, "no such worker");
	quicd_net_fail(&engine->workers[worker], u32_of(env, argument[2]));
	return NULL;
}

static napi_value js_block(napi_env env, napi_callback_info info)
{
	napi_value argument[1];
	arguments(env, info, 1, argument);
	const uint32_t milliseconds = u32_of(env, argument[0]);
	const struct timespec time = { .tv_sec = milliseconds / 1000,
				       .tv_nsec = (long)(milliseconds % 1000) * 1000000 };
	nanosleep(&time, NULL);
	return NULL;
}

NAPI_MODULE_INIT()
{
	static const struct {
		const char *name;
		napi_callback call;
	} FUNCTIONS[] = {
		{"start", js_start},
		{"view", js_view},
		{"attach", js_attach},
		{"detach", js_detach},
		{"drain", js_drain},
		{"stop", js_stop},
		{"memory", js_memory},
		{"block", js_block},
		{"takeSignals", js_take_signals},
		{"ref", js_ref},
		{"steering", js_steering},
		{"addProfile", js_add_profile},
		{"failWorker", js_fail_worker},
		{"probe", quicd_napi_probe},
		{"whyAsk", quicd_napi_why_ask},
		{"whyAnswer", quicd_napi_why_answer},
	};
	for (size_t i = 0; i < sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]); i++) {
		napi_value function = NULL;
		napi_create_function(env, FUNCTIONS[i].name, NAPI_AUTO_LENGTH, FUNCTIONS[i].call,
				     NULL, &function);
		napi_set_named_property(env, exports, FUNCTIONS[i].name, function);
	}
	return exports;
}
