/*
 * net.h - what a worker needs of the kernel, behind one interface: receive datagrams, send trains,
 * sleep until either, a kick or a timeout. Implemented by uring.c.
 *
 * Received trains lie in |received| after quicd_net_wait until each is given back with
 * quicd_net_recycle. A send buffer is the kernel's from quicd_net_send until a later
 * quicd_net_wait.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "quiche/quicd_quiche.h"
#include "udp.h"

struct quicd_worker;
struct quicd_uring;

#define QUICD_NET_BATCH 256 /* trains per turn; more stay with the kernel */

struct quicd_received {
	uint8_t *bytes; /* writable: decrypted in place */
	uint32_t length;
	uint32_t segment_bytes; /* of every datagram but the last; >= length for a single one */
	uint32_t buffer;	/* to recycle */
	struct qd_address from;
	struct qd_address to;
};

struct quicd_net {
	struct quicd_udp udp;
	struct quicd_uring *uring;
	struct quicd_received received[QUICD_NET_BATCH];
	uint32_t received_count;
};

/* On the worker's own thread. False with cause and remedy in |error|. */
bool quicd_net_start(struct quicd_worker *worker, char *error, size_t error_bytes);
void quicd_net_stop(struct quicd_worker *worker);

/*
 * Hands queued sends to the kernel and collects what is there. |timeout_ns| 0: does not wait; else
 * waits at most that long for the first of a datagram, a finished send or a kick.
 */
void quicd_net_wait(struct quicd_worker *worker, uint64_t timeout_ns);
void quicd_net_recycle(struct quicd_worker *worker, uint32_t buffer);

/*
 * A buffer of QUICD_SEND_BUFFER_BYTES to fill, or NULL while all are with the kernel. The same
 * one until it is sent.
 */
uint8_t *quicd_net_send_buffer(struct quicd_worker *worker);
/* Queues the train that the current send buffer holds. */
void quicd_net_send(struct quicd_worker *worker, const struct qd_train *train);
