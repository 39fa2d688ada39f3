/*
 * prefix.h - half-open connections by network, /24 of IPv4 and /56 of IPv6: who has many addresses
 * there is still one. A table of fixed size in two rows; a network's count is the smaller of its
 * two places, so others that fall on both can only make it larger: then it is asked for a Retry too
 * early, never too late.
 */
#pragma once
#include <stdint.h>
#include <string.h>
#include "../bpf/cid.h"
#include "quiche/quicd_quiche.h"

#define QUICD_PREFIX_SLOTS 4096 /* a power of two; 32 KiB in all */

struct quicd_prefixes {
	uint32_t counts[2][QUICD_PREFIX_SLOTS];
};

static inline uint64_t quicd_prefix_hash(const struct quicd_sip_key *key,
					 const struct qd_address *address)
{
	uint64_t word = 0;
	memcpy(&word, address->ip, address->family == 4 ? 3 : 7);
	return quicd_sip_one_word(key, word | (uint64_t)address->family << 56);
}

static inline uint32_t quicd_prefix_count(const struct quicd_prefixes *prefixes, uint64_t hash)
{
	const uint32_t first = prefixes->counts[0][hash % QUICD_PREFIX_SLOTS];
	const uint32_t second = prefixes->counts[1][(hash >> 32) % QUICD_PREFIX_SLOTS];
	return first < second ? first : second;
}

/* |by| is 1, or -1 for one that was counted. */
static inline void quicd_prefix_change(struct quicd_prefixes *prefixes, uint64_t hash, int by)
{
	prefixes->counts[0][hash % QUICD_PREFIX_SLOTS] += (uint32_t)by;
	prefixes->counts[1][(hash >> 32) % QUICD_PREFIX_SLOTS] += (uint32_t)by;
}
