/*
 * net.c - a backend of net.h in memory, and sockets of the simulation in place of udp.c's. The
 * linker puts the __wrap_ functions where the core calls the real ones (see the Makefile), so that
 * all the rest of ../net.c is what runs everywhere.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

/* Numbers that are no descriptor of the process. */
#define FIRST_FD 1000000
#define UNOWNED UINT32_MAX
/* For so long a full kernel keeps the send buffers. */
#define SENDS_FULL_NS (2 * QUICD_SIM_MS)

static struct quicd_sim_socket *socket_of(const struct quicd_udp *udp)
{
	struct quicd_sim *sim = quicd_sim_current();
	assert(udp->fd >= FIRST_FD && (uint32_t)(udp->fd - FIRST_FD) < sim->socket_count);
	return &sim->sockets[udp->fd - FIRST_FD];
}

static struct quicd_sim_socket *new_socket(struct quicd_sim *sim)
{
	for (uint32_t i = 0; i < sim->socket_count; i++)
		if (!sim->sockets[i].open)
			return &sim->sockets[i];
	assert(sim->socket_count < QUICD_SIM_SOCKETS_MAX);
	return &sim->sockets[sim->socket_count++];
}

bool __wrap_quicd_udp_open_at(struct quicd_udp *udp, const struct quicd_options *options,
			      const struct qd_address *address, bool probe, char *error,
			      size_t error_bytes);
bool __wrap_quicd_udp_open_at(struct quicd_udp *udp, const struct quicd_options *options,
			      const struct qd_address *address, bool probe, char *error,
			      size_t error_bytes)
{
	struct quicd_sim *sim = quicd_sim_current();
	struct quicd_sim_socket *socket = new_socket(sim);
	struct qd_address local = *address;
	(void)probe;
	if (local.family != 4) {
		snprintf(error, error_bytes, "only IPv4 is simulated");
		return false;
	}
	if (local.port == 0)
		local.port = sim->next_port++;
	/* "Any address": there is one for each socket that asks. */
	static const uint8_t ANY[4];
	if (memcmp(local.ip, ANY, sizeof(ANY)) == 0)
		memcpy(local.ip, (const uint8_t[4]){10, 1, (uint8_t)(socket - sim->sockets), 1}, 4);
	*socket = (struct quicd_sim_socket){.id = (uint32_t)(socket - sim->sockets),
					    .open = true,
					    .client = options->port == 0,
					    .worker = UNOWNED,
					    .local = local,
					    .outside = local};
	*udp = (struct quicd_udp){.fd = FIRST_FD + (int)socket->id,
				  .family = AF_INET,
				  .port = local.port,
				  .gro = options->gro,
				  .gso = options->gso,
				  .bound = local};
	return true;
}

bool __wrap_quicd_udp_open(struct quicd_udp *udp, const struct quicd_options *options,
			   uint16_t port, bool probe, char *error, size_t error_bytes);
bool __wrap_quicd_udp_open(struct quicd_udp *udp, const struct quicd_options *options,
			   uint16_t port, bool probe, char *error, size_t error_bytes)
{
	struct qd_address address = {.family = 4, .port = port};
	if (inet_pton(AF_INET, options->host, address.ip) == 1)
		return __wrap_quicd_udp_open_at(udp, options, &address, probe, error, error_bytes);
	snprintf(error, error_bytes, "%s is not an IPv4 address", options->host);
	return false;
}

void __wrap_quicd_udp_close(struct quicd_udp *udp);
void __wrap_quicd_udp_close(struct quicd_udp *udp)
{
	if (udp->fd >= FIRST_FD)
		socket_of(udp)->open = false;
	udp->fd = -1;
}

void quicd_sim_rebind(struct quicd_sim *sim, struct quicd_sim_socket *socket, bool address)
{
	socket->outside.port = sim->next_port++;
	if (address)
		socket->outside.ip[2]++;
}

static int open_socket(struct quicd_worker *worker, uint32_t slot)
{
	const struct quicd_udp *udp = &quicd_socket_at(&worker->net.sockets, slot)->udp;
	if (udp->fd >= FIRST_FD)
		socket_of(udp)->worker = socket_of(&worker->net.udp)->worker;
	return 0;
}

/* What has come to it is lost. */
static void close_socket(struct quicd_worker *worker, uint32_t slot)
{
	struct quicd_sim_worker *entry = worker->net.state;
	const struct quicd_udp *udp = &quicd_socket_at(&worker->net.sockets, slot)->udp;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < entry->inbox_count; i++) {
		if (udp->fd >= FIRST_FD && entry->inbox_socket[i] == socket_of(udp)->id) {
			free(entry->inbox[i].bytes);
			continue;
		}
		entry->inbox[kept] = entry->inbox[i];
		entry->inbox_socket[kept++] = entry->inbox_socket[i];
	}
	entry->inbox_count = kept;
	quicd_socket_gone(worker, slot);
}

static bool start(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	struct quicd_sim *sim = quicd_sim_current();
	(void)error;
	(void)error_bytes;
	for (uint32_t i = 0; i < sim->worker_count; i++) {
		if (sim->workers[i]->worker != worker)
			continue;
		worker->net.state = sim->workers[i];
		socket_of(&worker->net.udp)->worker = i;
		for (uint32_t slot = 0; slot < worker->net.sockets.capacity; slot++)
			if (quicd_socket_at(&worker->net.sockets, slot))
				open_socket(worker, slot);
		return true;
	}
	return false;
}

static void drop_inbox(struct quicd_sim_worker *entry)
{
	for (uint32_t i = 0; i < entry->inbox_count; i++)
		free(entry->inbox[i].bytes);
	entry->inbox_count = 0;
}

static void stop(struct quicd_worker *worker)
{
	drop_inbox(worker->net.state);
	worker->net.state = NULL;
}

/* How many of the inbox from |first| on make one train: UDP_GRO. */
static uint32_t train_length(const struct quicd_sim_worker *entry, uint32_t first)
{
	const struct quicd_sim_datagram *head = &entry->inbox[first];
	uint32_t bytes = head->length, count = 1;
	while (first + count < entry->inbox_count && count < QUICD_TRAIN_SEGMENTS_MAX) {
		const struct quicd_sim_datagram *next = &entry->inbox[first + count];
		if (!quicd_sim_same_address(&next->from, &head->from) ||
		    entry->inbox_socket[first + count] != entry->inbox_socket[first] ||
		    next->ecn != head->ecn || next->length > head->length ||
		    bytes + next->length > QUICD_TRAIN_BYTES_MAX)
			break;
		bytes += next->length;
		count++;
		if (next->length < head->length)
			break;
	}
	return count;
}

static void take_train(struct quicd_worker *worker, struct quicd_sim_worker *entry, uint32_t first,
		       uint32_t count)
{
	struct quicd_sim *sim = quicd_sim_current();
	const struct quicd_sim_datagram *head = &entry->inbox[first];
	const struct quicd_sim_socket *socket = &sim->sockets[entry->inbox_socket[first]];
	struct quicd_received *received = &worker->net.received[worker->net.received_count];
	*received = (struct quicd_received){.bytes = head->bytes,
					    .length = head->length,
					    .segment_bytes = head->length,
					    .buffer = worker->net.received_count,
					    .from = head->from,
					    .to = socket->local,
					    .ecn = head->ecn};
	worker->net.received_count++;
	worker->counters->receive_calls++;
	if (count == 1)
		return;
	uint32_t bytes = 0;
	for (uint32_t i = 0; i < count; i++)
		bytes += entry->inbox[first + i].length;
	received->bytes = malloc(bytes);
	assert(received->bytes);
	for (uint32_t i = 0, at = 0; i < count; i++) {
		struct quicd_sim_datagram *part = &entry->inbox[first + i];
		memcpy(received->bytes + at, part->bytes, part->length);
		at += part->length;
		free(part->bytes);
	}
	received->length = bytes;
}

/* Collects; nothing here ever sleeps. */
static void collect(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct quicd_sim *sim = quicd_sim_current();
	struct quicd_sim_worker *entry = worker->net.state;
	(void)timeout_ns;
	worker->counters->waits++;
	uint32_t first = 0;
	while (first < entry->inbox_count && worker->net.received_count < QUICD_NET_BATCH) {
		if (entry->inbox[first].length == 0) {
			free(entry->inbox[first++].bytes);
			continue;
		}
		const uint32_t count = sim->kernel.glue && worker->net.udp.gro
					       ? train_length(entry, first)
					       : 1;
		take_train(worker, entry, first, count);
		first += count;
	}
	entry->inbox_count -= first;
	memmove(entry->inbox, entry->inbox + first, entry->inbox_count * sizeof(*entry->inbox));
	memmove(entry->inbox_socket, entry->inbox_socket + first,
		entry->inbox_count * sizeof(*entry->inbox_socket));
}

static void recycle(struct quicd_worker *worker, uint32_t buffer)
{
	free(worker->net.received[buffer].bytes);
}

static uint8_t *send_buffer(struct quicd_worker *worker)
{
	struct quicd_sim *sim = quicd_sim_current();
	struct quicd_sim_worker *entry = worker->net.state;
	return entry->sends_free_ns > sim->now_ns ? NULL : entry->send_buffer;
}

/* What fails here fails on purpose, and often: not worth a line each. Gives stderr to restore. */
static FILE *silence(void)
{
	FILE *kept = stderr;
	if (quicd_sim_current()->quiet)
		stderr = quicd_sim_current()->quiet;
	return kept;
}

static void send_train(struct quicd_worker *worker, const struct qd_train *train)
{
	struct quicd_sim *sim = quicd_sim_current();
	struct quicd_sim_worker *entry = worker->net.state;
	uint32_t slot;
	const struct quicd_sim_socket *socket =
		socket_of(quicd_net_udp(worker, &train->from, &slot));
	const enum quicd_sim_direction direction =
		socket->client ? QUICD_SIM_TO_SERVER : QUICD_SIM_TO_CLIENT;
	const bool refused = quicd_sim_chance(&sim->network, sim->kernel.no_buffers);
	const bool no_gso = train->segments > 1 && sim->kernel.no_gso;
	uint32_t leave = train->segments;
	if (quicd_sim_chance(&sim->network, sim->kernel.cut_train))
		leave = (uint32_t)quicd_sim_below(&sim->network, leave + 1);
	for (uint32_t at = 0, i = 0; at < train->bytes; at += train->segment_bytes, i++) {
		const uint32_t left = train->bytes - at;
		struct quicd_sim_datagram datagram = {
			.length = left < train->segment_bytes ? left : train->segment_bytes,
			.socket = socket->id,
			.sent_ns = sim->now_ns,
			.from = socket->outside,
			.to = train->to,
			.ecn = train->ecn ? QUICD_ECN_ECT0 : 0};
		datagram.bytes = malloc(datagram.length);
		assert(datagram.bytes);
		memcpy(datagram.bytes, entry->send_buffer + at, datagram.length);
		if (refused || no_gso || i >= leave) {
			quicd_sim_note(sim, refused || no_gso ? QUICD_SIM_NO_BUFFERS
							      : QUICD_SIM_CUT,
				       &datagram, socket);
			free(datagram.bytes);
			continue;
		}
		quicd_sim_note(sim, QUICD_SIM_SENT, &datagram, socket);
		quicd_sim_fly(sim, &datagram, direction);
	}
	FILE *kept = silence();
	quicd_net_sent(worker, slot, refused ? -ENOBUFS : no_gso ? -EIO : (int)train->bytes);
	stderr = kept;
	if (quicd_sim_chance(&sim->network, sim->kernel.send_full))
		entry->sends_free_ns =
			sim->now_ns + quicd_sim_below(&sim->network, SENDS_FULL_NS);
}

static const struct quicd_net_backend backend = {
	.name = "simulation",
	.start = start,
	.stop = stop,
	.wait = collect,
	.recycle = recycle,
	.send_buffer = send_buffer,
	.send = send_train,
	.open = open_socket,
	.close = close_socket,
};

const struct quicd_net_backend *__wrap_quicd_net_choose(enum quicd_backend wanted,
							uint32_t workers, char *note,
							size_t note_bytes);
const struct quicd_net_backend *__wrap_quicd_net_choose(enum quicd_backend wanted,
							uint32_t workers, char *note,
							size_t note_bytes)
{
	(void)wanted;
	(void)workers;
	(void)note;
	(void)note_bytes;
	return &backend;
}

/* Without a socket the real one would sleep. */
void __real_quicd_net_wait(struct quicd_worker *worker, uint64_t timeout_ns);
void __wrap_quicd_net_wait(struct quicd_worker *worker, uint64_t timeout_ns);
void __wrap_quicd_net_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	if (worker->net.state)
		__real_quicd_net_wait(worker, timeout_ns);
}

void __real_quicd_net_look_after(struct quicd_worker *worker);
void __wrap_quicd_net_look_after(struct quicd_worker *worker);
void __wrap_quicd_net_look_after(struct quicd_worker *worker)
{
	FILE *kept = silence();
	__real_quicd_net_look_after(worker);
	stderr = kept;
}
