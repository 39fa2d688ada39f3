/*
 * launch.h - who runs an engine's workers: launch.c gives each a thread, native/sim steps them on
 * one.
 */
#pragma once
#include <stdbool.h>
#include "engine.h"

/* Starts every worker and waits until it runs. False with the reason in |engine->error|. */
bool quicd_workers_launch(struct quicd_engine *engine);
/* Ends those that were started, and waits for it. */
void quicd_workers_join(struct quicd_engine *engine);
