/* napi_why.c - see napi_why.h. */
#include "napi_why.h"
#include <string.h>
#include "engine.h"
#include "worker.h"

#define ARGUMENTS_MAX 5

/* The worker that the first two arguments name; NULL and an exception when there is none. */
static struct quicd_worker *read_arguments(napi_env env, napi_callback_info info, size_t count,
					   uint32_t values[ARGUMENTS_MAX])
{
	napi_value arguments[ARGUMENTS_MAX];
	size_t given = count;
	napi_get_cb_info(env, info, &given, arguments, NULL, NULL);
	bool numbers = given == count;
	for (size_t i = 0; i < count && numbers; i++)
		numbers = napi_get_value_uint32(env, arguments[i], &values[i]) == napi_ok;
	if (!numbers) {
		napi_throw_type_error(env, "QUICD", "numbers are wanted");
		return NULL;
	}
	struct quicd_engine *engine = quicd_engine_at(values[0]);
	if (!engine || values[1] >= engine->options.workers) {
		napi_throw_error(env, "QUICD", "this server has ended");
		return NULL;
	}
	return &engine->workers[values[1]];
}

napi_value quicd_napi_why_ask(napi_env env, napi_callback_info info)
{
	uint32_t values[ARGUMENTS_MAX];
	struct quicd_worker *worker = read_arguments(env, info, 5, values);
	napi_value asked = NULL;
	if (worker)
		napi_get_boolean(env, quicd_why_ask(worker, values[2], values[3], values[4]),
				 &asked);
	return asked;
}

napi_value quicd_napi_why_answer(napi_env env, napi_callback_info info)
{
	uint32_t values[ARGUMENTS_MAX];
	struct quicd_worker *worker = read_arguments(env, info, 2, values);
	napi_value answer = NULL;
	if (!worker)
		return NULL;
	if (!quicd_why_answered(worker)) {
		napi_get_null(env, &answer);
		return answer;
	}
	/* A copy of its own: the next request writes over the answers. */
	const struct quicd_why_desk *desk = &worker->why;
	const size_t bytes = desk->count * sizeof(*desk->answers);
	napi_value copy = NULL, next = NULL;
	void *memory = NULL;
	napi_create_object(env, &answer);
	napi_create_arraybuffer(env, bytes, &memory, &copy);
	if (bytes > 0)
		memcpy(memory, desk->answers, bytes);
	napi_create_uint32(env, desk->next, &next);
	napi_set_named_property(env, answer, "answers", copy);
	napi_set_named_property(env, answer, "next", next);
	quicd_why_done(worker);
	return answer;
}
