/* napi_why.h - `whyAsk` and `whyAnswer` of src/native/addon.ts; see why.h. */
#pragma once
#include <node_api.h>

/* (engine, worker, first, generation, most) */
napi_value quicd_napi_why_ask(napi_env env, napi_callback_info info);
/* (engine, worker) */
napi_value quicd_napi_why_answer(napi_env env, napi_callback_info info);
