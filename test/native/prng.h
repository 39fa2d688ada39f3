/* prng.h - random numbers that a seed repeats: SplitMix64. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct prng {
	uint64_t state;
};

static inline uint64_t prng_next(struct prng *prng)
{
	uint64_t z = prng->state += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline uint32_t prng_below(struct prng *prng, uint32_t bound)
{
	return (uint32_t)((prng_next(prng) >> 32) * bound >> 32);
}

static inline void prng_fill(struct prng *prng, void *out, size_t bytes)
{
	uint8_t *next = out;
	for (size_t i = 0; i < bytes; i++)
		next[i] = (uint8_t)(prng_next(prng) >> 56);
}

/* The seed of this run, printed: what the environment says, else another one each time. */
static inline struct prng prng_start(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const char *given = getenv("SEED");
	const uint64_t seed = given ? strtoull(given, NULL, 0)
				    : (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	printf("SEED=%llu\n", (unsigned long long)seed);
	return (struct prng){seed};
}
