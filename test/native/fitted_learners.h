/* fitted_learners.h - learners that descend a gradient: logistic regression, trees, a net. */
#pragma once
#include <math.h>
#include "learner.h"

static inline float chance_of(float x)
{
	return 1 / (1 + expf(-x));
}

/* Over all bits, by stochastic descent. */
static inline double run_logistic(const struct samples *train, const struct samples *test)
{
	const uint32_t bits = 8 * train->octets;
	float weights[SAMPLE_BITS_MAX] = {0}, x[SAMPLE_BITS_MAX], constant = 0;
	uint32_t right = 0;
	for (uint32_t round = 0; round < 10; round++) {
		const float step = 0.02f / (1 + (float)round);
		for (uint32_t i = 0; i < train->count; i++) {
			float sum = constant;
			sample_spread(sample_at(train, i), bits, x);
			for (uint32_t b = 0; b < bits; b++)
				sum += weights[b] * x[b];
			const float error = (float)train->labels[i] - chance_of(sum);
			constant += step * error;
			for (uint32_t b = 0; b < bits; b++)
				weights[b] += step * error * x[b];
		}
	}
	for (uint32_t i = 0; i < test->count; i++) {
		float sum = constant;
		sample_spread(sample_at(test, i), bits, x);
		for (uint32_t b = 0; b < bits; b++)
			sum += weights[b] * x[b];
		right += (sum > 0) == test->labels[i];
	}
	return (double)right / test->count;
}

/* 40 trees of depth 4, each fitted to what the ones before it left. */
#define TREES 40u
#define TREE_DEPTH 4u
#define TREE_LEAVES (1u << TREE_DEPTH)
#define TREE_STEP 0.3f

struct tree {
	uint16_t bits[TREE_LEAVES]; /* of the node, counted from 1 as in a heap */
	float leaves[TREE_LEAVES];
};

static inline uint32_t leaf_of(const struct tree *tree, uint32_t depth, const uint8_t *sample)
{
	uint32_t node = 1;
	for (uint32_t level = 0; level < depth; level++)
		node = 2 * node + sample_bit(sample, tree->bits[node]);
	return node - (1u << depth);
}

/* The bit that parts the gradients of a node best, for all nodes of a level. */
static inline void split_level(struct tree *tree, uint32_t depth, const struct samples *train,
			const float *gradient)
{
	static float sums[TREE_LEAVES][SAMPLE_BITS_MAX];
	static uint32_t counts[TREE_LEAVES][SAMPLE_BITS_MAX];
	float all[TREE_LEAVES] = {0};
	uint32_t size[TREE_LEAVES] = {0};
	const uint32_t bits = 8 * train->octets;
	memset(sums, 0, sizeof(sums));
	memset(counts, 0, sizeof(counts));
	for (uint32_t i = 0; i < train->count; i++) {
		const uint8_t *sample = sample_at(train, i);
		const uint32_t leaf = leaf_of(tree, depth, sample);
		all[leaf] += gradient[i];
		size[leaf]++;
		for (uint32_t n = 0; n < train->octets; n++)
			for (uint32_t left = sample[n]; left; left &= left - 1) {
				const uint32_t b = 8 * n + (uint32_t)__builtin_ctz(left);
				sums[leaf][b] += gradient[i];
				counts[leaf][b]++;
			}
	}
	for (uint32_t leaf = 0; leaf < 1u << depth; leaf++) {
		float best = -1;
		for (uint32_t b = 0; b < bits; b++) {
			const float one = sums[leaf][b], zero = all[leaf] - one;
			const float ones = (float)counts[leaf][b];
			const float gain = one * one / (ones + 1) +
					   zero * zero / ((float)size[leaf] - ones + 1);
			if (gain <= best)
				continue;
			best = gain;
			tree->bits[(1u << depth) + leaf] = (uint16_t)b;
		}
	}
}

static inline void fit_tree(struct tree *tree, const struct samples *train, float *score,
			    float *gradient)
{
	float sums[TREE_LEAVES] = {0}, weights[TREE_LEAVES] = {0};
	for (uint32_t i = 0; i < train->count; i++)
		gradient[i] = (float)train->labels[i] - chance_of(score[i]);
	for (uint32_t depth = 0; depth < TREE_DEPTH; depth++)
		split_level(tree, depth, train, gradient);
	for (uint32_t i = 0; i < train->count; i++) {
		const float chance = chance_of(score[i]);
		const uint32_t leaf = leaf_of(tree, TREE_DEPTH, sample_at(train, i));
		sums[leaf] += gradient[i];
		weights[leaf] += chance * (1 - chance);
	}
	for (uint32_t leaf = 0; leaf < TREE_LEAVES; leaf++)
		tree->leaves[leaf] = TREE_STEP * sums[leaf] / (weights[leaf] + 1);
	for (uint32_t i = 0; i < train->count; i++)
		score[i] += tree->leaves[leaf_of(tree, TREE_DEPTH, sample_at(train, i))];
}

static inline double run_trees(const struct samples *train, const struct samples *test)
{
	static struct tree trees[TREES];
	float *score = calloc(train->count, sizeof(*score));
	float *gradient = calloc(train->count, sizeof(*gradient));
	uint32_t right = 0;
	REQUIRE(score && gradient);
	memset(trees, 0, sizeof(trees));
	for (uint32_t n = 0; n < TREES; n++)
		fit_tree(&trees[n], train, score, gradient);
	for (uint32_t i = 0; i < test->count; i++) {
		float sum = 0;
		for (uint32_t n = 0; n < TREES; n++)
			sum += trees[n].leaves[leaf_of(&trees[n], TREE_DEPTH, sample_at(test, i))];
		right += (sum > 0) == test->labels[i];
	}
	free(score);
	free(gradient);
	return (double)right / test->count;
}

/* One hidden layer. */
#define HIDDEN 24u

struct net {
	float first[SAMPLE_BITS_MAX][HIDDEN], first_constant[HIDDEN];
	float second[HIDDEN], second_constant;
};

static inline float net_forward(const struct net *net, const float *x, uint32_t bits, float *hidden)
{
	float out = net->second_constant;
	memcpy(hidden, net->first_constant, sizeof(net->first_constant));
	for (uint32_t b = 0; b < bits; b++)
		for (uint32_t h = 0; h < HIDDEN; h++)
			hidden[h] += net->first[b][h] * x[b];
	for (uint32_t h = 0; h < HIDDEN; h++) {
		hidden[h] = hidden[h] > 0 ? hidden[h] : 0.01f * hidden[h];
		out += net->second[h] * hidden[h];
	}
	return out;
}

static inline void net_learn(struct net *net, const float *x, uint32_t bits, float label,
			     float step)
{
	float hidden[HIDDEN], back[HIDDEN];
	const float error = label - chance_of(net_forward(net, x, bits, hidden));
	net->second_constant += step * error;
	for (uint32_t h = 0; h < HIDDEN; h++) {
		back[h] = step * error * net->second[h] * (hidden[h] > 0 ? 1 : 0.01f);
		net->second[h] += step * error * hidden[h];
		net->first_constant[h] += back[h];
	}
	for (uint32_t b = 0; b < bits; b++)
		for (uint32_t h = 0; h < HIDDEN; h++)
			net->first[b][h] += back[h] * x[b];
}

static inline double run_net(const struct samples *train, const struct samples *test)
{
	static struct net net;
	struct prng prng = {7};
	const uint32_t bits = 8 * train->octets;
	float x[SAMPLE_BITS_MAX], hidden[HIDDEN];
	uint32_t right = 0;
	memset(&net, 0, sizeof(net));
	for (uint32_t h = 0; h < HIDDEN; h++) {
		for (uint32_t b = 0; b < bits; b++)
			net.first[b][h] = ((float)prng_below(&prng, 2001) / 1000 - 1) /
					  sqrtf((float)bits);
		net.second[h] = (float)prng_below(&prng, 2001) / 1000 - 1;
	}
	for (uint32_t round = 0; round < 8; round++)
		for (uint32_t i = 0; i < train->count; i++) {
			sample_spread(sample_at(train, i), bits, x);
			net_learn(&net, x, bits, train->labels[i], 0.01f / (1 + (float)round / 2));
		}
	for (uint32_t i = 0; i < test->count; i++) {
		sample_spread(sample_at(test, i), bits, x);
		right += (net_forward(&net, x, bits, hidden) > 0) == test->labels[i];
	}
	return (double)right / test->count;
}
