/*
 * learner.h - what tries to tell connection IDs apart: samples of octets with a label of 0 or 1,
 * and for each learner the share of test samples whose label it predicts after training. None
 * knows what the octets mean.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "check.h"
#include "prng.h"

/* AddressSanitizer looks at the server here, not at what only computes. */
#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
#define SLOW_LEARNERS 0
#else
#define SLOW_LEARNERS 1
#endif

#define SAMPLE_OCTETS_MAX 40u
#define SAMPLE_BITS_MAX (8 * SAMPLE_OCTETS_MAX)

struct samples {
	uint32_t count, octets; /* octets of each */
	uint8_t *bytes;
	uint8_t *labels;
};

struct learner {
	const char *name;
	double (*run)(const struct samples *train, const struct samples *test);
};

static inline struct samples samples_create(uint32_t count, uint32_t octets)
{
	struct samples samples = {.count = count, .octets = octets};
	REQUIRE(octets <= SAMPLE_OCTETS_MAX);
	samples.bytes = calloc(count, octets);
	samples.labels = calloc(count, 1);
	REQUIRE(samples.bytes && samples.labels);
	return samples;
}

static inline void samples_destroy(struct samples *samples)
{
	free(samples->bytes);
	free(samples->labels);
}

static inline uint8_t *sample_at(const struct samples *samples, uint32_t index)
{
	return samples->bytes + (size_t)index * samples->octets;
}

static inline uint32_t sample_bit(const uint8_t *sample, uint32_t bit)
{
	return sample[bit / 8] >> bit % 8 & 1;
}

/* Bits as -1 and 1, for what computes. */
static inline void sample_spread(const uint8_t *sample, uint32_t bits, float *out)
{
	for (uint32_t i = 0; i < bits; i++)
		out[i] = sample_bit(sample, i) ? 1.0f : -1.0f;
}

/* The order of samples says nothing then. */
static inline void samples_shuffle(struct samples *samples, struct prng *prng)
{
	uint8_t swap[SAMPLE_OCTETS_MAX];
	for (uint32_t i = samples->count; i > 1; i--) {
		const uint32_t other = prng_below(prng, i);
		uint8_t *a = sample_at(samples, i - 1), *b = sample_at(samples, other);
		memcpy(swap, a, samples->octets);
		memmove(a, b, samples->octets);
		memcpy(b, swap, samples->octets);
		const uint8_t label = samples->labels[i - 1];
		samples->labels[i - 1] = samples->labels[other];
		samples->labels[other] = label;
	}
}
