/* link.c - the way of a datagram through the network, see sim.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

/* A datagram under way. */
struct quicd_sim_flight {
	uint64_t at_ns;
	uint64_t sequence; /* earlier ones first, among equals */
	struct quicd_sim_datagram datagram;
};

const char *const quicd_sim_fate_names[QUICD_SIM_FATES] = {
	[QUICD_SIM_SENT] = "sent",
	[QUICD_SIM_DELIVERED] = "delivered",
	[QUICD_SIM_LOST] = "lost",
	[QUICD_SIM_DUPLICATED] = "duplicated",
	[QUICD_SIM_CORRUPTED] = "corrupted",
	[QUICD_SIM_HELD_BACK] = "held back",
	[QUICD_SIM_QUEUE_FULL] = "queue full",
	[QUICD_SIM_TOO_LARGE] = "too large",
	[QUICD_SIM_NOWHERE] = "nowhere",
	[QUICD_SIM_NO_BUFFERS] = "no buffers",
	[QUICD_SIM_CUT] = "cut",
	[QUICD_SIM_INBOX_FULL] = "inbox full",
	[QUICD_SIM_MARKED] = "marked",
};

bool quicd_sim_same_address(const struct qd_address *a, const struct qd_address *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

void quicd_sim_hash(struct quicd_sim *sim, uint64_t value)
{
	/* FNV-1a, by words */
	sim->trace_hash = (sim->trace_hash ^ value) * 0x100000001b3ull;
	sim->trace_hash ^= sim->trace_hash >> 29;
}

static uint64_t address_number(const struct qd_address *address)
{
	uint32_t ip;
	memcpy(&ip, address->ip, sizeof(ip));
	return (uint64_t)ip << 16 | address->port;
}

void quicd_sim_note(struct quicd_sim *sim, enum quicd_sim_fate fate,
		    const struct quicd_sim_datagram *datagram,
		    const struct quicd_sim_socket *socket)
{
	const uint64_t at = sim->now_ns - sim->start_ns;
	sim->fates[fate]++;
	quicd_sim_hash(sim, at);
	quicd_sim_hash(sim, (uint64_t)fate << 32 | datagram->length);
	quicd_sim_hash(sim, address_number(&datagram->from));
	quicd_sim_hash(sim, address_number(&datagram->to));
	if (sim->trace)
		fprintf(sim->trace,
			"%12.6f %-10s %5u bytes  %u.%u.%u.%u:%u > %u.%u.%u.%u:%u  %02x\n",
			(double)at / 1e6, quicd_sim_fate_names[fate], datagram->length,
			datagram->from.ip[0], datagram->from.ip[1], datagram->from.ip[2],
			datagram->from.ip[3], datagram->from.port, datagram->to.ip[0],
			datagram->to.ip[1], datagram->to.ip[2], datagram->to.ip[3],
			datagram->to.port, datagram->length > 0 ? datagram->bytes[0] : 0);
	if (sim->watch)
		sim->watch(sim->context, fate, datagram, socket);
}

static bool earlier(const struct quicd_sim_flight *a, const struct quicd_sim_flight *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void take_off(struct quicd_sim *sim, const struct quicd_sim_datagram *datagram,
		     uint64_t at_ns)
{
	if (sim->flight_count == sim->flight_room) {
		sim->flight_room = sim->flight_room ? sim->flight_room * 2 : 256;
		sim->flights =
			realloc(sim->flights, sim->flight_room * sizeof(*sim->flights));
		assert(sim->flights);
	}
	const struct quicd_sim_flight flight = {
		.at_ns = at_ns, .sequence = sim->flight_sequence++, .datagram = *datagram};
	uint32_t place = sim->flight_count++;
	while (place > 0 && earlier(&flight, &sim->flights[(place - 1) / 2])) {
		sim->flights[place] = sim->flights[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	sim->flights[place] = flight;
}

static struct quicd_sim_flight pop(struct quicd_sim *sim)
{
	const struct quicd_sim_flight first = sim->flights[0];
	const struct quicd_sim_flight last = sim->flights[--sim->flight_count];
	uint32_t place = 0;
	for (;;) {
		uint32_t child = place * 2 + 1;
		if (child >= sim->flight_count)
			break;
		if (child + 1 < sim->flight_count &&
		    earlier(&sim->flights[child + 1], &sim->flights[child]))
			child++;
		if (!earlier(&sim->flights[child], &last))
			break;
		sim->flights[place] = sim->flights[child];
		place = child;
	}
	if (sim->flight_count > 0)
		sim->flights[place] = last;
	return first;
}

uint64_t quicd_sim_next_arrival(const struct quicd_sim *sim)
{
	return sim->flight_count > 0 ? sim->flights[0].at_ns : QUICD_SIM_NEVER;
}

void quicd_sim_drop_flights(struct quicd_sim *sim)
{
	for (uint32_t i = 0; i < sim->flight_count; i++)
		free(sim->flights[i].datagram.bytes);
	free(sim->flights);
	sim->flights = NULL;
	sim->flight_count = sim->flight_room = 0;
}

static void lose(struct quicd_sim *sim, struct quicd_sim_datagram *datagram,
		 enum quicd_sim_fate fate)
{
	quicd_sim_note(sim, fate, datagram, NULL);
	free(datagram->bytes);
}

/* RFC 3168 §5: a mark in place of a loss; or what faulty networks do to the field. */
static void mark(struct quicd_sim *sim, struct quicd_sim_datagram *datagram,
		 const struct quicd_sim_weather *weather)
{
	if (datagram->ecn == 0)
		return;
	if (weather->bleach) {
		datagram->ecn = 0;
	} else if (quicd_sim_chance(&sim->network, weather->mark)) {
		datagram->ecn = QUICD_ECN_CE;
		quicd_sim_note(sim, QUICD_SIM_MARKED, datagram, NULL);
	}
}

static bool is_lost(struct quicd_sim *sim, enum quicd_sim_direction direction)
{
	const struct quicd_sim_weather *weather = &sim->weather[direction];
	if (weather->blackout)
		return true;
	if (sim->burst_left[direction] > 0) {
		sim->burst_left[direction]--;
		return true;
	}
	if (quicd_sim_chance(&sim->network, weather->burst))
		sim->burst_left[direction] = weather->burst_datagrams;
	return quicd_sim_chance(&sim->network, weather->loss);
}

/* When the rate limit lets it go; QUICD_SIM_NEVER: the queue before it is full. */
static uint64_t leaves_at(struct quicd_sim *sim, enum quicd_sim_direction direction,
			  uint32_t bytes)
{
	const struct quicd_sim_weather *weather = &sim->weather[direction];
	if (weather->bytes_per_second == 0)
		return sim->now_ns;
	uint64_t *free_ns = &sim->link_free_ns[direction];
	if (*free_ns < sim->now_ns)
		*free_ns = sim->now_ns;
	const uint64_t queued =
		(*free_ns - sim->now_ns) * weather->bytes_per_second / QUICD_SIM_SECOND;
	if (queued + bytes > weather->queue_bytes)
		return QUICD_SIM_NEVER;
	*free_ns += bytes * QUICD_SIM_SECOND / weather->bytes_per_second;
	return *free_ns;
}

static void damage(struct quicd_sim *sim, struct quicd_sim_datagram *datagram)
{
	if (datagram->length == 0)
		return;
	const uint64_t at = quicd_sim_below(&sim->network, datagram->length);
	datagram->bytes[at] ^= (uint8_t)(1u << quicd_sim_below(&sim->network, 8));
	datagram->damaged = true;
	quicd_sim_note(sim, QUICD_SIM_CORRUPTED, datagram, NULL);
}

static void twice(struct quicd_sim *sim, const struct quicd_sim_datagram *datagram, uint64_t at_ns)
{
	struct quicd_sim_datagram copy = *datagram;
	copy.bytes = malloc(datagram->length);
	assert(copy.bytes);
	memcpy(copy.bytes, datagram->bytes, datagram->length);
	quicd_sim_note(sim, QUICD_SIM_DUPLICATED, datagram, NULL);
	take_off(sim, &copy, at_ns);
}

void quicd_sim_fly(struct quicd_sim *sim, struct quicd_sim_datagram *datagram,
		   enum quicd_sim_direction direction)
{
	const struct quicd_sim_weather *weather = &sim->weather[direction];
	if (weather->mtu > 0 && datagram->length > weather->mtu) {
		lose(sim, datagram, QUICD_SIM_TOO_LARGE);
		return;
	}
	if (is_lost(sim, direction) || (weather->eats_marks && datagram->ecn != 0)) {
		lose(sim, datagram, QUICD_SIM_LOST);
		return;
	}
	mark(sim, datagram, weather);
	const uint64_t leaves_ns = leaves_at(sim, direction, datagram->length);
	if (leaves_ns == QUICD_SIM_NEVER) {
		lose(sim, datagram, QUICD_SIM_QUEUE_FULL);
		return;
	}
	uint64_t at_ns = leaves_ns + weather->delay_ns +
			 quicd_sim_below(&sim->network, weather->jitter_ns + 1);
	if (quicd_sim_chance(&sim->network, weather->duplicate))
		twice(sim, datagram,
		      at_ns + quicd_sim_below(&sim->network, weather->jitter_ns + 1000));
	if (quicd_sim_chance(&sim->network, weather->corrupt))
		damage(sim, datagram);
	if (quicd_sim_chance(&sim->network, weather->reorder)) {
		at_ns += weather->reorder_ns;
		quicd_sim_note(sim, QUICD_SIM_HELD_BACK, datagram, NULL);
	}
	take_off(sim, datagram, at_ns);
}

/* Which of the sockets of a port group gets it: as the kernel's hash of addresses decides. */
static struct quicd_sim_socket *receiver(struct quicd_sim *sim,
					 const struct quicd_sim_datagram *datagram)
{
	struct quicd_sim_socket *members[QUICD_SIM_WORKERS_MAX];
	uint32_t count = 0;
	for (uint32_t i = 0; i < sim->socket_count && count < QUICD_SIM_WORKERS_MAX; i++) {
		struct quicd_sim_socket *socket = &sim->sockets[i];
		if (socket->open && socket->worker < sim->worker_count &&
		    quicd_sim_same_address(&socket->outside, &datagram->to))
			members[count++] = socket;
	}
	if (count == 0)
		return NULL;
	uint64_t hash = address_number(&datagram->from) * 0x9e3779b97f4a7c15ull;
	return members[(hash >> 40) % count];
}

void quicd_sim_land(struct quicd_sim *sim)
{
	struct quicd_sim_flight flight = pop(sim);
	struct quicd_sim_datagram *datagram = &flight.datagram;
	struct quicd_sim_socket *socket = receiver(sim, datagram);
	if (!socket) {
		lose(sim, datagram, QUICD_SIM_NOWHERE);
		return;
	}
	struct quicd_sim_worker *worker = sim->workers[socket->worker];
	if (worker->inbox_count == QUICD_SIM_INBOX_DATAGRAMS) {
		lose(sim, datagram, QUICD_SIM_INBOX_FULL);
		return;
	}
	quicd_sim_note(sim, QUICD_SIM_DELIVERED, datagram, socket);
	if (worker->inbox_count == 0)
		worker->inbox_ns = sim->now_ns;
	worker->inbox_socket[worker->inbox_count] = socket->id;
	worker->inbox[worker->inbox_count++] = *datagram;
}
