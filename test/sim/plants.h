/*
 * plants.h - faults that the seeds must find. Only this program has them, by the linker's
 * --wrap.
 */
#pragma once
#include <stdint.h>

struct plant {
	const char *name;
	uint32_t within; /* seeds, the first one is 1 */
};
#define PLANTS 14
extern const struct plant plants[PLANTS + 1]; /* from 1 */

/* Which one is there; 0: none. */
void plants_choose(uint32_t number);
