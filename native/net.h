/*
 * net.h - what a worker needs of the kernel, behind one interface: receive datagrams, send trains,
 * sleep until either, a kick or a timeout. net.c hands each call to the engine's backend: uring.c,
 * or syscalls.c where io_uring is refused.
 *
 * Received trains lie in |received| after quicd_net_wait until each is given back with
 * quicd_net_recycle. A send buffer is the kernel's from quicd_net_send until a later
 * quicd_net_wait.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "quiche/quicd_quiche.h"
#include "sockets.h"
#include "udp.h"

struct quicd_worker;

#define QUICD_NET_BATCH 256 /* trains per turn; more stay with the kernel */

struct quicd_received {
	uint8_t *bytes; /* writable: decrypted in place */
	uint32_t length;
	uint32_t segment_bytes; /* of every datagram but the last; >= length for a single one */
	uint32_t buffer;	/* to recycle */
	struct qd_address from;
	struct qd_address to;
	uint8_t ecn; /* RFC 3168 §5 */
};

/* One way to the kernel; each call as described at the function of its name below. */
struct quicd_net_backend {
	const char *name; /* as in the configuration */
	bool (*start)(struct quicd_worker *worker, char *error, size_t error_bytes);
	void (*stop)(struct quicd_worker *worker);
	void (*wait)(struct quicd_worker *worker, uint64_t timeout_ns);
	void (*recycle)(struct quicd_worker *worker, uint32_t buffer);
	uint8_t *(*send_buffer)(struct quicd_worker *worker);
	void (*send)(struct quicd_worker *worker, const struct qd_train *train);
	/*
	 * Of a client: receives from one more socket (sockets.h), and lets go of one, which then is
	 * told by quicd_socket_gone. 0 or an errno. NULL where there are none.
	 */
	int (*open)(struct quicd_worker *worker, uint32_t slot);
	void (*close)(struct quicd_worker *worker, uint32_t slot);
};
extern const struct quicd_net_backend quicd_uring_backend;
extern const struct quicd_net_backend quicd_syscalls_backend;

struct quicd_net {
	struct quicd_udp udp; /* a client's: shared by the connections that want no own one */
	struct quicd_sockets sockets;
	void *state; /* the backend's own; NULL while there is no socket */
	uint32_t errors; /* of receiving, one after the other */
	bool failed;	 /* the socket or the ring is of no more use */
	uint64_t reopen_ns; /* when to try again, CLOCK_MONOTONIC */
	uint64_t watched_ns; /* when the socket was last asked for its losses */
	_Atomic uint32_t fail_attempts; /* others, test hook: 1 + attempts to reopen that fail */
	struct quicd_received received[QUICD_NET_BATCH];
	uint32_t received_count;
};

/*
 * The backend for |wanted| on this machine. For "auto": io_uring, else plain system calls with
 * |note| saying why; for io_uring itself NULL with cause and remedy in |note| where it is refused.
 */
const struct quicd_net_backend *quicd_net_choose(enum quicd_backend wanted, uint32_t workers,
						 char *note, size_t note_bytes);
/*
 * Whether this process may have the io_urings of |workers| workers, with all that uring.c needs
 * and at their real size, as they count as locked memory; else cause and remedy.
 */
bool quicd_uring_usable(uint32_t workers, char *error, size_t error_bytes);

/* On the worker's own thread. False with cause and remedy in |error|. */
bool quicd_net_start(struct quicd_worker *worker, char *error, size_t error_bytes);
void quicd_net_stop(struct quicd_worker *worker);
/*
 * Once a turn, when nothing is in |received|. After a failure: a new socket on the same port, and
 * its place in the steering table; meanwhile the worker has no socket, but its connections live.
 * Now and then it also asks the socket what was lost for want of room.
 */
void quicd_net_look_after(struct quicd_worker *worker);

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
/*
 * Queues the train that the current send buffer holds; it leaves by the socket that has its
 * source's port. Of a socket that is gone: dropped and counted.
 */
void quicd_net_send(struct quicd_worker *worker, const struct qd_train *train);

/*
 * A client's: one more socket, on a port of its own, which comes back in |port|, for a connection
 * whose IDs have |cid_bytes|. 0 or an errno. Closed with its last connection: what is queued
 * leaves, what comes is lost.
 */
int quicd_net_open(struct quicd_worker *worker, uint32_t cid_bytes, uint16_t *port);
/* How long the connection IDs are that come to |port|. */
uint32_t quicd_net_cid_bytes(const struct quicd_worker *worker, uint16_t port);
void quicd_net_close(struct quicd_worker *worker, uint16_t port);

/*
 * Others, test hook: the worker loses its socket, and |attempts| attempts to open a new one
 * fail.
 */
void quicd_net_fail(struct quicd_worker *worker, uint32_t attempts);
/*
 * For backends. What became of a send by the main socket (QUICD_NONE) or another: |result| as
 * sendmsg gives it, an errno negated on failure. A lost train is recovery's business; a device that
 * cannot segment ends GSO for this worker.
 */
void quicd_net_sent(struct quicd_worker *worker, uint32_t slot, int result);
/*
 * For backends: receiving gave |code|, an errno that is neither "nothing there" nor "interrupted".
 * Many of them in a row, and the worker throws away its socket.
 */
void quicd_net_error(struct quicd_worker *worker, int code);
/*
 * For backends: takes a received datagram or train of socket |udp| into |net.received|. |message|
 * has name and control as recvmsg left them, and flags. False: it was dropped and counted, the
 * buffer is free.
 */
bool quicd_net_take(struct quicd_worker *worker, const struct quicd_udp *udp,
		    struct msghdr *message, uint8_t *bytes, uint32_t length, uint32_t buffer);
/*
 * There is no socket, it was shut down, or somebody destroyed it (ss -K): told once, and it has no
 * port any more.
 */
bool quicd_net_is_gone(int code);
/*
 * For backends: the socket that what comes |from| us leaves by, its slot in |slot| (QUICD_NONE: the
 * main one); or NULL.
 */
const struct quicd_udp *quicd_net_udp(const struct quicd_worker *worker,
				      const struct qd_address *from, uint32_t *slot);
