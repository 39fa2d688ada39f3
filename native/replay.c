/* replay.c - see replay.h. */
#include "replay.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "pages.h"

/* Slots that an ID may be in, from the one that its hash names. */
#define PROBES 16
/* A slot: 40 bits of the hash, then the second it was taken in, modulo 2^24; 0: never used. */
#define STAMP_MASK 0xffffffull
/* Other threads' clocks are ahead by no more. */
#define AHEAD_S 60

struct quicd_replay {
	_Atomic uint64_t *slots;
	uint32_t mask;
	uint32_t seconds;
	struct quicd_sip_key key;
};

struct quicd_replay *quicd_replay_create(uint32_t slots, uint32_t seconds, struct quicd_sip_key key)
{
	assert((slots & (slots - 1)) == 0 && slots >= PROBES && seconds < STAMP_MASK / 2);
	struct quicd_replay *replay = calloc(1, sizeof(*replay));
	if (!replay)
		return NULL;
	*replay = (struct quicd_replay){ .mask = slots - 1, .seconds = seconds, .key = key };
	replay->slots = quicd_pages_map((size_t)slots * sizeof(*replay->slots));
	if (replay->slots)
		return replay;
	free(replay);
	return NULL;
}

void quicd_replay_destroy(struct quicd_replay *replay)
{
	if (!replay)
		return;
	quicd_pages_unmap(replay->slots, ((size_t)replay->mask + 1) * sizeof(*replay->slots));
	free(replay);
}

static uint64_t hash_of(const struct quicd_replay *replay, const uint8_t *id, size_t bytes)
{
	struct quicd_sip_state state = quicd_sip_begin(&replay->key);
	const size_t all = bytes;
	for (; bytes >= 8; id += 8, bytes -= 8) {
		uint64_t word;
		memcpy(&word, id, sizeof(word));
		quicd_sip_word(&state, word);
	}
	uint64_t last = (uint64_t)all << 56;
	for (size_t i = 0; i < bytes; i++)
		last |= (uint64_t)id[i] << 8 * i;
	return quicd_sip_end(&state, last);
}

static bool is_live(const struct quicd_replay *replay, uint64_t slot, uint64_t now_s)
{
	const uint64_t age = (now_s - slot) & STAMP_MASK;
	return slot != 0 && (age <= replay->seconds || age > STAMP_MASK - AHEAD_S);
}

static bool holds(const struct quicd_replay *replay, uint64_t slot, uint64_t wanted, uint64_t now_s)
{
	return is_live(replay, slot, now_s) && (slot & ~STAMP_MASK) == (wanted & ~STAMP_MASK);
}

/* Slots but |except| that hold |wanted|. */
static bool found(struct quicd_replay *replay, uint64_t from, uint32_t except, uint64_t wanted,
		  uint64_t now_s)
{
	for (uint32_t i = 0; i < PROBES; i++)
		if (i != except &&
		    holds(replay, atomic_load(&replay->slots[(from + i) & replay->mask]), wanted,
			  now_s))
			return true;
	return false;
}

bool quicd_replay_first(struct quicd_replay *replay, const uint8_t *id, size_t bytes,
			uint64_t now_s)
{
	const uint64_t hash = hash_of(replay, id, bytes);
	const uint64_t from = hash & replay->mask;
	uint64_t wanted = (hash & ~STAMP_MASK) | (now_s & STAMP_MASK);
	if ((wanted & ~STAMP_MASK) == 0)
		wanted |= STAMP_MASK + 1;
	if (found(replay, from, PROBES, wanted, now_s))
		return false;
	for (uint32_t i = 0; i < PROBES; i++) {
		_Atomic uint64_t *slot = &replay->slots[(from + i) & replay->mask];
		uint64_t value = atomic_load(slot);
		while (!is_live(replay, value, now_s))
			if (atomic_compare_exchange_weak(slot, &value, wanted))
				/* Two at once may have taken two slots: then neither was first. */
				return !found(replay, from, i, wanted, now_s);
		if (holds(replay, value, wanted, now_s))
			return false;
	}
	return false;
}
