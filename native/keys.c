/* keys.c - see keys.h. HKDF and HMAC are BoringSSL's, which the quiche library brings along. */
#include "keys.h"
#include <assert.h>
#include <string.h>
#include <sys/random.h>

/*
 * BoringSSL's own declarations (openssl/hkdf.h, hmac.h, digest.h); its headers are not
 * installed.
 */
typedef struct env_md_st EVP_MD;
extern const EVP_MD *EVP_sha256(void);
extern int HKDF(uint8_t *out_key, size_t out_len, const EVP_MD *digest, const uint8_t *secret,
		size_t secret_len, const uint8_t *salt, size_t salt_len, const uint8_t *info,
		size_t info_len);
extern uint8_t *HMAC(const EVP_MD *digest, const void *key, size_t key_len, const uint8_t *bytes,
		     size_t bytes_len, uint8_t *out, unsigned int *out_len);

static void expand(void *out, size_t bytes, const uint8_t secret[QUICD_SECRET_BYTES],
		   const void *label, size_t label_bytes)
{
	const int ok = HKDF(out, bytes, EVP_sha256(), secret, QUICD_SECRET_BYTES,
			    (const uint8_t *)"quicd", 5, label, label_bytes);
	assert(ok == 1);
}

static void derive(void *out, size_t bytes, const uint8_t secret[QUICD_SECRET_BYTES],
		   const char *label)
{
	expand(out, bytes, secret, label, strlen(label));
}

void quicd_keys_derive(struct quicd_keys *keys, const uint8_t secret[QUICD_SECRET_BYTES])
{
	derive(&keys->cid.sip, sizeof(keys->cid.sip), secret, "connection id");
	derive(&keys->map, sizeof(keys->map), secret, "table");
	derive(keys->reset, sizeof(keys->reset), secret, "stateless reset");
	derive(keys->token, sizeof(keys->token), secret, "token");
	derive(keys->new_token, sizeof(keys->new_token), secret, "new token");
	derive(keys->ticket, sizeof(keys->ticket), secret, "ticket");
	derive(keys->cid.server_id, sizeof(keys->cid.server_id), secret, "server id");
}

void quicd_keys_ticket(const struct quicd_keys *keys, uint64_t epoch,
		       uint8_t key[QD_TICKET_KEY_BYTES])
{
	uint8_t label[8];
	static_assert(sizeof(keys->ticket) == QUICD_SECRET_BYTES, "one secret's size");
	for (size_t i = 0; i < sizeof(label); i++)
		label[i] = (uint8_t)(epoch >> 8 * i);
	expand(key, QD_TICKET_KEY_BYTES, keys->ticket, label, sizeof(label));
}

void quicd_keys_reset_token(const struct quicd_keys *keys, const uint8_t cid[QUICD_CID_BYTES],
			    uint8_t token[QD_RESET_TOKEN_BYTES])
{
	uint8_t digest[32];
	unsigned int bytes = 0;
	const uint8_t *done = HMAC(EVP_sha256(), keys->reset, sizeof(keys->reset), cid,
				   QUICD_CID_BYTES, digest, &bytes);
	assert(done && bytes == sizeof(digest));
	memcpy(token, digest, QD_RESET_TOKEN_BYTES);
}

void quicd_random(void *out, size_t bytes)
{
	uint8_t *next = out;
	while (bytes > 0) {
		const ssize_t got = getrandom(next, bytes, 0);
		assert(got > 0);
		next += got;
		bytes -= (size_t)got;
	}
}
