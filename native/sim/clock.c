/*
 * clock.c - time and entropy of a simulation, for all that is linked with it: our core, quiche's
 * Instant, BoringSSL. Without a simulation they are the system's.
 *
 * BoringSSL's own generator stays; it is one for each thread, and what seeds it comes from here. So
 * every run that begins on a new thread gets the same keys for the same seed.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "sim.h"

/* 2030-01-01 00:00:00 UTC: the calendar's time at the start of every simulation. */
#define CALENDAR_SECONDS 1893456000ull
#define START_NS (1000 * QUICD_SIM_SECOND)

static struct quicd_sim *current;

struct quicd_sim *quicd_sim_current(void)
{
	return current;
}

uint64_t quicd_sim_draw(struct quicd_sim_random *random)
{
	/* SplitMix64 */
	uint64_t z = random->state += 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t quicd_sim_below(struct quicd_sim_random *random, uint64_t bound)
{
	return (uint64_t)((__extension__(unsigned __int128) quicd_sim_draw(random) * bound) >> 64);
}

bool quicd_sim_chance(struct quicd_sim_random *random, uint32_t per_million)
{
	return per_million > 0 && quicd_sim_below(random, 1000000) < per_million;
}

void quicd_sim_begin(struct quicd_sim *sim, uint64_t seed)
{
	memset(sim, 0, sizeof(*sim));
	sim->seed = seed;
	struct quicd_sim_random root = {seed};
	sim->network.state = quicd_sim_draw(&root);
	sim->entropy.state = quicd_sim_draw(&root);
	sim->schedule.state = quicd_sim_draw(&root);
	sim->now_ns = sim->start_ns = START_NS;
	sim->trace_hash = 0xcbf29ce484222325ull;
	sim->next_port = 20000;
	sim->turn_ns = 50000;
	for (int i = 0; i < 2; i++)
		sim->weather[i].delay_ns = 10 * QUICD_SIM_MS;
	sim->quiet = fopen("/dev/null", "w");
	current = sim;
}

void quicd_sim_end(struct quicd_sim *sim)
{
	quicd_sim_drop_flights(sim);
	for (uint32_t i = 0; i < sim->worker_count; i++) {
		for (uint32_t k = 0; k < sim->workers[i]->inbox_count; k++)
			free(sim->workers[i]->inbox[k].bytes);
		free(sim->workers[i]->send_buffer);
		free(sim->workers[i]);
	}
	if (sim->quiet)
		fclose(sim->quiet);
	current = NULL;
}

static void draw_bytes(void *out, size_t bytes)
{
	uint8_t *next = out;
	while (bytes > 0) {
		const uint64_t drawn = quicd_sim_draw(&current->entropy);
		const size_t part = bytes < sizeof(drawn) ? bytes : sizeof(drawn);
		memcpy(next, &drawn, part);
		next += part;
		bytes -= part;
	}
}

/* Takes the place of libc's for this program. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	if (!current || (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME))
		return (int)syscall(SYS_clock_gettime, clock, now);
	uint64_t ns = current->now_ns;
	if (clock == CLOCK_REALTIME)
		ns = ns - current->start_ns + CALENDAR_SECONDS * QUICD_SIM_SECOND;
	*now = (struct timespec){.tv_sec = (time_t)(ns / QUICD_SIM_SECOND),
				 .tv_nsec = (long)(ns % QUICD_SIM_SECOND)};
	return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	(void)zone;
	struct timespec precise;
	clock_gettime(CLOCK_REALTIME, &precise);
	*now = (struct timeval){.tv_sec = precise.tv_sec, .tv_usec = precise.tv_nsec / 1000};
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

ssize_t getrandom(void *out, size_t bytes, unsigned int flags)
{
	if (!current)
		return syscall(SYS_getrandom, out, bytes, flags);
	draw_bytes(out, bytes);
	return (ssize_t)bytes;
}

/* What seeds BoringSSL's generator (crypto/rand/urandom.cc, bssl::CRYPTO_sysrand). */
void __real__ZN4bssl14CRYPTO_sysrandEPhm(uint8_t *out, size_t bytes);
void __wrap__ZN4bssl14CRYPTO_sysrandEPhm(uint8_t *out, size_t bytes);
void __wrap__ZN4bssl14CRYPTO_sysrandEPhm(uint8_t *out, size_t bytes)
{
	if (current)
		draw_bytes(out, bytes);
	else
		__real__ZN4bssl14CRYPTO_sysrandEPhm(out, bytes);
}

/* The processor's instruction; 0: it gave nothing, and BoringSSL goes on without. */
int __wrap_CRYPTO_rdrand_multiple8_buf(uint8_t *out, size_t bytes);
int __wrap_CRYPTO_rdrand_multiple8_buf(uint8_t *out, size_t bytes)
{
	(void)out;
	(void)bytes;
	return 0;
}
int __wrap_CRYPTO_rdrand(uint8_t *out);
int __wrap_CRYPTO_rdrand(uint8_t *out)
{
	(void)out;
	return 0;
}
