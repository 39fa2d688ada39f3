/*
 * forward_test.c - the ring between two workers, with a thread at each end, across its end and
 * across the wrap-around of its u32 indices. Meant to be run under ThreadSanitizer too.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "check.h"
#include "forward.h"

#define DATAGRAMS 300000u
#define CAPACITY (128u << 10)

static struct quicd_forward_ring ring;

/* Odd sizes, so that records end everywhere. */
static uint32_t length_of(uint32_t i)
{
	return 1 + i * 2654435761u % 3000;
}

static uint8_t byte_of(uint32_t i, uint32_t at)
{
	return (uint8_t)(i * 7 + at);
}

static void fill(uint32_t i, struct quicd_forwarded *datagram, uint8_t *bytes)
{
	*datagram = (struct quicd_forwarded){ .length = length_of(i),
					      .ecn = i & 3,
					      .arrived_ns = i,
					      .from.port = (uint16_t)i };
	/* The ends tell enough: the ring copies. */
	bytes[0] = byte_of(i, 0);
	bytes[datagram->length - 1] = byte_of(i, datagram->length - 1);
}

static bool is(uint32_t i, const struct quicd_forwarded *datagram, const uint8_t *bytes)
{
	return datagram->length == length_of(i) && datagram->ecn == (i & 3) &&
	       datagram->arrived_ns == i && datagram->from.port == (uint16_t)i &&
	       bytes[datagram->length - 1] == byte_of(i, datagram->length - 1) &&
	       (datagram->length == 1 || bytes[0] == byte_of(i, 0));
}

static void *push_all(void *unused)
{
	static uint8_t bytes[4096];
	(void)unused;
	for (uint32_t i = 0; i < DATAGRAMS;) {
		struct quicd_forwarded datagram;
		fill(i, &datagram, bytes);
		if (quicd_forward_push(&ring, &datagram, bytes))
			i++;
		else
			sched_yield();
	}
	return NULL;
}

static void two_threads(void)
{
	REQUIRE(quicd_forward_ring_create(&ring, CAPACITY));
	/* Just before the wrap of the indices, at a place where records may begin. */
	atomic_store(&ring.head, UINT32_MAX - 65535);
	atomic_store(&ring.tail, UINT32_MAX - 65535);
	pthread_t writer;
	REQUIRE(pthread_create(&writer, NULL, push_all, NULL) == 0);
	uint32_t wrong = 0;
	for (uint32_t i = 0; i < DATAGRAMS;) {
		uint8_t *bytes;
		const struct quicd_forwarded *datagram = quicd_forward_front(&ring, &bytes);
		if (!datagram) {
			sched_yield();
			continue;
		}
		wrong += !is(i++, datagram, bytes);
		bytes[0] = 0; /* the reader decrypts in place */
		quicd_forward_pop(&ring);
	}
	pthread_join(writer, NULL);
	CHECK(wrong == 0);
	CHECK(quicd_forward_empty(&ring));
	quicd_forward_ring_destroy(&ring);
}

static void full_is_a_value(void)
{
	static uint8_t bytes[65535];
	struct quicd_forwarded largest = { .length = sizeof(bytes) }, small = { .length = 1 };
	uint8_t *found;
	REQUIRE(quicd_forward_ring_create(&ring, CAPACITY));
	CHECK(quicd_forward_front(&ring, &found) == NULL);
	CHECK(quicd_forward_push(&ring, &largest, bytes));
	CHECK(!quicd_forward_push(&ring, &largest, bytes));
	/* What did not fit has left nothing behind. */
	uint32_t pushed = 0;
	while (quicd_forward_push(&ring, &small, bytes))
		pushed++;
	CHECK(pushed > 500);
	uint32_t popped = 0;
	while (quicd_forward_front(&ring, &found)) {
		quicd_forward_pop(&ring);
		popped++;
	}
	CHECK(popped == pushed + 1);
	CHECK(quicd_forward_empty(&ring));
	quicd_forward_ring_destroy(&ring);
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	check_case("two threads, every datagram whole and in order", two_threads);
	check_case("a full ring is a value", full_is_a_value);
	return check_finish();
}
