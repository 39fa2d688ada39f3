/*
 * token.h - address validation tokens (RFC 9000 §8.1), sealed with keys that all workers share.
 * What a Retry carries is for one address and port, one original connection ID, and some seconds;
 * what NEW_TOKEN carries is for one address, whatever the port, and a day. Both are for one version
 * of QUIC (RFC 9369 §4.1, §5).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../bpf/cid.h"
#include "quiche/quicd_quiche.h"

#define QUICD_TOKEN_KEY_BYTES 16
/* Kind, nonce, sealed {time, original DCID}, tag. */
#define QUICD_TOKEN_BYTES_MAX (1 + 12 + 8 + 20 + 16)
/* Longer than any handshake's round trip, shorter than it takes to collect tokens (§8.1.4). */
#define QUICD_TOKEN_SECONDS 15

struct quicd_tokens; /* immutable once made: any thread may use it */

struct quicd_tokens *quicd_tokens_create(const uint8_t retry_key[QUICD_TOKEN_KEY_BYTES],
					 const uint8_t new_token_key[QUICD_TOKEN_KEY_BYTES]);
void quicd_tokens_destroy(struct quicd_tokens *tokens);

/* Of the connection that a Retry is about. */
struct quicd_token {
	const struct qd_address *peer;
	uint32_t version;
	/* the one that the Retry tells the client to use */
	const uint8_t *retry_cid; /* QUICD_CID_BYTES */
	uint8_t original_cid[20];
	uint32_t original_cid_bytes;
	uint64_t issued_s; /* CLOCK_REALTIME, as other machines share the key */
};

/* Returns the bytes written to |out|. */
size_t quicd_token_seal(const struct quicd_tokens *tokens, const struct quicd_token *token,
			uint8_t out[QUICD_TOKEN_BYTES_MAX]);

enum quicd_token_verdict {
	QUICD_TOKEN_STRANGE = 0, /* not from a Retry of ours: as if there were none (§8.1.3) */
	QUICD_TOKEN_VALID = 1,
	/* from a Retry, but for another address or connection, altered, or too old */
	QUICD_TOKEN_INVALID = 2,
};

/*
 * |token| has peer, version and retry_cid; the rest is filled when the token is valid at |now_s|.
 */
enum quicd_token_verdict quicd_token_open(const struct quicd_tokens *tokens, uint64_t now_s,
					  const uint8_t *bytes, size_t length,
					  struct quicd_token *token);

/* Kind, nonce, sealed time, tag. */
#define QUICD_NEW_TOKEN_BYTES (1 + 12 + 8 + 16)
#define QUICD_NEW_TOKEN_ID_BYTES 12

/*
 * For a client at the address of |peer| that came at |now_s|, CLOCK_REALTIME, for its connections
 * in |version|.
 */
void quicd_new_token_seal(const struct quicd_tokens *tokens, const struct qd_address *peer,
			  uint32_t version, uint64_t now_s, uint8_t out[QUICD_NEW_TOKEN_BYTES]);
/*
 * Is it one of ours, for this address and version, and no older than QUICD_NEW_TOKEN_SECONDS? Then
 * |id| is what no other one has. If not, it is as if there were none (§8.1.3).
 */
bool quicd_new_token_open(const struct quicd_tokens *tokens, const struct qd_address *peer,
			  uint32_t version, uint64_t now_s, const uint8_t *bytes, size_t length,
			  uint8_t id[QUICD_NEW_TOKEN_ID_BYTES]);
/* Does it say that it came in a NEW_TOKEN frame? */
bool quicd_new_token_looks_like_one(const uint8_t *bytes, size_t length);
