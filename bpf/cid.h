/*
 * cid.h - the layout of every connection ID this server issues. The only description of it: C and
 * BPF both read this file.
 *
 *   octet  0      QUIC-LB first octet: 3 bits config rotation (0), 5 bits random
 *   octets 1-8    server id, plaintext (what QUIC-LB balancers read)
 *   octets 9-12   generation 8 and worker 8 bits, XOR the low 16 bits of a SipHash-2-4 over octets
 *                 0 and 13-19; then its high 16 bits, the check
 *   octets 13-19  random
 *
 * The mask keeps an observer from linking CIDs by their worker (RFC 9000 §5.1); the check (the high
 * bits of the same hash) tells our CIDs from those a client made up.
 */
#pragma once

#define QUICD_CID_BYTES 20
#define QUICD_CID_SERVER_ID_BYTES 8
#define QUICD_CID_MASKED 9
#define QUICD_CID_RANDOM 13
#define QUICD_CID_RANDOM_BYTES 7

#ifdef __BPF__
#define QUICD_INLINE static __attribute__((always_inline)) inline
typedef unsigned long long quicd_u64;
#else
#include <stdint.h>
#define QUICD_INLINE static inline
typedef uint64_t quicd_u64;
#endif

struct quicd_sip_key {
	quicd_u64 k0, k1;
};

/* What reading and writing CIDs takes. */
struct quicd_cid_keys {
	struct quicd_sip_key sip;
	unsigned char server_id[QUICD_CID_SERVER_ID_BYTES];
};

struct quicd_cid_route {
	unsigned char generation; /* of the server process, for restarts without loss */
	unsigned char worker;
};

QUICD_INLINE quicd_u64 quicd_rotl(quicd_u64 x, int bits)
{
	return x << bits | x >> (64 - bits);
}

struct quicd_sip_state {
	quicd_u64 v0, v1, v2, v3;
};

QUICD_INLINE void quicd_sip_round(struct quicd_sip_state *s)
{
	s->v0 += s->v1;
	s->v1 = quicd_rotl(s->v1, 13) ^ s->v0;
	s->v0 = quicd_rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = quicd_rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = quicd_rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = quicd_rotl(s->v1, 17) ^ s->v2;
	s->v2 = quicd_rotl(s->v2, 32);
}

QUICD_INLINE void quicd_sip_word(struct quicd_sip_state *s, quicd_u64 word)
{
	s->v3 ^= word;
	quicd_sip_round(s);
	quicd_sip_round(s);
	s->v0 ^= word;
}

QUICD_INLINE struct quicd_sip_state quicd_sip_begin(const struct quicd_sip_key *key)
{
	struct quicd_sip_state s = {
		key->k0 ^ 0x736f6d6570736575ULL,
		key->k1 ^ 0x646f72616e646f6dULL,
		key->k0 ^ 0x6c7967656e657261ULL,
		key->k1 ^ 0x7465646279746573ULL,
	};
	return s;
}

QUICD_INLINE quicd_u64 quicd_sip_end(struct quicd_sip_state *s, quicd_u64 last)
{
	quicd_sip_word(s, last);
	s->v2 ^= 0xff;
	quicd_sip_round(s);
	quicd_sip_round(s);
	quicd_sip_round(s);
	quicd_sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* SipHash-2-4 of one 8-byte message; |word| is little-endian. */
QUICD_INLINE quicd_u64 quicd_sip_one_word(const struct quicd_sip_key *key, quicd_u64 word)
{
	struct quicd_sip_state s = quicd_sip_begin(key);
	quicd_sip_word(&s, word);
	return quicd_sip_end(&s, (quicd_u64)8 << 56);
}

QUICD_INLINE quicd_u64 quicd_cid_mask(const struct quicd_sip_key *key,
				      const unsigned char cid[QUICD_CID_BYTES])
{
	quicd_u64 word = cid[0];
	for (int i = 0; i < QUICD_CID_RANDOM_BYTES; i++)
		word = word << 8 | cid[QUICD_CID_RANDOM + i];
	return quicd_sip_one_word(key, word);
}

/* The caller has filled octets 0 and 13-19; this writes the rest. */
QUICD_INLINE void quicd_cid_seal(const struct quicd_cid_keys *keys, struct quicd_cid_route route,
				 unsigned char cid[QUICD_CID_BYTES])
{
	const quicd_u64 mask = quicd_cid_mask(&keys->sip, cid);
	for (int i = 0; i < QUICD_CID_SERVER_ID_BYTES; i++)
		cid[1 + i] = keys->server_id[i];
	cid[QUICD_CID_MASKED] = route.generation ^ (unsigned char)mask;
	cid[QUICD_CID_MASKED + 1] = route.worker ^ (unsigned char)(mask >> 8);
	cid[QUICD_CID_MASKED + 2] = (unsigned char)(mask >> 48);
	cid[QUICD_CID_MASKED + 3] = (unsigned char)(mask >> 56);
}

/*
 * 1 and |route| filled if the CID is one of ours, else 0. One that names our server id, which
 * everybody can read, passes with chance 2^-16; any other never.
 */
QUICD_INLINE int quicd_cid_open(const struct quicd_cid_keys *keys,
				const unsigned char cid[QUICD_CID_BYTES],
				struct quicd_cid_route *route)
{
	for (int i = 0; i < QUICD_CID_SERVER_ID_BYTES; i++)
		if (cid[1 + i] != keys->server_id[i])
			return 0;
	const quicd_u64 mask = quicd_cid_mask(&keys->sip, cid);
	if (cid[QUICD_CID_MASKED + 2] != (unsigned char)(mask >> 48) ||
	    cid[QUICD_CID_MASKED + 3] != (unsigned char)(mask >> 56))
		return 0;
	route->generation = cid[QUICD_CID_MASKED] ^ (unsigned char)mask;
	route->worker = cid[QUICD_CID_MASKED + 1] ^ (unsigned char)(mask >> 8);
	return 1;
}
