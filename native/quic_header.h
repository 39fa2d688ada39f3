/*
 * quic_header.h - the version-independent part of a QUIC packet (RFC 8999), read before any
 * connection is known. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "../bpf/cid.h"

#define QUICD_VERSION_1 0x00000001u
#define QUICD_VERSION_2 0x6b3343cfu /* RFC 9369 §3.1 */
#define QUICD_LONG_CID_BYTES_MAX 20 /* of both, RFC 9000 §17.2; RFC 8999 allows 255 */

enum quicd_packet_form { QUICD_PACKET_SHORT = 0, QUICD_PACKET_LONG = 1 };
/* As version 1 numbers them (RFC 9000 §17.2). */
enum quicd_long_type {
	QUICD_LONG_INITIAL = 0,
	QUICD_LONG_ZERO_RTT = 1,
	QUICD_LONG_HANDSHAKE = 2,
	QUICD_LONG_RETRY = 3,
};

struct quicd_packet_header {
	enum quicd_packet_form form;
	enum quicd_long_type type; /* of versions 1 and 2; meaningless for others */
	uint32_t version;	   /* 0: Version Negotiation, or a short header */
	const uint8_t *dcid;
	uint32_t dcid_bytes;
	const uint8_t *scid; /* long form only */
	uint32_t scid_bytes;
	const uint8_t *token; /* of an Initial, RFC 9000 §17.2.2; else NULL */
	uint32_t token_bytes;
};

/* RFC 9000 §16. The bytes it takes; 0 when it ends beyond |bytes| or is larger than 2^32 - 1. */
static inline uint32_t quicd_varint_read(const uint8_t *from, uint32_t bytes, uint32_t *value)
{
	if (bytes < 1)
		return 0;
	const uint32_t length = 1u << (from[0] >> 6);
	uint64_t sum = from[0] & 0x3f;
	if (bytes < length)
		return 0;
	for (uint32_t i = 1; i < length; i++)
		sum = sum << 8 | from[i];
	*value = (uint32_t)sum;
	return sum <= UINT32_MAX ? length : 0;
}

static inline bool quicd_version_is_known(uint32_t version)
{
	return version == QUICD_VERSION_1 || version == QUICD_VERSION_2;
}

/* Version 2 numbers them one higher, modulo four (RFC 9369 §3.2). */
static inline enum quicd_long_type quicd_long_type_of(uint8_t first, uint32_t version)
{
	const uint32_t bits = first >> 4;
	return (enum quicd_long_type)((version == QUICD_VERSION_2 ? bits - 1 : bits) & 3);
}

/*
 * False if it is no QUIC packet of any version: too short for what it announces, or fixed bit
 * clear in a version that is known. A short header does not say how long its connection ID is:
 * that is |cid_bytes|.
 */
static inline bool quicd_packet_header_read(const uint8_t *packet, uint32_t bytes,
					    uint32_t cid_bytes, struct quicd_packet_header *header)
{
	if (bytes < 1)
		return false;
	if (!(packet[0] & 0x80)) {
		if (!(packet[0] & 0x40) || bytes < 1 + cid_bytes)
			return false;
		*header = (struct quicd_packet_header){ .form = QUICD_PACKET_SHORT,
							.dcid = packet + 1,
							.dcid_bytes = cid_bytes };
		return true;
	}
	if (bytes < 7)
		return false;
	const uint32_t version = (uint32_t)packet[1] << 24 | (uint32_t)packet[2] << 16 |
				 (uint32_t)packet[3] << 8 | packet[4];
	const uint32_t dcid_bytes = packet[5];
	if (bytes < 7 + dcid_bytes)
		return false;
	const uint32_t scid_bytes = packet[6 + dcid_bytes];
	if (bytes < 7 + dcid_bytes + scid_bytes)
		return false;
	if (quicd_version_is_known(version) &&
	    (!(packet[0] & 0x40) || dcid_bytes > QUICD_LONG_CID_BYTES_MAX ||
	     scid_bytes > QUICD_LONG_CID_BYTES_MAX))
		return false;
	*header = (struct quicd_packet_header){ .form = QUICD_PACKET_LONG,
						.type = quicd_long_type_of(packet[0], version),
						.version = version,
						.dcid = packet + 6,
						.dcid_bytes = dcid_bytes,
						.scid = packet + 7 + dcid_bytes,
						.scid_bytes = scid_bytes };
	if (!quicd_version_is_known(version) || header->type != QUICD_LONG_INITIAL)
		return true;
	const uint32_t at = 7 + dcid_bytes + scid_bytes;
	const uint32_t taken = quicd_varint_read(packet + at, bytes - at, &header->token_bytes);
	if (taken == 0 || header->token_bytes > bytes - at - taken)
		return false;
	header->token = packet + at + taken;
	return true;
}
