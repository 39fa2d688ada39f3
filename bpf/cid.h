/*
 * cid.h - the layout of every connection ID this server issues. The only description of it: C and
 * BPF both read this file.
 *
 *   octet  0      QUIC-LB first octet: 3 bits config rotation (0), 5 bits random
 *   octets 1-8    server id, plaintext (what QUIC-LB balancers read)
 *   octets 9-10   generation and worker, XOR the low 16 bits of a SipHash-2-4 over octets 0, 13-18
 *   octets 11-12  check: a hash of generation and worker, keyed by the other 48 bits
 *   octets 13-18  random
 *
 * Not the 20 octets that there may be: by those Wireshark (4.6) finds the connection at once, and
 * then forgets to note its client's new address, where it looks for what is sent to a client that
 * has no connection IDs itself.
 *
 * The mask keeps an observer from linking CIDs by their worker (RFC 9000 §5.1); the check tells our
 * CIDs from those that a client made up or altered.
 */
#pragma once

#define QUICD_CID_BYTES 19
#define QUICD_CID_SERVER_ID_BYTES 8
#define QUICD_CID_MASKED 9
#define QUICD_CID_RANDOM 13
#define QUICD_CID_RANDOM_BYTES 6

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

/*
 * A multiply-and-shift hash of the route, its factor and its offset from the SipHash: who turns
 * bits of the masked route has to guess the check as who makes a CID up.
 */
QUICD_INLINE unsigned short quicd_cid_check(quicd_u64 mask, struct quicd_cid_route route)
{
	const unsigned int factor = (unsigned int)(mask >> 16);
	const unsigned int offset = (unsigned int)(mask >> 48) << 16;
	const unsigned int both = (unsigned int)route.worker << 8 | route.generation;
	return (unsigned short)((factor * both + offset) >> 16);
}

/* The caller has filled octets 0 and 13-18; this writes the rest. */
QUICD_INLINE void quicd_cid_seal(const struct quicd_cid_keys *keys, struct quicd_cid_route route,
				 unsigned char cid[QUICD_CID_BYTES])
{
	const quicd_u64 mask = quicd_cid_mask(&keys->sip, cid);
	for (int i = 0; i < QUICD_CID_SERVER_ID_BYTES; i++)
		cid[1 + i] = keys->server_id[i];
	cid[QUICD_CID_MASKED] = route.generation ^ (unsigned char)mask;
	cid[QUICD_CID_MASKED + 1] = route.worker ^ (unsigned char)(mask >> 8);
	const unsigned short check = quicd_cid_check(mask, route);
	cid[QUICD_CID_MASKED + 2] = (unsigned char)check;
	cid[QUICD_CID_MASKED + 3] = (unsigned char)(check >> 8);
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
	const struct quicd_cid_route found = {
		.generation = cid[QUICD_CID_MASKED] ^ (unsigned char)mask,
		.worker = cid[QUICD_CID_MASKED + 1] ^ (unsigned char)(mask >> 8),
	};
	const unsigned short check = quicd_cid_check(mask, found);
	if (cid[QUICD_CID_MASKED + 2] != (unsigned char)check ||
	    cid[QUICD_CID_MASKED + 3] != (unsigned char)(check >> 8))
		return 0;
	*route = found;
	return 1;
}
