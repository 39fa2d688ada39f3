/* tickets.c - see tickets.h. */
#include "tickets.h"
#include <assert.h>
#include <string.h>
#include <time.h>
#include "worker.h"

#define LOOK_NS 100000000ull

uint64_t quicd_wall_s(const struct quicd_engine *engine)
{
	return (uint64_t)time(NULL) +
	       atomic_load_explicit(&engine->wall_shift_s, memory_order_relaxed);
}

void quicd_tickets_derive(const struct quicd_keys *keys, uint64_t epoch,
			  uint8_t out[3 * QD_TICKET_KEY_BYTES])
{
	assert(epoch > 0);
	const uint64_t epochs[] = { epoch, epoch - 1, epoch + 1 };
	for (uint32_t i = 0; i < 3; i++)
		quicd_keys_ticket(keys, epochs[i], out + (size_t)i * QD_TICKET_KEY_BYTES);
}

void quicd_tickets_follow(struct quicd_worker *worker)
{
	const struct quicd_engine *engine = worker->engine;
	if (worker->now_ns < worker->ticket_look_ns)
		return;
	worker->ticket_look_ns = worker->now_ns + LOOK_NS;
	if (engine->options.ticket_key_count > 0) {
		if (worker->ticket_epoch == 0)
			qd_config_set_ticket_keys(worker->config, engine->options.ticket_keys[0],
						  engine->options.ticket_key_count);
		worker->ticket_epoch = 1;
		return;
	}
	const uint64_t epoch = quicd_wall_s(engine) / QUICD_TICKET_EPOCH_S;
	if (epoch == worker->ticket_epoch)
		return;
	uint8_t keys[3 * QD_TICKET_KEY_BYTES];
	worker->ticket_epoch = epoch;
	quicd_tickets_derive(&engine->keys, epoch, keys);
	qd_config_set_ticket_keys(worker->config, keys, 3);
	explicit_bzero(keys, sizeof(keys));
}
