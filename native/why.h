/*
 * why.h - what a connection waits for: `quicd why ID`. A JavaScript thread asks a worker (one
 * request at a time for each), the worker measures and answers in its next turn; so nothing is
 * locked and nothing is counted for it while packets are handled. The verdict itself is a table
 * over the measured numbers.
 */
#pragma once
#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"

struct quicd_worker;
struct quicd_connection;

enum quicd_why_phase {
	QUICD_WHY_FREE = 0,
	QUICD_WHY_TAKEN = 1,	/* the asker fills it in */
	QUICD_WHY_ASKED = 2,	/* the worker's */
	QUICD_WHY_ANSWERED = 3, /* the asker's again */
};

struct quicd_why_answer {
	struct quicd_why why;
	struct quicd_why_stream streams[QUICD_WHY_STREAMS];
};
static_assert(sizeof(struct quicd_why_answer) ==
		      sizeof(struct quicd_why) +
			      QUICD_WHY_STREAMS * sizeof(struct quicd_why_stream),
	      "as abi.h says");

/* Of a worker. */
struct quicd_why_desk {
	_Atomic uint32_t phase; /* enum quicd_why_phase */
	/* The request: slots from |first| on, at most |most| live connections of them. */
	uint32_t first;
	uint32_t generation; /* only |first|, and only if it has this one; 0: any */
	uint32_t most;
	/* The answer. */
	uint32_t count;
	uint32_t next; /* the slot to go on with, or QUICD_NONE */
	struct quicd_why_answer *answers; /* QUICD_WHY_ANSWERS of them */
};

bool quicd_why_create(struct quicd_why_desk *desk);
/* Others: false while another request is under way. Wakes the worker. */
bool quicd_why_ask(struct quicd_worker *worker, uint32_t first, uint32_t generation, uint32_t most);
/* Others: true once it is answered; the answers stay until quicd_why_done. */
bool quicd_why_answered(const struct quicd_worker *worker);
void quicd_why_done(struct quicd_worker *worker);

/* Is a request waiting? One relaxed load. */
static inline bool quicd_why_waits(const struct quicd_why_desk *desk)
{
	return atomic_load_explicit(&desk->phase, memory_order_relaxed) == QUICD_WHY_ASKED;
}

/* Answers what waits. Once a turn, after everything else, so that it sees what the turn left. */
void quicd_why_answer(struct quicd_worker *worker);

/* Which causes hold: bit n for enum quicd_cause n; never 0. Looks at the numbers alone. */
uint32_t quicd_why_causes(const struct quicd_why *why);
/* Measures and decides. */
void quicd_why_examine(struct quicd_connection *connection, struct quicd_why_answer *answer);
