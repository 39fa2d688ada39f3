/* token.c - see token.h. AES-128-GCM is BoringSSL's, which the quiche library brings along. */
#include "token.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "keys.h"
#include "limits.h"

/* BoringSSL's own declarations (openssl/aead.h); its headers are not installed. */
typedef struct evp_aead_st EVP_AEAD;
typedef struct evp_aead_ctx_st EVP_AEAD_CTX;
extern const EVP_AEAD *EVP_aead_aes_128_gcm(void);
extern EVP_AEAD_CTX *EVP_AEAD_CTX_new(const EVP_AEAD *aead, const uint8_t *key, size_t key_len,
				      size_t tag_len);
extern void EVP_AEAD_CTX_free(EVP_AEAD_CTX *context);
extern int EVP_AEAD_CTX_seal(const EVP_AEAD_CTX *context, uint8_t *out, size_t *out_len,
			     size_t max_out_len, const uint8_t *nonce, size_t nonce_len,
			     const uint8_t *in, size_t in_len, const uint8_t *ad, size_t ad_len);
extern int EVP_AEAD_CTX_open(const EVP_AEAD_CTX *context, uint8_t *out, size_t *out_len,
			     size_t max_out_len, const uint8_t *nonce, size_t nonce_len,
			     const uint8_t *in, size_t in_len, const uint8_t *ad, size_t ad_len);

#define KIND_RETRY 0x52
#define KIND_NEW_TOKEN 0x4e
#define NONCE_BYTES 12
#define TAG_BYTES 16
#define TIME_BYTES 8

struct quicd_tokens {
	EVP_AEAD_CTX *aead; /* of Retry */
	EVP_AEAD_CTX *new_token;
};

/* What a token is bound to besides its contents. */
struct bound {
	uint8_t kind;
	uint8_t family;
	uint8_t port[2];
	uint8_t ip[16];
	uint8_t version[4];
	uint8_t retry_cid[QUICD_CID_BYTES];
};

/* What a token of NEW_TOKEN is bound to. */
struct bound_address {
	uint8_t kind;
	uint8_t family;
	uint8_t ip[16];
	uint8_t version[4];
};

static EVP_AEAD_CTX *aead_of(const uint8_t key[QUICD_TOKEN_KEY_BYTES])
{
	EVP_AEAD_CTX *aead = EVP_AEAD_CTX_new(EVP_aead_aes_128_gcm(), key, QUICD_TOKEN_KEY_BYTES,
					      TAG_BYTES);
	assert(aead);
	return aead;
}

struct quicd_tokens *quicd_tokens_create(const uint8_t retry_key[QUICD_TOKEN_KEY_BYTES],
					 const uint8_t new_token_key[QUICD_TOKEN_KEY_BYTES])
{
	struct quicd_tokens *tokens = calloc(1, sizeof(*tokens));
	assert(tokens);
	tokens->aead = aead_of(retry_key);
	tokens->new_token = aead_of(new_token_key);
	return tokens;
}

void quicd_tokens_destroy(struct quicd_tokens *tokens)
{
	if (!tokens)
		return;
	EVP_AEAD_CTX_free(tokens->aead);
	EVP_AEAD_CTX_free(tokens->new_token);
	free(tokens);
}

static void put_time(uint8_t out[TIME_BYTES], uint64_t seconds)
{
	for (int i = 0; i < TIME_BYTES; i++)
		out[i] = (uint8_t)(seconds >> 8 * i);
}

static void put_version(uint8_t out[4], uint32_t version)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(version >> 8 * i);
}

static uint64_t get_time(const uint8_t bytes[TIME_BYTES])
{
	uint64_t seconds = 0;
	for (int i = 0; i < TIME_BYTES; i++)
		seconds |= (uint64_t)bytes[i] << 8 * i;
	return seconds;
}

static struct bound bind_to(const struct quicd_token *token)
{
	struct bound bound = { .kind = KIND_RETRY,
			       .family = (uint8_t)token->peer->family,
			       .port = { (uint8_t)(token->peer->port >> 8),
					 (uint8_t)token->peer->port } };
	memcpy(bound.ip, token->peer->ip, sizeof(bound.ip));
	put_version(bound.version, token->version);
	memcpy(bound.retry_cid, token->retry_cid, sizeof(bound.retry_cid));
	return bound;
}

size_t quicd_token_seal(const struct quicd_tokens *tokens, const struct quicd_token *token,
			uint8_t out[QUICD_TOKEN_BYTES_MAX])
{
	const struct bound bound = bind_to(token);
	uint8_t plain[TIME_BYTES + sizeof(token->original_cid)];
	size_t sealed = 0;
	assert(token->original_cid_bytes <= sizeof(token->original_cid));
	put_time(plain, token->issued_s);
	memcpy(plain + TIME_BYTES, token->original_cid, token->original_cid_bytes);
	out[0] = KIND_RETRY;
	quicd_random(out + 1, NONCE_BYTES);
	const int ok = EVP_AEAD_CTX_seal(tokens->aead, out + 1 + NONCE_BYTES, &sealed,
					 QUICD_TOKEN_BYTES_MAX - 1 - NONCE_BYTES, out + 1,
					 NONCE_BYTES, plain, TIME_BYTES + token->original_cid_bytes,
					 (const uint8_t *)&bound, sizeof(bound));
	assert(ok == 1);
	return 1 + NONCE_BYTES + sealed;
}

enum quicd_token_verdict quicd_token_open(const struct quicd_tokens *tokens, uint64_t now_s,
					  const uint8_t *bytes, size_t length,
					  struct quicd_token *token)
{
	uint8_t plain[QUICD_TOKEN_BYTES_MAX];
	size_t opened = 0;
	if (length < 1 || bytes[0] != KIND_RETRY)
		return QUICD_TOKEN_STRANGE;
	if (length < 1 + NONCE_BYTES + TIME_BYTES + TAG_BYTES || length > QUICD_TOKEN_BYTES_MAX)
		return QUICD_TOKEN_INVALID;
	const struct bound bound = bind_to(token);
	if (EVP_AEAD_CTX_open(tokens->aead, plain, &opened, sizeof(plain), bytes + 1, NONCE_BYTES,
			      bytes + 1 + NONCE_BYTES, length - 1 - NONCE_BYTES,
			      (const uint8_t *)&bound, sizeof(bound)) != 1)
		return QUICD_TOKEN_INVALID;
	token->issued_s = get_time(plain);
	/* From the future: another machine's clock, off by as much at the most. */
	if (token->issued_s + QUICD_TOKEN_SECONDS < now_s ||
	    now_s + QUICD_TOKEN_SECONDS < token->issued_s)
		return QUICD_TOKEN_INVALID;
	token->original_cid_bytes = (uint32_t)(opened - TIME_BYTES);
	memcpy(token->original_cid, plain + TIME_BYTES, token->original_cid_bytes);
	return QUICD_TOKEN_VALID;
}

static struct bound_address bind_to_address(const struct qd_address *peer, uint32_t version)
{
	struct bound_address bound = { .kind = KIND_NEW_TOKEN, .family = peer->family };
	memcpy(bound.ip, peer->ip, sizeof(bound.ip));
	put_version(bound.version, version);
	return bound;
}

void quicd_new_token_seal(const struct quicd_tokens *tokens, const struct qd_address *peer,
			  uint32_t version, uint64_t now_s, uint8_t out[QUICD_NEW_TOKEN_BYTES])
{
	const struct bound_address bound = bind_to_address(peer, version);
	uint8_t plain[TIME_BYTES];
	size_t sealed = 0;
	put_time(plain, now_s);
	out[0] = KIND_NEW_TOKEN;
	quicd_random(out + 1, NONCE_BYTES);
	const int ok = EVP_AEAD_CTX_seal(tokens->new_token, out + 1 + NONCE_BYTES, &sealed,
					 QUICD_NEW_TOKEN_BYTES - 1 - NONCE_BYTES, out + 1,
					 NONCE_BYTES, plain, sizeof(plain),
					 (const uint8_t *)&bound, sizeof(bound));
	assert(ok == 1 && 1 + NONCE_BYTES + sealed == QUICD_NEW_TOKEN_BYTES);
}

bool quicd_new_token_open(const struct quicd_tokens *tokens, const struct qd_address *peer,
			  uint32_t version, uint64_t now_s, const uint8_t *bytes, size_t length,
			  uint8_t id[QUICD_NEW_TOKEN_ID_BYTES])
{
	const struct bound_address bound = bind_to_address(peer, version);
	uint8_t plain[QUICD_NEW_TOKEN_BYTES];
	size_t opened = 0;
	static_assert(QUICD_NEW_TOKEN_ID_BYTES == NONCE_BYTES, "its nonce tells one from another");
	if (length != QUICD_NEW_TOKEN_BYTES || bytes[0] != KIND_NEW_TOKEN)
		return false;
	if (EVP_AEAD_CTX_open(tokens->new_token, plain, &opened, sizeof(plain), bytes + 1,
			      NONCE_BYTES, bytes + 1 + NONCE_BYTES, length - 1 - NONCE_BYTES,
			      (const uint8_t *)&bound, sizeof(bound)) != 1 ||
	    opened != TIME_BYTES)
		return false;
	const uint64_t issued_s = get_time(plain);
	/* From the future: another machine's clock, off by less than a handshake may take. */
	if (issued_s + QUICD_NEW_TOKEN_SECONDS < now_s || now_s + QUICD_TOKEN_SECONDS < issued_s)
		return false;
	memcpy(id, bytes + 1, NONCE_BYTES);
	return true;
}

bool quicd_new_token_looks_like_one(const uint8_t *bytes, size_t length)
{
	return length > 0 && bytes[0] == KIND_NEW_TOKEN;
}
