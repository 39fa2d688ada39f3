/* answer.c - see answer.h. */
#include "answer.h"
#include <assert.h>
#include "alloc.h"
#include "connection.h"
#include "quiche/quicd_quiche.h"
#include "worker.h"

/* Kept for the next ones: as many as one turn's commands can ask for. */
#define FREE_ANSWERS_MAX 4096

static struct quicd_answer *new_answer(struct quicd_answer_pool *pool)
{
	struct quicd_answer *answer = pool->free;
	if (answer) {
		pool->free = answer->next;
		pool->free_count--;
		return answer;
	}
	answer = quicd_allocate_own(sizeof(*answer), _Alignof(struct quicd_answer), false);
	assert(answer && "a few dozen bytes");
	return answer;
}

void quicd_answer_free(struct quicd_worker *worker, struct quicd_answer *answer)
{
	struct quicd_answer_pool *pool = &worker->answers;
	if (pool->free_count >= FREE_ANSWERS_MAX) {
		quicd_free(answer, sizeof(*answer), _Alignof(struct quicd_answer));
		return;
	}
	answer->next = pool->free;
	pool->free = answer;
	pool->free_count++;
}

static void append(struct quicd_answers *queue, struct quicd_answer *answer)
{
	if (queue->tail)
		queue->tail->next = answer;
	else
		queue->head = answer;
	queue->tail = answer;
}

void quicd_answer_queue(struct quicd_worker *worker, struct quicd_answers *queue, uint32_t kind,
			uint32_t request_id)
{
	struct quicd_answer *answer = new_answer(&worker->answers);
	*answer = (struct quicd_answer){.kind = kind, .request_id = request_id};
	append(queue, answer);
}

struct quicd_answer *quicd_answer_take(struct quicd_answers *queue)
{
	struct quicd_answer *answer = queue->head;
	if (!answer)
		return NULL;
	queue->head = answer->next;
	if (!queue->head)
		queue->tail = NULL;
	return answer;
}

void quicd_answers_clear(struct quicd_worker *worker, struct quicd_answers *queue)
{
	struct quicd_answer *answer;
	while ((answer = quicd_answer_take(queue)))
		quicd_answer_free(worker, answer);
}

void quicd_answer(struct quicd_connection *connection, enum quicd_event_kind kind,
		  uint32_t request_id, enum quicd_refusal refusal)
{
	struct quicd_answer *answer = new_answer(&connection->worker->answers);
	*answer = (struct quicd_answer){
		.kind = kind, .request_id = request_id, .error_code = refusal};
	append(&connection->answers, answer);
	quicd_list_append(&connection->worker->blocked, &connection->blocked);
}

void quicd_answer_pool_destroy(struct quicd_answer_pool *pool)
{
	while (pool->free) {
		struct quicd_answer *next = pool->free->next;
		quicd_free(pool->free, sizeof(*pool->free), _Alignof(struct quicd_answer));
		pool->free = next;
	}
	pool->free_count = 0;
}
