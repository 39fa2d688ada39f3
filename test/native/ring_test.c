/*
 * ring_test.c - rings and return lists with two threads each, across the wrap-around of their u32
 * indices. Meant to be run under ThreadSanitizer too.
 */
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include "abi.h"
#include "check.h"
#include "ring.h"
#include "slab.h"

#define EVENTS 2000000u
#define CAPACITY 1024u

static struct quicd_ring ring;

static void *produce(void *unused)
{
	(void)unused;
	for (uint32_t i = 0; i < EVENTS;) {
		if (quicd_ring_room(&ring, 1) == 0) {
			sched_yield();
			continue;
		}
		struct quicd_event *event = quicd_ring_slot(&ring, 0);
		*event = (struct quicd_event){
			.kind = QUICD_EVENT_STREAM_DATA, .length = i, .error_code = ~(uint64_t)i};
		quicd_ring_publish(&ring, 1);
		i++;
	}
	return NULL;
}

static void ring_two_threads(void)
{
	REQUIRE(quicd_ring_create(&ring, CAPACITY));
	/* Start just before the wrap, as if 2^32 entries had passed. */
	atomic_store(&ring.head, UINT32_MAX - 1000);
	atomic_store(&ring.tail, UINT32_MAX - 1000);
	ring.head_cached = ring.tail_cached = UINT32_MAX - 1000;
	pthread_t producer;
	REQUIRE(pthread_create(&producer, NULL, produce, NULL) == 0);
	uint32_t wrong = 0;
	for (uint32_t i = 0; i < EVENTS;) {
		const uint32_t ready = quicd_ring_ready(&ring);
		if (ready == 0)
			sched_yield();
		for (uint32_t n = 0; n < ready; n++, i++) {
			const struct quicd_event *event = quicd_ring_front(&ring);
			wrong += event->length != i || event->error_code != ~(uint64_t)i;
			quicd_ring_consume(&ring, 1);
		}
	}
	pthread_join(producer, NULL);
	CHECK(wrong == 0);
	CHECK(quicd_ring_ready(&ring) == 0);
	quicd_ring_destroy(&ring);
}

static void ring_full_is_a_value(void)
{
	REQUIRE(quicd_ring_create(&ring, 4));
	CHECK(quicd_ring_room(&ring, 4) == 4);
	for (int i = 0; i < 4; i++) {
		((struct quicd_event *)quicd_ring_slot(&ring, 0))->kind = QUICD_EVENT_DATAGRAM;
		quicd_ring_publish(&ring, 1);
	}
	CHECK(quicd_ring_room(&ring, 1) == 0);
	CHECK(quicd_ring_ready(&ring) == 4);
	quicd_ring_consume(&ring, 1);
	CHECK(quicd_ring_room(&ring, 1) == 1);
	quicd_ring_destroy(&ring);
}

#define BUFFERS 64u
#define ROUNDS 200000u
static struct quicd_slab slab;
static struct quicd_ring handover; /* buffer indices from owner to releaser, in |length| */
static _Atomic uint32_t wakes;

static void count_wake(void *unused)
{
	(void)unused;
	atomic_fetch_add(&wakes, 1);
}

/* Checks what the owner wrote, takes a second reference, gives both back. */
static void *release_all(void *unused)
{
	(void)unused;
	uintptr_t wrong = 0;
	for (uint32_t i = 0; i < ROUNDS;) {
		const uint32_t ready = quicd_ring_ready(&handover);
		if (ready == 0)
			sched_yield();
		for (uint32_t n = 0; n < ready; n++, i++) {
			const struct quicd_event *event = quicd_ring_front(&handover);
			const uint32_t index = event->length;
			const uint32_t mark = event->flags;
			quicd_ring_consume(&handover, 1);
			quicd_slab_retain(&slab, index);
			uint32_t found;
			memcpy(&found, quicd_slab_at(&slab, index), sizeof(found));
			wrong += found != mark;
			quicd_slab_release(&slab, index);
			quicd_slab_release(&slab, index);
		}
	}
	return (void *)wrong;
}

static void return_list_two_threads(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, BUFFERS, 8));
	REQUIRE(quicd_ring_create(&handover, 128));
	slab.wake = count_wake;
	pthread_t releaser;
	REQUIRE(pthread_create(&releaser, NULL, release_all, NULL) == 0);
	for (uint32_t i = 0; i < ROUNDS;) {
		uint32_t index = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
		if (index == QUICD_NONE) {
			atomic_store(&slab.wanted, 1);
			if (quicd_slab_collect(&slab, NULL, NULL) == 0)
				sched_yield();
			continue;
		}
		memcpy(quicd_slab_at(&slab, index), &i, sizeof(i));
		while (quicd_ring_room(&handover, 1) == 0)
			sched_yield();
		*(struct quicd_event *)quicd_ring_slot(&handover, 0) = (struct quicd_event){
			.kind = QUICD_EVENT_DATAGRAM, .length = index, .flags = i};
		quicd_ring_publish(&handover, 1);
		i++;
	}
	void *wrong = NULL;
	pthread_join(releaser, &wrong);
	quicd_slab_collect(&slab, NULL, NULL);
	CHECK(wrong == NULL);
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == BUFFERS);
	quicd_slab_destroy(&slab);
	quicd_ring_destroy(&handover);
}

static void wake_comes_once_for_a_wish(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, 4, 1));
	slab.wake = count_wake;
	atomic_store(&wakes, 0);
	const uint32_t a = quicd_slab_take(&slab, QUICD_BUFFER_SMALL),
		       b = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
	quicd_slab_release(&slab, a);
	CHECK(atomic_load(&wakes) == 0);
	atomic_store(&slab.wanted, 1);
	quicd_slab_release(&slab, b);
	CHECK(atomic_load(&wakes) == 1);
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 2);
	quicd_slab_destroy(&slab);
}

static void leases_end_with_their_app_thread(void)
{
	REQUIRE(quicd_slab_create(&slab, 0, 4, 1));
	for (uint32_t app = 0; app < 2; app++) {
		const uint32_t index = quicd_slab_take(&slab, QUICD_BUFFER_SMALL);
		slab.buffers[index].leases = 3;
		slab.buffers[index].lease_app = app;
	}
	CHECK(quicd_slab_end_leases(&slab, 1) == 1);
	CHECK(quicd_slab_collect(&slab, NULL, NULL) == 1);
	CHECK(slab.free_count[QUICD_BUFFER_SMALL] == 3);
	quicd_slab_destroy(&slab);
}

int main(void)
{
	check_case("a full ring is a value", ring_full_is_a_value);
	check_case("ring: two threads, across the wrap", ring_two_threads);
	check_case("return list: two threads", return_list_two_threads);
	check_case("a wish for buffers is answered once", wake_comes_once_for_a_wish);
	check_case("leases end with their app thread", leases_end_with_their_app_thread);
	return check_finish();
}
