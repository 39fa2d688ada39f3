/*
 * steer_fuzz.c - how the steering program reads a packet (bpf/steer.h) against a model that is
 * written from RFC 9000 §17 and the layout of our connection IDs alone, with a SipHash of its own;
 * and against the server's reader of headers. Read from memory that ends where the packet ends.
 *
 * Input: 16 octets of key, 8 of server id, 1 that says what is made valid, 2 of route, 1 for the
 * bit that is turned at the end, the packet.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../native/check.h"
#include "quic_header.h"
#include "steer.h"

#define SETUP_BYTES 28
#define PACKET_BYTES_MAX 2048

enum make_valid {
	VALID_SHORT = 1,   /* a CID of ours where a short header has it */
	VALID_LONG = 2,	   /* ... a long one */
	VALID_VERSION = 4, /* version 1, or 2 where the first octet says its Handshake */
	VALID_TYPE = 8,	   /* Handshake */
	VALID_LENGTH = 16, /* a DCID of 19 octets */
	VALID_NAME = 32,   /* only the server id of the CIDs, the rest as it comes */
	VALID_BUT_ONE = 64, /* but for one bit of the first 32 octets */
};

/* SipHash-2-4 of |bytes|, as its paper has it: words of a message, the length in the last. */
struct model_hash {
	uint64_t v[4];
};

static uint64_t turn(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void rounds(struct model_hash *h, int count)
{
	while (count-- > 0) {
		h->v[0] += h->v[1], h->v[2] += h->v[3];
		h->v[1] = turn(h->v[1], 13) ^ h->v[0], h->v[3] = turn(h->v[3], 16) ^ h->v[2];
		h->v[0] = turn(h->v[0], 32);
		h->v[2] += h->v[1], h->v[0] += h->v[3];
		h->v[1] = turn(h->v[1], 17) ^ h->v[2], h->v[3] = turn(h->v[3], 21) ^ h->v[0];
		h->v[2] = turn(h->v[2], 32);
	}
}

static uint64_t little_endian(const uint8_t *bytes, size_t count)
{
	uint64_t word = 0;
	for (size_t i = 0; i < count; i++)
		word |= (uint64_t)bytes[i] << 8 * i;
	return word;
}

static uint64_t siphash(const uint8_t key[16], const uint8_t *bytes, size_t count)
{
	const uint64_t k[2] = {little_endian(key, 8), little_endian(key + 8, 8)};
	const char *name = "somepseudorandomlygeneratedbytes";
	struct model_hash h;
	for (size_t i = 0; i < 4; i++) {
		h.v[i] = k[i % 2];
		for (size_t n = 0; n < 8; n++) /* its constants are big-endian text */
			h.v[i] ^= (uint64_t)(uint8_t)name[8 * i + n] << (56 - 8 * n);
	}
	for (size_t at = 0; at <= count; at += 8) {
		const size_t left = count - at < 8 ? count - at : 8;
		const uint64_t last = left < 8 ? (uint64_t)count << 56 : 0;
		const uint64_t word = little_endian(bytes + at, left) | last;
		h.v[3] ^= word;
		rounds(&h, 2);
		h.v[0] ^= word;
	}
	h.v[2] ^= 0xff;
	rounds(&h, 4);
	return h.v[0] ^ h.v[1] ^ h.v[2] ^ h.v[3];
}

/* The hash's octets, lowest first: 0 and 1 are the mask, 2 to 7 make the check. */
static void model_mask(const uint8_t *key, const uint8_t *cid, uint8_t mask[8])
{
	uint8_t message[8];
	for (size_t i = 0; i < 6; i++)
		message[i] = cid[18 - i];
	message[6] = cid[0];
	message[7] = 0;
	const uint64_t hash = siphash(key, message, sizeof(message));
	for (size_t i = 0; i < 8; i++)
		mask[i] = (uint8_t)(hash >> 8 * i);
}

/*
 * Schoolbook: 32 times 16 bits, the offset added to the upper half, of which 16 bits are the
 * check.
 */
static void model_check(const uint8_t mask[8], const uint8_t route[2], uint8_t check[2])
{
	uint64_t product = 0;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 2; j++)
			product += (uint64_t)mask[2 + i] * route[j] << 8 * (i + j);
	const uint64_t sum = product / 65536 + mask[6] + 256u * mask[7];
	check[0] = (uint8_t)sum;
	check[1] = (uint8_t)(sum / 256);
}

static void model_seal(const uint8_t *setup, uint8_t *cid)
{
	uint8_t mask[8];
	model_mask(setup, cid, mask);
	memcpy(cid + 1, setup + 16, 8);
	cid[9] = setup[25] ^ mask[0];
	cid[10] = setup[26] ^ mask[1];
	model_check(mask, setup + 25, cid + 11);
}

static bool model_open(const uint8_t *setup, const uint8_t *cid, uint8_t route[2])
{
	uint8_t mask[8];
	model_mask(setup, cid, mask);
	const uint8_t found[2] = {cid[9] ^ mask[0], cid[10] ^ mask[1]};
	uint8_t check[2];
	model_check(mask, found, check);
	if (memcmp(cid + 1, setup + 16, 8) != 0 || memcmp(cid + 11, check, 2) != 0 ||
	    found[1] >= 64)
		return false;
	memcpy(route, found, 2);
	return true;
}

static enum quicd_steer_class model_read(const uint8_t *setup, const uint8_t *packet, size_t bytes,
					 uint8_t route[2])
{
	const uint8_t *cid = packet + 1;
	if (bytes < 1 + 19)
		return QUICD_STEER_SHORT;
	if (packet[0] >= 0x80) {
		static const uint8_t VERSION_1[4] = {0, 0, 0, 1};
		static const uint8_t VERSION_2[4] = {0x6b, 0x33, 0x43, 0xcf};
		const uint8_t type = packet[0] / 16 % 4;
		if ((memcmp(packet + 1, VERSION_1, 4) != 0 || type != 2) &&
		    (memcmp(packet + 1, VERSION_2, 4) != 0 || type != 3))
			return QUICD_STEER_HASHED;
		if (bytes < 1 + 4 + 1 + 19)
			return QUICD_STEER_SHORT;
		if (packet[5] != 19)
			return QUICD_STEER_FOREIGN;
		cid = packet + 6;
	}
	return model_open(setup, cid, route) ? QUICD_STEER_DECODED : QUICD_STEER_FOREIGN;
}

/* Chance finds neither a check of 16 bits nor a server id. */
static void make_valid(const uint8_t *setup, uint8_t *packet, size_t bytes)
{
	const uint8_t what = setup[24];
	if (what & VALID_VERSION && bytes >= 5)
		memcpy(packet + 1, (packet[0] & 0x10) ? "\x6b\x33\x43\xcf" : "\0\0\0\1", 4);
	if (what & VALID_TYPE && bytes >= 1)
		packet[0] = packet[0] | 0xa0;
	if (what & VALID_LENGTH && bytes >= 6)
		packet[5] = 19;
	for (size_t at = 1; at <= 6; at += 5) {
		if (bytes < at + 19 || !(what & (at == 1 ? VALID_SHORT : VALID_LONG)))
			continue;
		if (what & VALID_NAME)
			memcpy(packet + at + 1, setup + 16, 8);
		else
			model_seal(setup, packet + at);
	}
	if (what & VALID_BUT_ONE && bytes > setup[27] / 8)
		packet[setup[27] / 8] ^= (uint8_t)(1 << setup[27] % 8);
}

static void check_server(const struct quicd_cid_keys *keys, const uint8_t *packet, size_t bytes,
			 enum quicd_steer_class class, struct quicd_cid_route route)
{
	struct quicd_packet_header header;
	struct quicd_cid_route read = {0};
	if (!quicd_packet_header_read(packet, (uint32_t)bytes, QUICD_CID_BYTES, &header))
		return;
	const bool handshake = header.form == QUICD_PACKET_LONG &&
			       quicd_version_is_known(header.version) &&
			       header.type == QUICD_LONG_HANDSHAKE;
	const bool ours = (header.form == QUICD_PACKET_SHORT || handshake) &&
			  header.dcid_bytes == QUICD_CID_BYTES &&
			  quicd_cid_open(keys, header.dcid, &read) &&
			  read.worker < QUICD_STEER_WORKERS;
	REQUIRE(ours == (class == QUICD_STEER_DECODED));
	REQUIRE(!ours || (read.generation == route.generation && read.worker == route.worker));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < SETUP_BYTES || size > SETUP_BYTES + PACKET_BYTES_MAX)
		return 0;
	const size_t bytes = size - SETUP_BYTES;
	struct quicd_cid_keys keys;
	memcpy(&keys.sip, data, sizeof(keys.sip));
	memcpy(keys.server_id, data + 16, sizeof(keys.server_id));
	uint8_t *packet = malloc(bytes + !bytes);
	REQUIRE(packet != NULL);
	memcpy(packet, data + SETUP_BYTES, bytes);
	make_valid(data, packet, bytes);
	uint8_t wanted[2] = {0};
	struct quicd_cid_route route = {0};
	const enum quicd_steer_class class =
		quicd_steer_read(&keys, packet + !bytes, (unsigned)bytes, &route);
	REQUIRE(class == model_read(data, packet, bytes, wanted));
	REQUIRE(route.generation == wanted[0] && route.worker == wanted[1]);
	check_server(&keys, packet, bytes, class, route);
	/* What the program loads of it says the same. */
	const unsigned loads[] = {QUICD_STEER_HEAD_BYTES, QUICD_STEER_SHORT_BYTES, 0};
	for (size_t i = 0; i < 3; i++) {
		if (bytes < loads[i])
			continue;
		struct quicd_cid_route part = {0};
		REQUIRE(quicd_steer_read(&keys, packet, loads[i], &part) == class);
		REQUIRE(part.generation == route.generation && part.worker == route.worker);
		break;
	}
	free(packet);
	return 0;
}
