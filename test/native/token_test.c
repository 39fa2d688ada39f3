/* token_test.c - tokens of a Retry: for one address, one connection and some seconds only. */
#include "check.h"
#include "keys.h"
#include "token.h"

static const uint8_t KEY[QUICD_TOKEN_KEY_BYTES] = {1, 2, 3};
static const uint8_t RETRY_CID[QUICD_CID_BYTES] = {9, 8, 7};
static const struct qd_address PEER = {.family = 4, .port = 4000, .ip = {192, 0, 2, 1}};
static const uint64_t NOW = 1700000000;

static struct quicd_tokens *tokens;
static uint8_t sealed[QUICD_TOKEN_BYTES_MAX];
static size_t length;

static struct quicd_token make(uint32_t original_bytes)
{
	struct quicd_token token = {.peer = &PEER,
				    .retry_cid = RETRY_CID,
				    .original_cid_bytes = original_bytes,
				    .issued_s = NOW};
	for (uint32_t i = 0; i < original_bytes; i++)
		token.original_cid[i] = (uint8_t)(i + 1);
	length = quicd_token_seal(tokens, &token, sealed);
	return token;
}

static enum quicd_token_verdict open_at(uint64_t now, const struct qd_address *peer,
					const uint8_t *retry_cid)
{
	struct quicd_token token = {.peer = peer, .retry_cid = retry_cid};
	return quicd_token_open(tokens, now, sealed, length, &token);
}

static void comes_back(void)
{
	for (uint32_t bytes = 0; bytes <= 20; bytes++) {
		const struct quicd_token in = make(bytes);
		struct quicd_token out = {.peer = &PEER, .retry_cid = RETRY_CID};
		CHECK(length == 1 + 12 + 8 + bytes + 16 && length <= QUICD_TOKEN_BYTES_MAX);
		CHECK(quicd_token_open(tokens, NOW, sealed, length, &out) == QUICD_TOKEN_VALID);
		CHECK(out.original_cid_bytes == bytes && out.issued_s == NOW);
		CHECK(memcmp(out.original_cid, in.original_cid, bytes) == 0);
	}
}

static void for_one_peer_and_connection(void)
{
	struct qd_address other = PEER;
	uint8_t cid[QUICD_CID_BYTES];
	make(8);
	CHECK(open_at(NOW, &PEER, RETRY_CID) == QUICD_TOKEN_VALID);
	other.port++;
	CHECK(open_at(NOW, &other, RETRY_CID) == QUICD_TOKEN_INVALID);
	other = PEER;
	other.ip[3]++;
	CHECK(open_at(NOW, &other, RETRY_CID) == QUICD_TOKEN_INVALID);
	other = PEER;
	other.family = 6;
	CHECK(open_at(NOW, &other, RETRY_CID) == QUICD_TOKEN_INVALID);
	memcpy(cid, RETRY_CID, sizeof(cid));
	cid[19] ^= 1;
	CHECK(open_at(NOW, &PEER, cid) == QUICD_TOKEN_INVALID);
}

static void for_some_seconds(void)
{
	make(8);
	CHECK(open_at(NOW + QUICD_TOKEN_SECONDS, &PEER, RETRY_CID) == QUICD_TOKEN_VALID);
	CHECK(open_at(NOW + QUICD_TOKEN_SECONDS + 1, &PEER, RETRY_CID) == QUICD_TOKEN_INVALID);
	CHECK(open_at(NOW - QUICD_TOKEN_SECONDS, &PEER, RETRY_CID) == QUICD_TOKEN_VALID);
	CHECK(open_at(NOW - QUICD_TOKEN_SECONDS - 1, &PEER, RETRY_CID) == QUICD_TOKEN_INVALID);
}

static void any_bit_turned_is_seen(void)
{
	make(20);
	for (size_t bit = 0; bit < length * 8; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(open_at(NOW, &PEER, RETRY_CID) ==
		      (bit < 8 ? QUICD_TOKEN_STRANGE : QUICD_TOKEN_INVALID));
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (length = 0; length < QUICD_TOKEN_BYTES_MAX; length++)
		CHECK(open_at(NOW, &PEER, RETRY_CID) != QUICD_TOKEN_VALID);
}

static void other_keys_are_strangers(void)
{
	uint8_t key[QUICD_TOKEN_KEY_BYTES] = {0};
	struct quicd_tokens *others = quicd_tokens_create(key);
	struct quicd_token token = {.peer = &PEER, .retry_cid = RETRY_CID};
	make(8);
	CHECK(quicd_token_open(others, NOW, sealed, length, &token) == QUICD_TOKEN_INVALID);
	quicd_tokens_destroy(others);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	tokens = quicd_tokens_create(KEY);
	check_case("what was sealed comes back", comes_back);
	check_case("for one peer and connection", for_one_peer_and_connection);
	check_case("for some seconds", for_some_seconds);
	check_case("any bit turned is seen", any_bit_turned_is_seen);
	check_case("other keys make no valid token", other_keys_are_strangers);
	quicd_tokens_destroy(tokens);
	return check_finish();
}
