/* cid_map_test.c - connection IDs of every length; what is full, foreign or gone. */
#include "check.h"
#include "cid_map.h"

#define CAPACITY 1000u

static const struct quicd_sip_key KEY = {0x0123456789abcdefull, 0xfedcba9876543210ull};

static void name(uint8_t cid[QUICD_LONG_CID_BYTES_MAX], uint32_t number)
{
	memset(cid, 0, QUICD_LONG_CID_BYTES_MAX);
	memcpy(cid, &number, sizeof(number));
}

static void every_length_is_its_own(void)
{
	struct quicd_cid_map map;
	uint8_t cid[QUICD_LONG_CID_BYTES_MAX] = {0};
	REQUIRE(quicd_cid_map_create(&map, 32, KEY));
	/* All zeros: each is a prefix of the next. */
	for (uint32_t bytes = 0; bytes <= QUICD_LONG_CID_BYTES_MAX; bytes++)
		CHECK(quicd_cid_map_add(&map, cid, bytes, bytes + 100));
	for (uint32_t bytes = 0; bytes <= QUICD_LONG_CID_BYTES_MAX; bytes++)
		CHECK(quicd_cid_map_find(&map, cid, bytes) == bytes + 100);
	/* An unknown version's may have 255; reading 20 of them at most. */
	CHECK(quicd_cid_map_find(&map, cid, QUICD_LONG_CID_BYTES_MAX + 1) == QUICD_NONE);
	CHECK(quicd_cid_map_find(&map, cid, 255) == QUICD_NONE);
	quicd_cid_map_remove(&map, cid, 255, 100);
	CHECK(map.count == QUICD_LONG_CID_BYTES_MAX + 1);
	quicd_cid_map_destroy(&map);
}

static void full_is_a_value(void)
{
	struct quicd_cid_map map;
	uint8_t cid[QUICD_LONG_CID_BYTES_MAX];
	REQUIRE(quicd_cid_map_create(&map, CAPACITY, KEY));
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < CAPACITY; i++) {
			name(cid, i);
			CHECK(quicd_cid_map_add(&map, cid, 8 + i % 13, i));
		}
		name(cid, CAPACITY);
		CHECK(!quicd_cid_map_add(&map, cid, 8, CAPACITY));
		for (uint32_t i = 0; i < CAPACITY; i++) {
			name(cid, i);
			CHECK(quicd_cid_map_find(&map, cid, 8 + i % 13) == i);
			quicd_cid_map_remove(&map, cid, 8 + i % 13, i);
			CHECK(quicd_cid_map_find(&map, cid, 8 + i % 13) == QUICD_NONE);
		}
		CHECK(map.count == 0);
	}
	quicd_cid_map_destroy(&map);
}

static void only_the_owner_removes(void)
{
	struct quicd_cid_map map;
	uint8_t cid[QUICD_LONG_CID_BYTES_MAX];
	name(cid, 7);
	REQUIRE(quicd_cid_map_create(&map, 4, KEY));
	CHECK(quicd_cid_map_add(&map, cid, 8, 1));
	CHECK(!quicd_cid_map_add(&map, cid, 8, 2));
	quicd_cid_map_remove(&map, cid, 8, 2);
	CHECK(quicd_cid_map_find(&map, cid, 8) == 1);
	quicd_cid_map_remove(&map, cid, 8, 1);
	quicd_cid_map_remove(&map, cid, 8, 1);
	CHECK(quicd_cid_map_find(&map, cid, 8) == QUICD_NONE);
	CHECK(quicd_cid_map_add(&map, cid, 8, 2));
	CHECK(quicd_cid_map_find(&map, cid, 8) == 2);
	quicd_cid_map_destroy(&map);
}

/* SipHash-2-4 of octets 0..7 under the key 0..15: the vector of its authors. */
static void hash_is_siphash(void)
{
	const struct quicd_sip_key key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};
	CHECK(quicd_sip_one_word(&key, 0x0706050403020100ull) == 0x93f5f5799a932462ull);
}

int main(void)
{
	check_case("every length is its own, prefixes too", every_length_is_its_own);
	check_case("a full map is a value, and empties", full_is_a_value);
	check_case("only the owner removes", only_the_owner_removes);
	check_case("the hash is SipHash-2-4", hash_is_siphash);
	return check_finish();
}
