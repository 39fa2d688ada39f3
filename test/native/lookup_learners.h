/*
 * lookup_learners.h - learners that count: values of octets, exclusive ors of bits, tables over two
 * octets, near samples, and linear equations over GF(2).
 */
#pragma once
#include <math.h>
#include "learner.h"

/* Naive Bayes over the values of each octet, with one of each added. */
static inline double run_naive_bayes(const struct samples *train, const struct samples *test)
{
	static uint32_t counts[SAMPLE_OCTETS_MAX][256][2];
	uint32_t totals[2] = {0}, right = 0;
	memset(counts, 0, sizeof(counts));
	for (uint32_t i = 0; i < train->count; i++) {
		const uint8_t *sample = sample_at(train, i), label = train->labels[i];
		totals[label]++;
		for (uint32_t n = 0; n < train->octets; n++)
			counts[n][sample[n]][label]++;
	}
	static float weights[SAMPLE_OCTETS_MAX][256];
	for (uint32_t n = 0; n < train->octets; n++)
		for (uint32_t value = 0; value < 256; value++)
			weights[n][value] = logf((float)(counts[n][value][1] + 1) /
						 (float)(totals[1] + 256)) -
					    logf((float)(counts[n][value][0] + 1) /
						 (float)(totals[0] + 256));
	for (uint32_t i = 0; i < test->count; i++) {
		const uint8_t *sample = sample_at(test, i);
		float sum = logf((float)totals[1] / (float)totals[0]);
		for (uint32_t n = 0; n < test->octets; n++)
			sum += weights[n][sample[n]];
		right += (sum > 0) == test->labels[i];
	}
	return (double)right / test->count;
}

/* One bit of all samples side by side. */
struct planes {
	uint32_t words, count;
	uint32_t bits[SAMPLE_BITS_MAX]; /* those that are not the same everywhere */
	uint64_t *plane[SAMPLE_BITS_MAX];
	uint64_t *labels;
};

static inline void planes_create(struct planes *planes, const struct samples *samples)
{
	memset(planes, 0, sizeof(*planes));
	planes->words = (samples->count + 63) / 64;
	planes->labels = calloc(planes->words, 8);
	REQUIRE(planes->labels != NULL);
	for (uint32_t i = 0; i < samples->count; i++)
		planes->labels[i / 64] |= (uint64_t)samples->labels[i] << i % 64;
	for (uint32_t bit = 0; bit < 8 * samples->octets; bit++) {
		uint64_t *plane = calloc(planes->words, 8);
		uint32_t ones = 0;
		REQUIRE(plane != NULL);
		for (uint32_t i = 0; i < samples->count; i++) {
			const uint32_t value = sample_bit(sample_at(samples, i), bit);
			plane[i / 64] |= (uint64_t)value << i % 64;
			ones += value;
		}
		if (ones == 0 || ones == samples->count) {
			free(plane);
			continue;
		}
		planes->bits[planes->count] = bit;
		planes->plane[planes->count++] = plane;
	}
}

static inline void planes_destroy(struct planes *planes)
{
	for (uint32_t i = 0; i < planes->count; i++)
		free(planes->plane[i]);
	free(planes->labels);
}

static inline uint32_t ones_in(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (uint32_t)(x * 0x0101010101010101ull >> 56);
}

struct parity {
	uint32_t size, bits[3];
	bool inverted;
	uint32_t score;
};

static inline void try_parity(const struct planes *planes, uint32_t samples, const uint64_t *base,
		       const uint64_t *last, struct parity candidate, struct parity *best)
{
	uint32_t different = 0;
	for (uint32_t w = 0; w < planes->words; w++)
		different += ones_in(base[w] ^ last[w]);
	candidate.inverted = different > samples / 2;
	candidate.score = candidate.inverted ? different : samples - different;
	if (candidate.score > best->score)
		*best = candidate;
}

/* The exclusive or of one, two or three bits that agrees best with the labels. */
static inline struct parity best_parity(const struct samples *train)
{
	struct planes planes;
	struct parity best = {0};
	planes_create(&planes, train);
	uint64_t *one = calloc(planes.words, 8), *two = calloc(planes.words, 8);
	REQUIRE(one && two);
	for (uint32_t a = 0; a < planes.count; a++) {
		struct parity candidate = {.size = 1, .bits = {planes.bits[a]}};
		try_parity(&planes, train->count, planes.labels, planes.plane[a], candidate, &best);
		for (uint32_t w = 0; w < planes.words; w++)
			one[w] = planes.labels[w] ^ planes.plane[a][w];
		for (uint32_t b = a + 1; b < planes.count; b++) {
			candidate.size = 2;
			candidate.bits[1] = planes.bits[b];
			try_parity(&planes, train->count, one, planes.plane[b], candidate, &best);
			for (uint32_t w = 0; w < planes.words; w++)
				two[w] = one[w] ^ planes.plane[b][w];
			candidate.size = 3;
			for (uint32_t c = b + 1; c < planes.count; c++) {
				candidate.bits[2] = planes.bits[c];
				try_parity(&planes, train->count, two, planes.plane[c], candidate,
					   &best);
			}
		}
	}
	free(one);
	free(two);
	planes_destroy(&planes);
	return best;
}

static inline double run_parity(const struct samples *train, const struct samples *test)
{
	const struct parity best = best_parity(train);
	uint32_t right = 0;
	for (uint32_t i = 0; i < test->count; i++) {
		uint32_t value = best.inverted;
		for (uint32_t n = 0; n < best.size; n++)
			value ^= sample_bit(sample_at(test, i), best.bits[n]);
		right += value == test->labels[i];
	}
	return (double)right / test->count;
}

/* A table over what two places of a sample say together. */
enum lookup_kind { LOOKUP_XOR, LOOKUP_SUM, LOOKUP_BIT_AND_OCTET };
#define LOOKUP_CELLS 512
struct lookup {
	enum lookup_kind kind;
	uint32_t a, b; /* octets; |b| a bit for the last kind */
	bool table[LOOKUP_CELLS];
};

static inline uint32_t lookup_cell(const struct lookup *lookup, const uint8_t *sample)
{
	switch (lookup->kind) {
	case LOOKUP_XOR:
		return sample[lookup->a] ^ sample[lookup->b];
	case LOOKUP_SUM:
		return (uint8_t)(sample[lookup->a] + sample[lookup->b]);
	default:
		return sample[lookup->a] * 2u + sample_bit(sample, lookup->b);
	}
}

/* Filled from one half of the samples; how many of the other half it gets right. */
static inline uint32_t try_lookup(struct lookup *lookup, const struct samples *train)
{
	int32_t sums[LOOKUP_CELLS] = {0};
	uint32_t right = 0;
	for (uint32_t i = 0; i < train->count / 2; i++)
		sums[lookup_cell(lookup, sample_at(train, i))] += train->labels[i] ? 1 : -1;
	for (uint32_t i = 0; i < LOOKUP_CELLS; i++)
		lookup->table[i] = sums[i] > 0;
	for (uint32_t i = train->count / 2; i < train->count; i++)
		right += lookup->table[lookup_cell(lookup, sample_at(train, i))] ==
			 train->labels[i];
	return right;
}

static inline double run_lookup(const struct samples *train, const struct samples *test)
{
	struct lookup best = {0};
	uint32_t best_right = 0, right = 0;
	for (int kind = LOOKUP_XOR; kind <= LOOKUP_BIT_AND_OCTET; kind++) {
		const bool bits = kind == LOOKUP_BIT_AND_OCTET;
		for (uint32_t a = 0; a < train->octets; a++) {
			const uint32_t end = bits ? 8 * train->octets : train->octets;
			for (uint32_t b = bits ? 0 : a + 1; b < end; b++) {
				struct lookup candidate = {.kind = kind, .a = a, .b = b};
				const uint32_t got = try_lookup(&candidate, train);
				if (got <= best_right)
					continue;
				best_right = got;
				best = candidate;
			}
		}
	}
	for (uint32_t i = 0; i < test->count; i++)
		right += best.table[lookup_cell(&best, sample_at(test, i))] == test->labels[i];
	return (double)right / test->count;
}

/* The majority of the 15 samples that differ in the fewest bits, of the first 2000. */
#define NEIGHBOURS 15u
#define NEIGHBOURHOOD 2000u
#define SAMPLE_WORDS (SAMPLE_BITS_MAX / 64)

static inline bool vote(const uint64_t (*near)[SAMPLE_WORDS], const uint8_t *labels, uint32_t count,
		 const uint64_t *sample, uint32_t words)
{
	uint16_t at_distance[SAMPLE_BITS_MAX + 1][2] = {0};
	int32_t left = NEIGHBOURS, sum = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t distance = 0;
		for (uint32_t w = 0; w < words; w++)
			distance += ones_in(near[i][w] ^ sample[w]);
		at_distance[distance][labels[i]]++;
	}
	for (uint32_t d = 0; d <= SAMPLE_BITS_MAX && left > 0; d++) {
		sum += at_distance[d][1] - at_distance[d][0];
		left -= at_distance[d][1] + at_distance[d][0];
	}
	return sum > 0;
}

static inline double run_neighbours(const struct samples *train, const struct samples *test)
{
	static uint64_t near[NEIGHBOURHOOD][SAMPLE_WORDS];
	const uint32_t count = train->count < NEIGHBOURHOOD ? train->count : NEIGHBOURHOOD;
	uint32_t right = 0;
	memset(near, 0, sizeof(near));
	for (uint32_t i = 0; i < count; i++)
		memcpy(near[i], sample_at(train, i), train->octets);
	for (uint32_t i = 0; i < test->count; i++) {
		uint64_t sample[SAMPLE_WORDS] = {0};
		memcpy(sample, sample_at(test, i), test->octets);
		right += vote(near, train->labels, count, sample, (test->octets + 7) / 8) ==
			 test->labels[i];
	}
	return (double)right / test->count;
}

/* The label as a sum of bits, solved from the first samples that are independent. */
#define EQUATION_WORDS (SAMPLE_WORDS + 1) /* and in the last: a constant, the label */
struct equation {
	uint64_t words[EQUATION_WORDS];
};

static inline struct equation equation_of(const struct samples *samples, uint32_t index)
{
	struct equation equation = {0};
	memcpy(equation.words, sample_at(samples, index), samples->octets);
	equation.words[SAMPLE_WORDS] = 1 | (uint64_t)samples->labels[index] << 1;
	return equation;
}

static inline uint32_t equation_bit(const struct equation *equation, uint32_t bit)
{
	return equation->words[bit / 64] >> bit % 64 & 1;
}

static inline void add_equation(struct equation *to, const struct equation *other)
{
	for (uint32_t w = 0; w < EQUATION_WORDS; w++)
		to->words[w] ^= other->words[w];
}

static inline double run_equations(const struct samples *train, const struct samples *test)
{
	enum { UNKNOWNS = SAMPLE_BITS_MAX + 1, LABEL = SAMPLE_BITS_MAX + 1 };
	static struct equation pivots[UNKNOWNS];
	static bool known[UNKNOWNS];
	uint32_t right = 0;
	memset(known, 0, sizeof(known));
	for (uint32_t i = 0; i < train->count; i++) {
		struct equation equation = equation_of(train, i);
		uint32_t first = UNKNOWNS;
		for (uint32_t bit = 0; bit < UNKNOWNS; bit++) {
			if (!equation_bit(&equation, bit))
				continue;
			if (known[bit])
				add_equation(&equation, &pivots[bit]);
			else if (first == UNKNOWNS)
				first = bit;
		}
		if (first == UNKNOWNS)
			continue; /* says nothing new, or contradicts */
		for (uint32_t bit = 0; bit < UNKNOWNS; bit++)
			if (known[bit] && equation_bit(&pivots[bit], first))
				add_equation(&pivots[bit], &equation);
		pivots[first] = equation;
		known[first] = true;
	}
	for (uint32_t i = 0; i < test->count; i++) {
		const struct equation sample = equation_of(test, i);
		uint32_t value = 0;
		for (uint32_t bit = 0; bit < UNKNOWNS; bit++)
			if (known[bit] && equation_bit(&sample, bit))
				value ^= equation_bit(&pivots[bit], LABEL);
		right += value == test->labels[i];
	}
	return (double)right / test->count;
}
