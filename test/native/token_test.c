/* token_test.c - tokens of a Retry: for one address, one connection and some seconds only. */
#include "check.h"
#include "keys.h"
#include "limits.h"
#include "token.h"

static const uint8_t KEY[QUICD_TOKEN_KEY_BYTES] = {1, 2, 3};
static const uint8_t NEW_KEY[QUICD_TOKEN_KEY_BYTES] = {4, 5, 6};
static const uint8_t RETRY_CID[QUICD_CID_BYTES] = {9, 8, 7};
static const struct qd_address PEER = {.family = 4, .port = 4000, .ip = {192, 0, 2, 1}};
static const uint64_t NOW = 1700000000;

static struct quicd_tokens *tokens;
static uint8_t sealed[QUICD_TOKEN_BYTES_MAX];
static size_t length;

static struct quicd_token make(uint32_t original_bytes)
{
	struct quicd_token token = {.peer = &PEER,
				    .version = 1,
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
	struct quicd_token token = {.peer = peer, .version = 1, .retry_cid = retry_cid};
	return quicd_token_open(tokens, now, sealed, length, &token);
}

static void comes_back(void)
{
	for (uint32_t bytes = 0; bytes <= 20; bytes++) {
		const struct quicd_token in = make(bytes);
		struct quicd_token out = {.peer = &PEER, .version = 1, .retry_cid = RETRY_CID};
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
	cid[sizeof(cid) - 1] ^= 1;
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
	struct quicd_tokens *others = quicd_tokens_create(key, key);
	struct quicd_token token = {.peer = &PEER, .version = 1, .retry_cid = RETRY_CID};
	make(8);
	CHECK(quicd_token_open(others, NOW, sealed, length, &token) == QUICD_TOKEN_INVALID);
	quicd_tokens_destroy(others);
}

static void new_tokens_are_for_an_address_and_a_day(void)
{
	uint8_t token[QUICD_NEW_TOKEN_BYTES], id[QUICD_NEW_TOKEN_ID_BYTES], second[sizeof(id)];
	struct qd_address other = PEER;
	quicd_new_token_seal(tokens, &PEER, 1, NOW, token);
	CHECK(quicd_new_token_open(tokens, &PEER, 1, NOW, token, sizeof(token), id));
	other.port++;
	CHECK(quicd_new_token_open(tokens, &other, 1, NOW, token, sizeof(token), second));
	CHECK(memcmp(id, second, sizeof(id)) == 0);
	other.ip[3]++;
	CHECK(!quicd_new_token_open(tokens, &other, 1, NOW, token, sizeof(token), id));
	const uint64_t last = NOW + QUICD_NEW_TOKEN_SECONDS;
	CHECK(quicd_new_token_open(tokens, &PEER, 1, last, token, sizeof(token), id));
	CHECK(!quicd_new_token_open(tokens, &PEER, 1, last + 1, token, sizeof(token), id));
	CHECK(!quicd_new_token_open(tokens, &PEER, 1, NOW - 60, token, sizeof(token), id));
	for (uint32_t bit = 0; bit < sizeof(token) * 8; bit++) {
		token[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK(!quicd_new_token_open(tokens, &PEER, 1, NOW, token, sizeof(token), id));
		token[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bytes = 0; bytes < sizeof(token); bytes++)
		CHECK(!quicd_new_token_open(tokens, &PEER, 1, NOW, token, bytes, id));
}

/* RFC 9369 §4.1, §5: a client that goes on in another version than the token's has none. */
static void for_one_version(void)
{
	uint8_t id[QUICD_NEW_TOKEN_ID_BYTES], new_token[QUICD_NEW_TOKEN_BYTES];
	struct quicd_token token = {.peer = &PEER, .version = 0x6b3343cf, .retry_cid = RETRY_CID};
	make(8);
	CHECK(quicd_token_open(tokens, NOW, sealed, length, &token) == QUICD_TOKEN_INVALID);
	token.issued_s = NOW;
	length = quicd_token_seal(tokens, &token, sealed);
	CHECK(quicd_token_open(tokens, NOW, sealed, length, &token) == QUICD_TOKEN_VALID);
	CHECK(open_at(NOW, &PEER, RETRY_CID) == QUICD_TOKEN_INVALID);
	quicd_new_token_seal(tokens, &PEER, 0x6b3343cf, NOW, new_token);
	CHECK(!quicd_new_token_open(tokens, &PEER, 1, NOW, new_token, sizeof(new_token), id));
	CHECK(quicd_new_token_open(tokens, &PEER, 0x6b3343cf, NOW, new_token, sizeof(new_token),
				   id));
}

/* Their kinds and keys differ: neither passes for the other (RFC 9000 §8.1.3). */
static void the_two_kinds_are_not_mixed_up(void)
{
	uint8_t id[QUICD_NEW_TOKEN_ID_BYTES], token[QUICD_NEW_TOKEN_BYTES];
	make(0);
	CHECK(length == sizeof(token));
	CHECK(!quicd_new_token_open(tokens, &PEER, 1, NOW, sealed, length, id));
	sealed[0] = 0x4e;
	CHECK(!quicd_new_token_open(tokens, &PEER, 1, NOW, sealed, length, id));
	quicd_new_token_seal(tokens, &PEER, 1, NOW, token);
	memcpy(sealed, token, sizeof(token));
	CHECK(open_at(NOW, &PEER, RETRY_CID) == QUICD_TOKEN_STRANGE);
	sealed[0] = 0x52;
	CHECK(open_at(NOW, &PEER, RETRY_CID) == QUICD_TOKEN_INVALID);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	tokens = quicd_tokens_create(KEY, NEW_KEY);
	check_case("what was sealed comes back", comes_back);
	check_case("for one peer and connection", for_one_peer_and_connection);
	check_case("for some seconds", for_some_seconds);
	check_case("any bit turned is seen", any_bit_turned_is_seen);
	check_case("other keys make no valid token", other_keys_are_strangers);
	check_case("NEW_TOKEN's are for an address and a day",
		   new_tokens_are_for_an_address_and_a_day);
	check_case("for one version of QUIC", for_one_version);
	check_case("the two kinds are not mixed up", the_two_kinds_are_not_mixed_up);
	quicd_tokens_destroy(tokens);
	return check_finish();
}
