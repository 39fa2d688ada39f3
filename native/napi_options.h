/*
 * napi_options.h - EngineOptions of src/native/addon.ts into struct quicd_options, every value
 * checked.
 */
#pragma once
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include "options.h"

/*
 * False with the key and its range in |error|. On success the texts are owned by |options| until
 * the free.
 */
bool quicd_napi_options(napi_env env, napi_value object, struct quicd_options *options, char *error,
			size_t error_bytes);
void quicd_napi_options_free(struct quicd_options *options);
