/* plan.c - what connections and streams do: drawn from the seed, the same for both sides. */
#include <string.h>
#include "world.h"

static uint64_t mixed(uint64_t a, uint64_t b)
{
	struct quicd_sim_random random = {a ^ b * 0x9e3779b97f4a7c15ull};
	quicd_sim_draw(&random);
	return quicd_sim_draw(&random);
}

/* Small mostly, and now and then up to |most|. */
static uint64_t some_bytes(struct quicd_sim_random *random, uint64_t most)
{
	switch (quicd_sim_below(random, 4)) {
	case 0:
		return quicd_sim_below(random, 3) ? quicd_sim_below(random, 2000) : 0;
	case 1:
		return quicd_sim_below(random, most / 8 + 1);
	case 2:
		return quicd_sim_below(random, most / 2 + 1);
	default:
		return quicd_sim_below(random, most + 1);
	}
}

void plan_draw(struct world *world, uint32_t number)
{
	struct quicd_sim_random *random = &world->random;
	struct plan *plan = &world->plans[number];
	*plan = (struct plan){.key = quicd_sim_draw(random), .abort_ns = QUICD_SIM_NEVER};
	plan->engine = 1 + (uint32_t)quicd_sim_below(random, world->engine_count - 1);
	plan->start_ns = quicd_sim_below(random, 6000) * QUICD_SIM_MS;
	const bool many = quicd_sim_below(random, 12) == 0;
	plan->bytes_most = many				     ? 3000
			   : quicd_sim_below(random, 8) == 0 ? 1u << 20
							     : 60000;
	for (int side = 0; side < SIDES; side++) {
		for (int kind = 0; kind < 2; kind++)
			plan->opens[side][kind] = (uint32_t)quicd_sim_below(random, many ? 35 : 4);
		if (quicd_sim_below(random, 3) == 0)
			plan->datagrams[side] =
				(uint32_t)quicd_sim_below(random, WORLD_DATAGRAMS);
	}
	plan->datagram_bytes = 8 + (uint32_t)quicd_sim_below(random, 1000);
	plan->closer = (enum side)quicd_sim_below(random, SIDES);
	if (quicd_sim_below(random, 6) == 0)
		plan->abort_ns = quicd_sim_below(random, 5000) * QUICD_SIM_MS;
	plan->drained = quicd_sim_below(random, 2) == 0;
	plan->resumes = quicd_sim_below(random, 3) > 0;
	plan->early = quicd_sim_below(random, 3) > 0;
	plan->own_socket = quicd_sim_below(random, 4) == 0;
	if (quicd_sim_below(random, 5) == 0)
		plan->migrations = 1 + (uint32_t)quicd_sim_below(random, 3);
	plan->migrate_gap_ns = quicd_sim_below(random, 700) * QUICD_SIM_MS;
	/* Without a draw, which would change all that follows. */
	for (int side = 0; side < SIDES; side++)
		if (mixed(plan->key, 1 + (uint64_t)side) % 4 == 0)
			plan->key_updates[side] = 1 + mixed(plan->key, 3) % 20;
	plan->held = mixed(plan->key, 4) % 2 == 0;
	plan->linger_ns = quicd_sim_below(random, 4) == 0
				  ? quicd_sim_below(random, 3000) * QUICD_SIM_MS
				  : 0;
}

struct plan_stream plan_stream_of(const struct plan *plan, uint64_t id)
{
	struct quicd_sim_random random = {mixed(plan->key, id)};
	struct plan_stream stream = {0};
	const enum side opener = id & 1 ? SERVER : CLIENT;
	for (int side = 0; side < SIDES; side++)
		stream.reset_at[side] = stream.stop_at[side] = QUICD_SIM_NEVER;
	for (int side = 0; side < SIDES; side++) {
		stream.bytes[side] = some_bytes(&random, plan->bytes_most);
		if (quicd_sim_below(&random, 12) == 0 && stream.bytes[side] > 1)
			stream.reset_at[side] =
				1 + quicd_sim_below(&random, stream.bytes[side] - 1);
		if (quicd_sim_below(&random, 12) == 0 && stream.bytes[side] > 1)
			stream.stop_at[!side] =
				1 + quicd_sim_below(&random, stream.bytes[side] - 1);
		if ((id & 2) && (enum side)side != opener)
			stream.bytes[side] = 0;
	}
	stream.piece = quicd_sim_below(&random, 3) == 0
			       ? 1 + (uint32_t)quicd_sim_below(&random, 1500)
			       : 1 + (uint32_t)quicd_sim_below(&random, QUICD_LARGE_BUFFER_BYTES);
	return stream;
}

static uint64_t word(const struct plan *plan, uint64_t id, enum side from, uint64_t index)
{
	uint64_t z = (plan->key ^ id << 1 ^ (uint64_t)from) + index * 0x9e3779b97f4a7c15ull;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	return z ^ z >> 27;
}

uint8_t plan_byte(const struct plan *plan, uint64_t id, enum side from, uint64_t position)
{
	return (uint8_t)(word(plan, id, from, position / 8) >> position % 8 * 8);
}

void plan_fill(const struct plan *plan, uint64_t id, enum side from, uint64_t position,
	       uint8_t *out, uint32_t bytes)
{
	uint32_t at = 0;
	while (at < bytes) {
		const uint64_t here = word(plan, id, from, (position + at) / 8);
		if ((position + at) % 8 == 0 && bytes - at >= 8) {
			memcpy(out + at, &here, 8);
			at += 8;
			continue;
		}
		out[at] = (uint8_t)(here >> (position + at) % 8 * 8);
		at++;
	}
}
