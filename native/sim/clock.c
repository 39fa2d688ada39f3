/*
 * clock.c - time and entropy of a simulation, for all that is linked with it: our core, quiche's
 * Instant, BoringSSL. Without a simulation they are the system's.
 *
 * BoringSSL's own generator stays, one for each simulation, and what seeds it comes from here: so
 * equal seeds get equal keys.
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

static void forget_rand_state(void);

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
	sim->hashes.state = quicd_sim_draw(&root);
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
	forget_rand_state();
	current = NULL;
}

static void draw_bytes(struct quicd_sim_random *random, void *out, size_t bytes)
{
	uint8_t *next = out;
	while (bytes > 0) {
		const uint64_t drawn = quicd_sim_draw(random);
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

/*
 * Of Rust's standard library: once for each thread, at its first hash table. When that is depends
 * on what the process did before, so it has a sequence of its own.
 */
ssize_t getrandom(void *out, size_t bytes, unsigned int flags)
{
	if (!current)
		return syscall(SYS_getrandom, out, bytes, flags);
	draw_bytes(&current->hashes, out, bytes);
	return (ssize_t)bytes;
}

void __real_quicd_random(void *out, size_t bytes);
void __wrap_quicd_random(void *out, size_t bytes);
void __wrap_quicd_random(void *out, size_t bytes)
{
	if (current)
		draw_bytes(&current->entropy, out, bytes);
	else
		__real_quicd_random(out, bytes);
}

/* What seeds BoringSSL's generator (crypto/rand/urandom.cc, bssl::CRYPTO_sysrand). */
void __real__ZN4bssl14CRYPTO_sysrandEPhm(uint8_t *out, size_t bytes);
void __wrap__ZN4bssl14CRYPTO_sysrandEPhm(uint8_t *out, size_t bytes);
void __wrap__ZN4bssl14CRYPTO_sysrandEPhm(uint8_t *out, size_t bytes)
{
	if (current)
		draw_bytes(&current->entropy, out, bytes);
	else
		__real__ZN4bssl14CRYPTO_sysrandEPhm(out, bytes);
}

/*
 * BoringSSL's generator hangs off its thread, under number 1 (crypto/internal.h,
 * OPENSSL_THREAD_LOCAL_RAND). Here it hangs off the simulation: the next one begins with another,
 * on whatever thread it runs.
 */
#define RAND_SLOT 1
static void *rand_state;
static void (*free_rand_state)(void *state);

void *__real__ZN4bssl23CRYPTO_get_thread_localENS_19thread_local_data_tE(int slot);
void *__wrap__ZN4bssl23CRYPTO_get_thread_localENS_19thread_local_data_tE(int slot);
void *__wrap__ZN4bssl23CRYPTO_get_thread_localENS_19thread_local_data_tE(int slot)
{
	if (current && slot == RAND_SLOT)
		return rand_state;
	return __real__ZN4bssl23CRYPTO_get_thread_localENS_19thread_local_data_tE(slot);
}

int __real__ZN4bssl23CRYPTO_set_thread_localENS_19thread_local_data_tEPvPFvS1_E(
	int slot, void *value, void (*destroy)(void *value));
int __wrap__ZN4bssl23CRYPTO_set_thread_localENS_19thread_local_data_tEPvPFvS1_E(
	int slot, void *value, void (*destroy)(void *value));
int __wrap__ZN4bssl23CRYPTO_set_thread_localENS_19thread_local_data_tEPvPFvS1_E(
	int slot, void *value, void (*destroy)(void *value))
{
	if (!current || slot != RAND_SLOT)
		return __real__ZN4bssl23CRYPTO_set_thread_localENS_19thread_local_data_tEPvPFvS1_E(
			slot, value, destroy);
	rand_state = value;
	free_rand_state = destroy;
	return 1;
}

static void forget_rand_state(void)
{
	if (rand_state)
		free_rand_state(rand_state);
	rand_state = NULL;
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
