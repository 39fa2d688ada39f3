/*
 * steer_packet.h - beginnings of datagrams for the steering program's tests: what a server meets
 * (its own connection IDs, clients' ones, other versions) and near misses of all of that.
 */
#pragma once
#include <stdint.h>
#include <string.h>
#include "../bpf/steer.h"
#include "prng.h"

#define STEER_PACKET_BYTES 48

/* Random octets sealed for |route|. */
static inline void steer_cid(struct prng *prng, const struct quicd_cid_keys *keys,
			     struct quicd_cid_route route, uint8_t cid[QUICD_CID_BYTES])
{
	prng_fill(prng, cid, QUICD_CID_BYTES);
	quicd_cid_seal(keys, route, cid);
}

/* Half of them of the first |workers| of generation 0; also none of ours, and almost ours. */
static inline void steer_some_cid(struct prng *prng, const struct quicd_cid_keys *keys,
				  uint32_t workers, uint8_t cid[QUICD_CID_BYTES])
{
	const uint32_t kind = prng_below(prng, 8);
	struct quicd_cid_route route = {.worker = (unsigned char)prng_below(prng, workers)};
	if (kind >= 4)
		prng_fill(prng, &route, sizeof(route));
	if (kind == 5)
		route.generation = 0;
	steer_cid(prng, keys, route, cid);
	if (kind == 6) /* the server's name is public, the rest is guessed */
		prng_fill(prng, cid + QUICD_CID_MASKED, QUICD_CID_BYTES - QUICD_CID_MASKED);
	if (kind == 7)
		prng_fill(prng, cid, QUICD_CID_BYTES);
}

static inline void steer_long_head(struct prng *prng, uint8_t *bytes)
{
	static const uint32_t VERSIONS[] = {0,		/* Version Negotiation */
					    0x6b3343cf, /* version 2, RFC 9369 */
					    0x1a2a3a4a, 0x01000000, 0x00010001, 2, 0xff00001d};
	uint32_t version = 1;
	if (prng_below(prng, 4) == 0)
		version = VERSIONS[prng_below(prng, sizeof(VERSIONS) / sizeof(VERSIONS[0]))];
	for (int i = 0; i < 4; i++)
		bytes[1 + i] = (uint8_t)(version >> (24 - 8 * i));
	if (prng_below(prng, 4) > 0)
		bytes[5] = QUICD_CID_BYTES;
	/* Half of them Handshake, and most with a source connection ID that fits. */
	if (prng_below(prng, 3) == 0)
		bytes[0] = (bytes[0] & 0x8f) | (version == 0x6b3343cf ? 0x70 : 0x60);
	if (prng_below(prng, 4) > 0)
		bytes[6 + QUICD_CID_BYTES] = (uint8_t)prng_below(prng, QUICD_CID_BYTES + 1);
}

/* |bytes| has room for STEER_PACKET_BYTES; returns how many of them are the datagram. */
static inline uint32_t steer_packet(struct prng *prng, const struct quicd_cid_keys *keys,
				    uint32_t workers, uint8_t *bytes)
{
	prng_fill(prng, bytes, STEER_PACKET_BYTES);
	if (bytes[0] & 0x80)
		steer_long_head(prng, bytes);
	steer_some_cid(prng, keys, workers, bytes + (bytes[0] & 0x80 ? 6 : 1));
	if (prng_below(prng, 4) == 0)
		for (uint32_t flips = 1 + prng_below(prng, 3); flips > 0; flips--)
			bytes[prng_below(prng, 27)] ^= (uint8_t)(1 << prng_below(prng, 8));
	return prng_below(prng, 3) == 0 ? prng_below(prng, STEER_PACKET_BYTES + 1)
					: STEER_PACKET_BYTES;
}
