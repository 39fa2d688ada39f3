/*
 * seeds.c - runs seeds, one after the other, and says what they met.
 *
 *   seeds [--from N] [--count N]      some seeds; default 50 from 1
 *   seeds --seed N [--trace] [--verbose]   one again: its datagrams, its events
 *   seeds --twice                     each once more, and the traces must be equal
 *   seeds --hours                     one connection of three hours, for each seed
 *   seeds --plants                    each planted fault of plants.c must be found
 *   seeds --plant N                   with that one, to look at it
 *
 * The last line is `N passed, N failed, N skipped`, exit code 1 on failure.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "alloc.h"
#include "plants.h"
#include "world.h"

struct run {
	struct scenario_options options;
	struct verdict verdict;
};

static uint64_t current_seed; /* for the handler of an assert */

static int report_fd = STDERR_FILENO;

static void on_abort(int signal)
{
	char text[64];
	const int bytes = snprintf(text, sizeof(text), "seed %lu: an assertion (signal %d)\n",
				   (unsigned long)current_seed, signal);
	(void)!write(report_fd, text, (size_t)bytes);
	_exit(1);
}

static double seconds(void)
{
	struct timespec now;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *on_thread(void *argument)
{
	struct run *run = argument;
	scenario_run(&run->options, &run->verdict);
	return NULL;
}

/* On a thread of its own: so BoringSSL's generator and Rust's hash seeds begin anew. */
static struct verdict run_seed(const struct scenario_options *options)
{
	struct run run = {.options = *options};
	pthread_t thread;
	current_seed = options->seed;
	if (pthread_create(&thread, NULL, on_thread, &run) != 0)
		abort();
	pthread_join(thread, NULL);
	return run.verdict;
}

static const char *const EVENTS[QUICD_EVENT_COUNT] = {
	"invalid",  "connected", "opened",   "refused", "data",	  "reset",
	"stopped",  "writable",	 "datagram", "outcome", "path",	  "closing",
	"closed",   "started",	 "no-conn",  "session", "hs-done", "migrated",
};
static const char *const COMMANDS[QUICD_COMMAND_COUNT] = {
	"nop",	 "write",    "reset",	   "stop",    "open",	"datagram",
	"close", "priority", "keep-alive", "connect", "migrate",
	"qlog",	 "refresh",  "update-keys",
};
static const char *const PHASE_NAMES[PHASES] = {"unknown", "started", "up", "closing", "closed"};

static void print_row(const char *name, const uint64_t cells[PHASES])
{
	uint64_t all = 0;
	for (int phase = 0; phase < PHASES; phase++)
		all += cells[phase];
	if (all == 0)
		return;
	printf("  %-18s", name);
	for (int phase = 0; phase < PHASES; phase++)
		cells[phase] > 0 ? printf(" %10lu", (unsigned long)cells[phase])
				 : printf(" %10s", ".");
	printf("\n");
}

static void print_coverage(const struct coverage *coverage)
{
	static const char *const SIDE_NAMES[SIDES] = {"client", "server"};
	char name[64];
	printf("  %-18s", "state x event");
	for (int phase = 0; phase < PHASES; phase++)
		printf(" %10s", PHASE_NAMES[phase]);
	printf("\n");
	for (int side = 0; side < SIDES; side++) {
		for (int kind = 0; kind < QUICD_EVENT_COUNT; kind++) {
			uint64_t cells[PHASES];
			for (int phase = 0; phase < PHASES; phase++)
				cells[phase] = coverage->events[side][phase][kind];
			snprintf(name, sizeof(name), "%s %s", SIDE_NAMES[side], EVENTS[kind]);
			print_row(name, cells);
		}
		for (int kind = 0; kind < QUICD_COMMAND_COUNT; kind++) {
			uint64_t cells[PHASES];
			for (int phase = 0; phase < PHASES; phase++)
				cells[phase] = coverage->commands[side][phase][kind];
			snprintf(name, sizeof(name), "%s > %s", SIDE_NAMES[side], COMMANDS[kind]);
			print_row(name, cells);
		}
		const uint64_t *ends = coverage->ends[side];
		printf("  %s closed by itself %lu, by the peer %lu, by timeout %lu, reset %lu\n",
		       SIDE_NAMES[side], (unsigned long)ends[0], (unsigned long)ends[1],
		       (unsigned long)ends[2], (unsigned long)ends[3]);
	}
}

static void print_totals(const struct coverage *coverage, double took)
{
	static const char *const FAULTS[FAULT_KINDS] = {"weather", "kernel", "rebinding",
							"socket lost", "no GSO", "calm"};
	printf("  datagrams:");
	for (int i = 0; i < QUICD_SIM_FATES; i++)
		printf(" %s %lu", quicd_sim_fate_names[i], (unsigned long)coverage->fates[i]);
	printf("\n  faults:");
	for (int i = 0; i < FAULT_KINDS; i++)
		printf(" %s %lu", FAULTS[i], (unsigned long)coverage->faults[i]);
	printf("\n  version 2 %lu, resumed %lu, early %lu, of these taken %lu, told again %lu",
	       (unsigned long)coverage->version_2,
	       (unsigned long)coverage->resumed, (unsigned long)coverage->early,
	       (unsigned long)coverage->early_taken, (unsigned long)coverage->early_again);
	printf("\n  forwarded %lu, rebindings %lu, retries %lu, sockets lost %lu, preferred "
	       "addresses %lu\n",
	       (unsigned long)coverage->counters[0], (unsigned long)coverage->counters[1],
	       (unsigned long)coverage->counters[2], (unsigned long)coverage->counters[3],
	       (unsigned long)coverage->counters[4]);
	printf("  %lu seeds, %lu turns, %.1f MB of stream bytes, %.2f virtual hours, %.1f s "
	       "(%.1f ms a seed)\n",
	       (unsigned long)coverage->seeds, (unsigned long)coverage->turns,
	       (double)coverage->stream_bytes / 1e6, (double)coverage->virtual_ns / 3.6e12, took,
	       took * 1000 / (double)(coverage->seeds ? coverage->seeds : 1));
}

struct arguments {
	struct scenario_options options;
	uint64_t from, count;
	bool twice, quiet, plants;
};

static bool read_arguments(int argc, char **argv, struct arguments *out)
{
	*out = (struct arguments){.from = 1, .count = 50};
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (strcmp(argv[i], "--seed") == 0)
			out->from = strtoull(value, NULL, 0), out->count = 1, i++;
		else if (strcmp(argv[i], "--from") == 0)
			out->from = strtoull(value, NULL, 0), i++;
		else if (strcmp(argv[i], "--count") == 0)
			out->count = strtoull(value, NULL, 0), i++;
		else if (strcmp(argv[i], "--twice") == 0)
			out->twice = true;
		else if (strcmp(argv[i], "--hours") == 0)
			out->options.hours = true;
		else if (strcmp(argv[i], "--plants") == 0)
			out->plants = true;
		else if (strcmp(argv[i], "--plant") == 0)
			plants_choose((uint32_t)strtoul(value, NULL, 0)), i++;
		else if (strcmp(argv[i], "--quiet") == 0)
			out->quiet = true;
		else if (strcmp(argv[i], "--trace") == 0)
			out->options.trace = stdout;
		else if (strcmp(argv[i], "--verbose") == 0)
			out->options.verbose = true;
		else
			return false;
	}
	return true;
}

/* What a seed has allocated it has given back; the first one also fills caches. */
static bool check_memory(uint64_t seed, const struct quicd_memory *before, bool first)
{
	struct quicd_memory after;
	quicd_memory_read(&after);
	if (first || after.live_bytes == before->live_bytes)
		return true;
	printf("FAIL seed %lu: %ld bytes in %ld objects more than before it\n",
	       (unsigned long)seed, (long)(after.live_bytes - before->live_bytes),
	       (long)(after.live_objects - before->live_objects));
	return false;
}

/* In a process of its own: until a seed finds the plant, which |fd| is then told. */
static void seek_plant(uint32_t number, int fd)
{
	struct coverage coverage = {0};
	report_fd = fd;
	plants_choose(number);
	(void)!freopen("/dev/null", "w", stderr);
	for (uint64_t seed = 1; seed <= plants[number].within; seed++) {
		const struct scenario_options options = {.seed = seed, .coverage = &coverage};
		const struct verdict verdict = run_seed(&options);
		if (!verdict.failed)
			continue;
		dprintf(fd, "seed %lu: %s\n", (unsigned long)seed, verdict.message);
		_exit(1);
	}
	_exit(0);
}

static bool find_plant(uint32_t number)
{
	int ends[2];
	char text[WORLD_MESSAGE_BYTES + 32] = "";
	if (pipe(ends) != 0)
		abort();
	fflush(stdout);
	const pid_t child = fork();
	if (child == 0)
		seek_plant(number, ends[1]);
	close(ends[1]);
	size_t bytes = 0;
	ssize_t got;
	while (bytes < sizeof(text) - 1 &&
	       (got = read(ends[0], text + bytes, sizeof(text) - 1 - bytes)) > 0)
		bytes += (size_t)got;
	close(ends[0]);
	int status = 0;
	waitpid(child, &status, 0);
	text[strcspn(text, "\n")] = 0;
	printf("%s  %2u %-56s within %3u: %s\n", bytes > 0 ? "ok  " : "FAIL", number,
	       plants[number].name, plants[number].within, bytes > 0 ? text : "not found");
	return bytes > 0;
}

static int find_plants(void)
{
	uint32_t found = 0;
	for (uint32_t number = 1; number <= PLANTS; number++)
		found += find_plant(number);
	printf("%u passed, %u failed, 0 skipped\n", found, PLANTS - found);
	return found == PLANTS ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct arguments arguments;
	struct coverage coverage = {0}, again = {0};
	uint64_t failed = 0, hash = 0;
	if (!read_arguments(argc, argv, &arguments)) {
		fprintf(stderr, "see the head of test/sim/seeds.c\n");
		return 2;
	}
	signal(SIGABRT, on_abort);
	signal(SIGSEGV, on_abort);
	if (arguments.plants)
		return find_plants();
	const double begun = seconds();
	for (uint64_t i = 0; i < arguments.count; i++) {
		struct scenario_options options = arguments.options;
		struct quicd_memory before;
		options.seed = arguments.from + i;
		options.coverage = &coverage;
		quicd_memory_read(&before);
		struct verdict verdict = run_seed(&options);
		bool ok = check_memory(options.seed, &before, i == 0) && !verdict.failed;
		if (verdict.failed)
			printf("FAIL seed %lu: %s\n", (unsigned long)options.seed,
			       verdict.message);
		options.coverage = &again;
		if (arguments.twice && run_seed(&options).hash != verdict.hash) {
			printf("FAIL seed %lu: two runs, two traces\n",
			       (unsigned long)options.seed);
			ok = false;
		}
		hash ^= verdict.hash;
		failed += !ok;
		if (arguments.count == 1)
			printf("seed %lu: trace %016lx, %.3f virtual s\n",
			       (unsigned long)options.seed, (unsigned long)verdict.hash,
			       (double)verdict.virtual_ns / 1e9);
	}
	if (!arguments.quiet)
		print_coverage(&coverage);
	print_totals(&coverage, seconds() - begun);
	printf("  all traces %016lx; one again: seeds --seed N --trace --verbose\n",
	       (unsigned long)hash);
	printf("%lu passed, %lu failed, 0 skipped\n", (unsigned long)(coverage.seeds - failed),
	       (unsigned long)failed);
	return failed == 0 && coverage.seeds > 0 ? 0 : 1;
}
