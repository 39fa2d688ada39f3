/*
 * napi_options.h - EngineOptions and ProfileOptions of src/native/addon.ts into struct
 * quicd_options and struct quicd_profile, every value checked.
 */
#pragma once
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include "options.h"
#include "profile.h"

/*
 * False with the key and its range in |error|. On success the texts are owned by |options| until
 * the free.
 */
bool quicd_napi_options(napi_env env, napi_value object, struct quicd_options *options, char *error,
			size_t error_bytes);
void quicd_napi_options_free(struct quicd_options *options);
/* The same for a client's profile. */
bool quicd_napi_profile(napi_env env, napi_value object, struct quicd_profile *profile, char *error,
			size_t error_bytes);
void quicd_napi_profile_free(struct quicd_profile *profile);
