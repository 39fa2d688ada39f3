/* sockets.c - see sockets.h. */
#include "sockets.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "steer.h"
#include "worker.h"

#define PORTS 65536u
#define FIRST_CAPACITY 16
#define REOPEN_NS 100000000ull

static uint32_t free_slot(struct quicd_sockets *sockets)
{
	for (uint32_t slot = 0; slot < sockets->capacity; slot++)
		if (!sockets->slots[slot])
			return slot;
	const uint32_t capacity = sockets->capacity ? sockets->capacity * 2 : FIRST_CAPACITY;
	/* A slot + 1 has to fit in by_port. */
	struct quicd_socket **slots =
		capacity < PORTS ? realloc(sockets->slots, capacity * sizeof(*slots)) : NULL;
	if (!slots)
		return QUICD_NONE;
	const uint32_t first = sockets->capacity;
	for (uint32_t slot = first; slot < capacity; slot++)
		slots[slot] = NULL;
	sockets->slots = slots;
	sockets->capacity = capacity;
	return first;
}

uint32_t quicd_socket_open(struct quicd_worker *worker, int *code)
{
	struct quicd_sockets *sockets = &worker->net.sockets;
	const struct quicd_options *options = &worker->engine->options;
	char error[256];
	*code = ENOMEM;
	if (!sockets->by_port)
		sockets->by_port = calloc(PORTS, sizeof(*sockets->by_port));
	const uint32_t slot = sockets->by_port ? free_slot(sockets) : QUICD_NONE;
	struct quicd_socket *socket = slot != QUICD_NONE ? calloc(1, sizeof(*socket)) : NULL;
	if (!socket)
		return QUICD_NONE;
	if (!quicd_udp_open(&socket->udp, options, QUICD_PORT_ANY, false, error, sizeof(error))) {
		*code = errno;
		free(socket);
		return QUICD_NONE;
	}
	assert(sockets->by_port[socket->udp.port] == 0 && "the port is this socket's alone");
	sockets->slots[slot] = socket;
	sockets->by_port[socket->udp.port] = (uint16_t)(slot + 1);
	sockets->count++;
	return slot;
}

uint32_t quicd_socket_listen(struct quicd_worker *worker, const struct qd_address *address,
			     char *error, size_t error_bytes)
{
	struct quicd_sockets *sockets = &worker->net.sockets;
	const uint32_t slot = free_slot(sockets);
	struct quicd_socket *socket = calloc(1, sizeof(*socket));
	assert(slot == sockets->listening && socket && "at start, and some hundred bytes");
	/* The first worker finds out whether the port is free, the others join it. */
	if (!quicd_udp_open_at(&socket->udp, &worker->engine->options, address, worker->index == 0,
			       error, error_bytes)) {
		free(socket);
		return QUICD_NONE;
	}
	socket->cid_bytes = QUICD_CID_BYTES;
	sockets->slots[slot] = socket;
	sockets->count++;
	sockets->listening++;
	return slot;
}

uint32_t quicd_socket_listening(const struct quicd_sockets *sockets,
				const struct qd_address *address)
{
	for (uint32_t slot = 0; slot < sockets->listening; slot++) {
		const struct qd_address *bound = &sockets->slots[slot]->udp.bound;
		if (bound->port == address->port && bound->family == address->family &&
		    memcmp(bound->ip, address->ip, sizeof(bound->ip)) == 0)
			return slot;
	}
	return QUICD_NONE;
}

uint32_t quicd_socket_find(const struct quicd_sockets *sockets, uint16_t port)
{
	return sockets->by_port && sockets->by_port[port] != 0 ? sockets->by_port[port] - 1u
							       : QUICD_NONE;
}

void quicd_socket_gone(struct quicd_worker *worker, uint32_t slot)
{
	struct quicd_sockets *sockets = &worker->net.sockets;
	struct quicd_socket *socket = quicd_socket_at(sockets, slot);
	assert(socket && !socket->armed);
	if (sockets->by_port)
		sockets->by_port[socket->udp.port] = 0;
	quicd_udp_close(&socket->udp);
	sockets->slots[slot] = NULL;
	sockets->count--;
	free(socket);
}

void quicd_socket_error(struct quicd_worker *worker, uint32_t slot, int code)
{
	struct quicd_sockets *sockets = &worker->net.sockets;
	struct quicd_socket *socket = quicd_socket_at(sockets, slot);
	worker->counters->receive_errors++;
	if (!socket || socket->closing || !quicd_net_is_gone(code))
		return;
	socket->failed = true;
	sockets->failed = true;
}

/* Where it was: the peers know it by that. */
static bool open_again(struct quicd_worker *worker, uint32_t slot)
{
	struct quicd_engine *engine = worker->engine;
	struct quicd_socket *socket = quicd_socket_at(&worker->net.sockets, slot);
	const struct qd_address bound = socket->udp.bound;
	char error[256];
	quicd_udp_close(&socket->udp);
	if (!quicd_udp_open_at(&socket->udp, &engine->options, &bound, false, error,
			       sizeof(error))) {
		socket->udp.bound = bound; /* for the next attempt */
		socket->udp.port = bound.port;
		return false;
	}
	if (engine->steer && slot < worker->net.sockets.listening)
		quicd_steer_replace(engine->steer, worker->index, slot, socket->udp.fd);
	socket->failed = false;
	engine->backend->open(worker, slot);
	return true;
}

void quicd_sockets_repair(struct quicd_worker *worker)
{
	struct quicd_sockets *sockets = &worker->net.sockets;
	if (!sockets->failed || worker->now_ns < sockets->reopen_ns || !worker->net.state)
		return;
	sockets->failed = false;
	sockets->reopen_ns = worker->now_ns + REOPEN_NS;
	for (uint32_t slot = 0; slot < sockets->capacity; slot++) {
		struct quicd_socket *socket = sockets->slots[slot];
		if (!socket || !socket->failed || socket->closing)
			continue;
		worker->counters->failures++;
		if (socket->armed || !open_again(worker, slot))
			sockets->failed = true;
	}
}

void quicd_sockets_destroy(struct quicd_worker *worker)
{
	struct quicd_sockets *sockets = &worker->net.sockets;
	for (uint32_t slot = 0; slot < sockets->capacity; slot++)
		if (sockets->slots[slot])
			quicd_socket_gone(worker, slot);
	free(sockets->slots);
	free(sockets->by_port);
	*sockets = (struct quicd_sockets){ 0 };
}
