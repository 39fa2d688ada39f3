/*
 * control.h - a simulation as TypeScript steers it, through bun:ffi on build/lib/quicd_sim.node
 * (src/native/simulation.ts). That file has the whole addon, too: engines start by napi.c as
 * everywhere, and run here. One simulation at a time, all from one thread.
 */
#pragma once
#include <stdint.h>
#include "quicd.h"

/* Times are virtual milliseconds since the start. */
QUICD_EXPORT void quicd_sim_control_begin(double seed);
/* Engines that still run are stopped. */
QUICD_EXPORT void quicd_sim_control_end(void);
/* Goes on until a bell rings, or until |until_ms|. The time it is then. */
QUICD_EXPORT double quicd_sim_control_run(double until_ms);
/* How often the bell of app thread |app| has rung. */
QUICD_EXPORT uint32_t quicd_sim_control_bells(uint32_t app);
/* Ends the engine at once. */
QUICD_EXPORT void quicd_sim_control_stop(uint32_t engine);
/*
 * |numbers|, in this order: delay ms, jitter ms, loss, duplicate, corrupt, reorder (each 0 to 1),
 * reorder ms, bytes per second, queue bytes, largest UDP payload, blackout (0 or 1).
 */
QUICD_EXPORT void quicd_sim_control_weather(uint32_t direction, const double *numbers);
/* Each client gets another port, or another address too. */
QUICD_EXPORT void quicd_sim_control_rebind(uint32_t address);
/*
 * |numbers|, with room for |room|, gets how many datagrams met which fate, by enum quicd_sim_fate.
 * Returns how many fates there are.
 */
QUICD_EXPORT uint32_t quicd_sim_control_fates(double *numbers, uint32_t room);
/* Of the trace so far: the low half and the high one. */
QUICD_EXPORT uint32_t quicd_sim_control_trace(uint32_t high);
