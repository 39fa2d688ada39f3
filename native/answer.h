/*
 * answer.h - answers to commands, from the moment they are due until the ring has room for them.
 * They are taken from a pool, so that a steady flow of answers allocates nothing.
 */
#pragma once
#include <stdint.h>
#include "abi.h"

struct quicd_connection;
struct quicd_worker;

struct quicd_answer {
	struct quicd_answer *next;
	uint32_t kind; /* enum quicd_event_kind */
	uint32_t request_id;
	uint64_t error_code;
	uint32_t system_error; /* errno, of CONNECT */
};

/* First in, first out. */
struct quicd_answers {
	struct quicd_answer *head, *tail;
};

/* Free ones of one worker. */
struct quicd_answer_pool {
	struct quicd_answer *free;
	uint32_t free_count;
};

/* An answer becomes due; told in the order of these calls. */
void quicd_answer(struct quicd_connection *connection, enum quicd_event_kind kind,
		  uint32_t request_id, enum quicd_refusal refusal);
/* Told, or there is nobody left to tell. */
void quicd_answer_free(struct quicd_worker *worker, struct quicd_answer *answer);

/* Something that waits for its answer, appended to |queue|. */
void quicd_answer_queue(struct quicd_worker *worker, struct quicd_answers *queue, uint32_t kind,
			uint32_t request_id);
/* Takes the oldest; NULL when there is none. */
struct quicd_answer *quicd_answer_take(struct quicd_answers *queue);
void quicd_answers_clear(struct quicd_worker *worker, struct quicd_answers *queue);
/* Frees the free ones; it may be used on. */
void quicd_answer_pool_destroy(struct quicd_answer_pool *pool);
