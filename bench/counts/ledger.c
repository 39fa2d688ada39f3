/* ledger.c - see ledger.h. */
#include "ledger.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "alloc.h"
#include "engine.h"
#include "net.h"
#include "worker.h"
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else /* all but instructions can be counted without */
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#endif

struct ledger_page ledger[LEDGER_SIDES];

static const struct quicd_worker *workers[LEDGER_SIDES];
static struct quicd_net_backend between[LEDGER_SIDES];
static const struct quicd_net_backend *behind;
static bool is_open;
static struct ledger_page *page; /* of who runs now; NULL: nobody whose doings count */

static void enter(enum ledger_side side)
{
	assert(!page);
	if (!is_open)
		return;
	page = &ledger[side];
	CALLGRIND_TOGGLE_COLLECT;
}

static void leave(void)
{
	if (!page)
		return;
	CALLGRIND_TOGGLE_COLLECT;
	page = NULL;
}

/* The simulated network's own doings are nobody's. */
static struct ledger_page *step_aside(void)
{
	struct ledger_page *kept = page;
	leave();
	return kept;
}

static void step_back(struct ledger_page *kept)
{
	if (kept)
		enter((enum ledger_side)(kept - ledger));
}

void ledger_open(bool on)
{
	assert(on != is_open && !page);
	is_open = on;
	if (on)
		CALLGRIND_START_INSTRUMENTATION;
	else
		CALLGRIND_STOP_INSTRUMENTATION;
}

void ledger_app_enter(enum ledger_side side)
{
	enter(side);
}

void ledger_app_leave(void)
{
	leave();
}

void ledger_bell(enum ledger_side side)
{
	if (is_open)
		ledger[side].doorbells++;
}

/* --- calls at the border to the network ------------------------------------------------------ */

static enum ledger_side side_of(const struct quicd_worker *worker)
{
	assert(worker == workers[LEDGER_CLIENT] || worker == workers[LEDGER_SERVER]);
	return worker == workers[LEDGER_SERVER] ? LEDGER_SERVER : LEDGER_CLIENT;
}

static void between_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct ledger_page *kept = step_aside();
	behind->wait(worker, timeout_ns);
	if (kept)
		kept->waits++;
	for (uint32_t i = 0; kept && i < worker->net.received_count; i++) {
		const struct quicd_received *train = &worker->net.received[i];
		kept->trains_in++;
		kept->datagrams_in +=
			(train->length + train->segment_bytes - 1) / train->segment_bytes;
	}
	step_back(kept);
}

static void between_recycle(struct quicd_worker *worker, uint32_t buffer)
{
	struct ledger_page *kept = step_aside();
	behind->recycle(worker, buffer);
	step_back(kept);
}

static uint8_t *between_send_buffer(struct quicd_worker *worker)
{
	struct ledger_page *kept = step_aside();
	uint8_t *buffer = behind->send_buffer(worker);
	if (kept)
		kept->send_buffers++;
	step_back(kept);
	return buffer;
}

static void between_send(struct quicd_worker *worker, const struct qd_train *train)
{
	struct ledger_page *kept = step_aside();
	behind->send(worker, train);
	if (kept) {
		kept->sends++;
		kept->datagrams_out += train->segments;
		kept->bytes_out += train->bytes;
	}
	step_back(kept);
}

void ledger_watch(enum ledger_side side, struct quicd_engine *engine)
{
	workers[side] = &engine->workers[0];
	behind = engine->backend;
	between[side] = *behind;
	between[side].wait = between_wait;
	between[side].recycle = between_recycle;
	between[side].send_buffer = between_send_buffer;
	between[side].send = between_send;
	engine->backend = &between[side];
}

/* --- turns ----------------------------------------------------------------------------------- */

bool __real_quicd_worker_turn(struct quicd_worker *worker, uint64_t *wait_ns);
void __real_quicd_worker_wait(struct quicd_worker *worker, uint64_t wait_ns);

/* By these names callgrind's report tells the sides apart. */
__attribute__((noinline)) bool ledger_server_turn(struct quicd_worker *worker, uint64_t *wait_ns);
__attribute__((noinline)) bool ledger_client_turn(struct quicd_worker *worker, uint64_t *wait_ns);
bool ledger_server_turn(struct quicd_worker *worker, uint64_t *wait_ns)
{
	const bool waits = __real_quicd_worker_turn(worker, wait_ns);
	__asm__ volatile("" ::: "memory"); /* no tail call: it would lose the name */
	return waits;
}
bool ledger_client_turn(struct quicd_worker *worker, uint64_t *wait_ns)
{
	const bool waits = __real_quicd_worker_turn(worker, wait_ns);
	__asm__ volatile("" ::: "memory");
	return waits;
}

static uint64_t all_allocations(void)
{
	struct quicd_memory memory;
	quicd_memory_read(&memory);
	return memory.allocations;
}

bool __wrap_quicd_worker_turn(struct quicd_worker *worker, uint64_t *wait_ns);
bool __wrap_quicd_worker_turn(struct quicd_worker *worker, uint64_t *wait_ns)
{
	if (!is_open)
		return __real_quicd_worker_turn(worker, wait_ns);
	const enum ledger_side side = side_of(worker);
	const uint64_t allocations = all_allocations();
	const struct quicd_counters before = *worker->counters;
	enter(side);
	const bool waits = side == LEDGER_SERVER ? ledger_server_turn(worker, wait_ns)
						 : ledger_client_turn(worker, wait_ns);
	leave();
	ledger[side].turns++;
	ledger[side].allocations += all_allocations() - allocations;
	ledger[side].events += worker->counters->events - before.events;
	ledger[side].commands += worker->counters->commands - before.commands;
	return waits;
}

void __wrap_quicd_worker_wait(struct quicd_worker *worker, uint64_t wait_ns);
void __wrap_quicd_worker_wait(struct quicd_worker *worker, uint64_t wait_ns)
{
	/* Only real waiting differs from this one, which is stepped: net.h, not the simulation. */
	if (is_open)
		enter(side_of(worker));
	__real_quicd_worker_wait(worker, wait_ns);
	leave();
}

/* Of an eventfd: there is nothing else that the core writes to here. */
ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
	for (int side = 0; is_open && side < LEDGER_SIDES; side++)
		ledger[side].kicks += workers[side]->kick_fd == fd;
	return __real_write(fd, bytes, length);
}

/* --- the C library --------------------------------------------------------------------------- */

static void count_copy(size_t bytes)
{
	if (!page)
		return;
	page->copied_bytes += bytes;
	page->copies += bytes >= LEDGER_COPY_BYTES;
}

void *__real_memcpy(void *out, const void *in, size_t bytes);
void *__wrap_memcpy(void *out, const void *in, size_t bytes);
void *__wrap_memcpy(void *out, const void *in, size_t bytes)
{
	count_copy(bytes);
	return __real_memcpy(out, in, bytes);
}

void *__real_memmove(void *out, const void *in, size_t bytes);
void *__wrap_memmove(void *out, const void *in, size_t bytes);
void *__wrap_memmove(void *out, const void *in, size_t bytes)
{
	count_copy(bytes);
	return __real_memmove(out, in, bytes);
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
	if (page)
		page->libc_allocations++;
	return __real_malloc(bytes);
}

void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes)
{
	if (page)
		page->libc_allocations++;
	return __real_calloc(count, bytes);
}

void *__real_realloc(void *pointer, size_t bytes);
void *__wrap_realloc(void *pointer, size_t bytes);
void *__wrap_realloc(void *pointer, size_t bytes)
{
	if (page)
		page->libc_allocations++;
	return __real_realloc(pointer, bytes);
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (page)
		page->clock_reads++;
	return __real_clock_gettime(clock, now);
}
