/*
 * keys.h - every key of an engine, derived from one 32-byte secret (HKDF-SHA256, one label per
 * use), so that all workers and later all processes agree.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "../bpf/cid.h"
#include "options.h"
#include "quiche/quicd_quiche.h"
#include "token.h"

struct quicd_keys {
	struct quicd_cid_keys cid;
	struct quicd_sip_key map; /* hashes in tables that peers can fill */
	uint8_t reset[32];	  /* stateless reset tokens, RFC 9000 §10.3.2 */
	uint8_t ticket[32]; /* what the keys of each epoch come from, tickets.h */
	uint8_t token[QUICD_TOKEN_KEY_BYTES];	  /* Retry, RFC 9000 §8.1.2 */
	uint8_t new_token[QUICD_TOKEN_KEY_BYTES]; /* NEW_TOKEN, RFC 9000 §8.1.3 */
};

void quicd_keys_derive(struct quicd_keys *keys, const uint8_t secret[QUICD_SECRET_BYTES]);
/* The key that seals session tickets in |epoch|: name, HMAC key, AES key. */
void quicd_keys_ticket(const struct quicd_keys *keys, uint64_t epoch,
		       uint8_t key[QD_TICKET_KEY_BYTES]);
/* HMAC-SHA256(reset key, cid), first 16 bytes. */
void quicd_keys_reset_token(const struct quicd_keys *keys, const uint8_t cid[QUICD_CID_BYTES],
			    uint8_t token[QD_RESET_TOKEN_BYTES]);
/* From the kernel's generator; a machine without one is an assertion. */
void quicd_random(void *out, size_t bytes);
