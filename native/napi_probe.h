/* napi_probe.h - `probe` of src/native/addon.ts: what probe.h and others find, as an object. */
#pragma once
#include <node_api.h>

/* (host, port, socketBufferBytes) */
napi_value quicd_napi_probe(napi_env env, napi_callback_info info);
