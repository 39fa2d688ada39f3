/* check.h - what native tests need: checks that are counted, named cases, the closing line. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
