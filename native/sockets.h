/*
 * sockets.h - what a worker has beside its main socket. A client's: one for each connection that
 * wants its own or moves, found by its port. A server's: one for each preferred address, which all
 * its workers listen at (preferred.h). The backends receive from all of them.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "udp.h"

struct quicd_worker;

struct quicd_socket {
	struct quicd_udp udp; /* fd -1: lost, and not open again yet */
	uint8_t cid_bytes;    /* of the connection IDs that come to it */
	bool armed;	      /* the backend has a receive with the kernel */
	bool closing;	      /* goes when the kernel has nothing of it any more */
	bool failed;	      /* of no more use: opened again on its port */
};

struct quicd_sockets {
	struct quicd_socket **slots;
	uint32_t capacity;
	uint32_t count;
	uint32_t listening; /* a server's: the first ones, in all workers the same, and no others */
	uint16_t *by_port;  /* slot + 1, for each port; a client's */
	bool failed;	   /* one of them */
	uint64_t reopen_ns; /* when to try again, CLOCK_MONOTONIC */
};

/* NULL for an empty place. */
static inline struct quicd_socket *quicd_socket_at(const struct quicd_sockets *sockets,
						   uint32_t slot)
{
	return slot < sockets->capacity ? sockets->slots[slot] : NULL;
}

/* Opens one on any port. Its slot, or QUICD_NONE with the errno in |code|. */
uint32_t quicd_socket_open(struct quicd_worker *worker, int *code);
/*
 * A server's, at start: listens at |address|, with the other workers. Its slot, or QUICD_NONE with
 * cause and remedy in |error|.
 */
uint32_t quicd_socket_listen(struct quicd_worker *worker, const struct qd_address *address,
			     char *error, size_t error_bytes);
/* The slot of a server's that is bound to |address|, or QUICD_NONE. */
uint32_t quicd_socket_listening(const struct quicd_sockets *sockets,
				const struct qd_address *address);
/* The slot of the socket with that port, or QUICD_NONE. */
uint32_t quicd_socket_find(const struct quicd_sockets *sockets, uint16_t port);
/* For backends: closes it and frees its place. */
void quicd_socket_gone(struct quicd_worker *worker, uint32_t slot);
/* For backends: it gave |code|; as quicd_net_error. */
void quicd_socket_error(struct quicd_worker *worker, uint32_t slot, int code);
/* Opens those again that are lost. */
void quicd_sockets_repair(struct quicd_worker *worker);
/* After quicd_net_stop. */
void quicd_sockets_destroy(struct quicd_worker *worker);
