/* check.h - what native tests need: checks that are counted, named cases, the closing line. */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int check_passed, check_failed, check_skipped;
static int check_case_failures;

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition)) {                                                        \
			if (check_case_failures++ < 5)                                     \
				fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, \
					#condition);                                       \
		}                                                                          \
	} while (0)

/* How long a condition may take to come true. Long: it is reached only where the test fails. */
#define CHECK_WAIT_NS UINT64_C(20000000000)

static inline uint64_t check_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Until |condition| is true, or the time for it is over. */
#define WAIT_FOR(condition)                                                                    \
	do {                                                                                   \
		const uint64_t end_ns_ = check_now_ns() + CHECK_WAIT_NS;                       \
		while (!(condition) && check_now_ns() < end_ns_)                               \
			usleep(200);                                                           \
	} while (0)

/*
 * For what another thread does in its own time. It names all that is to be: of two counters one is
 * always first, and what is read between them is neither before nor after.
 */
#define CHECK_SOON(condition)        \
	do {                         \
		WAIT_FOR(condition); \
		CHECK(condition);    \
	} while (0)

/* For what the rest of a case cannot go on without. */
#define REQUIRE(condition)                                                                 \
	do {                                                                               \
		if (!(condition)) {                                                        \
			fprintf(stderr, "%s:%d: required: %s\n", __FILE__, __LINE__,       \
				#condition);                                               \
			exit(1);                                                           \
		}                                                                          \
	} while (0)

/* Runs only cases whose name contains the program's argument, if one is given. */
static const char *check_filter;

static inline void check_case(const char *name, void (*run)(void))
{
	if (check_filter && !strstr(name, check_filter))
		return;
	check_case_failures = 0;
	run();
	if (check_case_failures == 0)
		check_passed++;
	else
		check_failed++;
	printf("%s %s\n", check_case_failures == 0 ? "ok  " : "FAIL", name);
	fflush(stdout);
}

/* Instead of check_case, where the machine lacks what the case needs. */
static inline void check_skip(const char *name, const char *reason)
{
	if (check_filter && !strstr(name, check_filter))
		return;
	check_skipped++;
	printf("skip %s\nSKIP reason: %s\n", name, reason);
}

static inline int check_finish(void)
{
	printf("%d passed, %d failed, %d skipped\n", check_passed, check_failed, check_skipped);
	return check_failed == 0 && check_passed + check_skipped > 0 ? 0 : 1;
}
