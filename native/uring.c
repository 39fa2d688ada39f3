/*
 * uring.c - net.h on io_uring: one multishot receive into a ring of provided buffers, sends by
 * sendmsg with UDP_SEGMENT, the kick eventfd read that is always armed. Completions are first
 * copied to lists and acted on after, so nothing re-enters.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"
#include "pages.h"
#include "worker.h"

#define ENTRIES 512
/*
 * Under load a wait gathers as many completions as a turn had lately, but no longer than this; from
 * this many datagrams per turn on.
 */
#define GATHER_NS 120000
#define GATHER_MIN 4
#define GATHER_MAX 48
#define BUFFER_GROUP 0

/* What a completion is about: {operation, index} in user_data. */
enum operation { OP_RECEIVE = 1, OP_SEND = 2, OP_KICK = 3, OP_CANCEL = 4 };

static uint64_t pack(enum operation operation, uint32_t index)
{
	return (uint64_t)operation << 32 | index;
}

struct quicd_uring {
	struct io_uring ring;
	struct io_uring_buf_ring *buffers;
	uint8_t *receive_memory;
	uint32_t buffer_bytes;
	uint32_t buffer_count; /* a power of two */
	uint32_t buffers_out;  /* with us, not with the kernel */
	uint32_t buffers_added; /* recycled since the last advance */
	struct msghdr receive_shape; /* sizes of name and control in each buffer */
	bool receive_armed;
	bool sockets_changed; /* some are to be armed, or to be closed */
	bool kick_armed;
	uint64_t kick_value;
	uint8_t *send_memory;
	struct quicd_outgoing outgoing[QUICD_SEND_BUFFERS];
	uint32_t send_slots[QUICD_SEND_BUFFERS]; /* whose socket; QUICD_NONE for the main one */
	uint32_t send_free[QUICD_SEND_BUFFERS];
	uint32_t send_free_count;
};

static struct io_uring_sqe *next_sqe(struct quicd_worker *worker)
{
	struct quicd_uring *u = worker->net.state;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	if (!sqe) {
		io_uring_submit(&u->ring);
		worker->counters->system_calls++;
		sqe = io_uring_get_sqe(&u->ring);
	}
	assert(sqe && "the submission queue is empty after a submit");
	return sqe;
}

/* |tag|: what OP_RECEIVE's index says of it, 0 for the main socket, else its slot + 1. */
static void receive_from(struct quicd_worker *worker, int fd, uint32_t tag)
{
	struct quicd_uring *u = worker->net.state;
	struct io_uring_sqe *sqe = next_sqe(worker);
	io_uring_prep_recvmsg_multishot(sqe, fd, &u->receive_shape, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFFER_GROUP;
	sqe->user_data = pack(OP_RECEIVE, tag);
}

static void arm_receive(struct quicd_worker *worker)
{
	struct quicd_uring *u = worker->net.state;
	const bool dry = u->buffers_out + u->buffers_added >= u->buffer_count;
	if (!u->receive_armed && !dry) {
		receive_from(worker, worker->net.udp.fd, 0);
		u->receive_armed = true;
	}
	if (!u->sockets_changed || dry)
		return;
	for (uint32_t slot = 0; slot < worker->net.sockets.capacity; slot++) {
		struct quicd_socket *socket = quicd_socket_at(&worker->net.sockets, slot);
		if (!socket || socket->armed || socket->closing || socket->failed)
			continue;
		receive_from(worker, socket->udp.fd, slot + 1);
		socket->armed = true;
	}
}

/* After what was queued for them is with the kernel: those that wait for nothing any more go. */
static void close_sockets(struct quicd_worker *worker)
{
	struct quicd_uring *u = worker->net.state;
	if (!u->sockets_changed)
		return;
	u->sockets_changed = false;
	for (uint32_t slot = 0; slot < worker->net.sockets.capacity; slot++) {
		struct quicd_socket *socket = quicd_socket_at(&worker->net.sockets, slot);
		if (socket && socket->closing && !socket->armed)
			quicd_socket_gone(worker, slot);
		else if (socket && !socket->armed && !socket->failed)
			u->sockets_changed = true; /* no buffers: once there are some */
	}
}

static int uring_open(struct quicd_worker *worker, uint32_t slot)
{
	(void)slot;
	((struct quicd_uring *)worker->net.state)->sockets_changed = true;
	return 0;
}

static void uring_close(struct quicd_worker *worker, uint32_t slot)
{
	struct quicd_uring *u = worker->net.state;
	u->sockets_changed = true;
	if (!quicd_socket_at(&worker->net.sockets, slot)->armed)
		return;
	struct io_uring_sqe *sqe = next_sqe(worker);
	io_uring_prep_cancel64(sqe, pack(OP_RECEIVE, slot + 1), 0);
	sqe->user_data = pack(OP_CANCEL, 0);
}

static void arm_kick(struct quicd_worker *worker)
{
	struct quicd_uring *u = worker->net.state;
	if (u->kick_armed)
		return;
	struct io_uring_sqe *sqe = next_sqe(worker);
	io_uring_prep_read(sqe, worker->kick_fd, &u->kick_value, sizeof(u->kick_value), 0);
	sqe->user_data = pack(OP_KICK, 0);
	u->kick_armed = true;
}

static bool explain(char *error, size_t error_bytes, const char *what, int code)
{
	const char *remedy = "";
	if (code == EPERM || code == EACCES)
		remedy = "; io_uring is refused here (seccomp profile, or sysctl "
			 "kernel.io_uring_disabled): allow it (docs/privileges.md)";
	else if (code == ENOSYS)
		remedy = "; this kernel has no io_uring: Linux 6.1 or newer is needed";
	else if (code == EINVAL)
		remedy = "; the kernel lacks a feature of Linux 6.1";
	else if (code == ENOMEM)
		remedy = "; raise the locked-memory limit (ulimit -l)";
	snprintf(error, error_bytes, "%s: %s%s", what, strerror(code), remedy);
	return false;
}

/* 0, or an errno negated. |ring|'s ring_fd is set only if it was made. */
static int make_ring(struct io_uring *ring)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
					 .cq_entries = ENTRIES * 4};
	struct io_uring made;
	const int result = io_uring_queue_init_params(ENTRIES, &made, &params);
	if (result >= 0)
		*ring = made;
	return result;
}

static bool provide_buffers(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	struct quicd_uring *u = worker->net.state;
	u->buffer_bytes = worker->net.udp.gro ? QUICD_GRO_BUFFER_BYTES : QUICD_PLAIN_BUFFER_BYTES;
	/*
	 * The ring's size is a power of two; with GRO the pool is filled to the byte budget
	 * only.
	 */
	uint32_t wanted = (uint32_t)(worker->engine->options.receive_pool_bytes / u->buffer_bytes);
	if (wanted < 16)
		wanted = 16;
	if (wanted > QUICD_RECEIVE_BUFFERS_MAX)
		wanted = QUICD_RECEIVE_BUFFERS_MAX;
	uint32_t entries = 16;
	while (entries < wanted)
		entries *= 2;
	u->buffer_count = wanted;
	u->receive_memory = quicd_pages_map((size_t)wanted * u->buffer_bytes);
	u->buffers = quicd_pages_map(entries * sizeof(struct io_uring_buf));
	if (!u->receive_memory || !u->buffers)
		return explain(error, error_bytes, "receive pool", errno);
	struct io_uring_buf_reg registration = { .ring_addr = (uint64_t)(uintptr_t)u->buffers,
						 .ring_entries = entries,
						 .bgid = BUFFER_GROUP };
	const int result = io_uring_register_buf_ring(&u->ring, &registration, 0);
	if (result < 0)
		return explain(error, error_bytes, "io_uring provided buffers", -result);
	io_uring_buf_ring_init(u->buffers);
	const int mask = io_uring_buf_ring_mask(entries);
	for (uint32_t i = 0; i < wanted; i++)
		io_uring_buf_ring_add(u->buffers, u->receive_memory + (size_t)i * u->buffer_bytes,
				      u->buffer_bytes, (unsigned short)i, mask, (int)i);
	io_uring_buf_ring_advance(u->buffers, (int)wanted);
	return true;
}

static uint32_t ring_entries_of(const struct quicd_uring *u)
{
	uint32_t entries = 16;
	while (entries < u->buffer_count)
		entries *= 2;
	return entries;
}

static bool uring_start(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	struct quicd_uring *u = calloc(1, sizeof(*u));
	if (!u)
		return explain(error, error_bytes, "memory", ENOMEM);
	worker->net.state = u;
	u->ring.ring_fd = -1;
	const int result = make_ring(&u->ring);
	if (result < 0)
		return explain(error, error_bytes, "io_uring", -result);
	if (!provide_buffers(worker, error, error_bytes))
		return false;
	u->send_memory = quicd_pages_map((size_t)QUICD_SEND_BUFFERS * QUICD_SEND_BUFFER_BYTES);
	if (!u->send_memory)
		return explain(error, error_bytes, "send pool", errno);
	for (uint32_t i = 0; i < QUICD_SEND_BUFFERS; i++)
		u->send_free[u->send_free_count++] = QUICD_SEND_BUFFERS - 1 - i;
	u->receive_shape.msg_namelen = QUICD_RECEIVE_NAME_BYTES;
	u->receive_shape.msg_controllen = QUICD_RECEIVE_CONTROL_BYTES;
	u->sockets_changed = worker->net.sockets.count > 0;
	arm_receive(worker);
	arm_kick(worker);
	return true;
}

/*
 * What is armed holds the socket, and with it the port; left to the kernel, it ends some time after
 * the ring does.
 */
static void cancel_all(struct quicd_uring *u)
{
	struct io_uring_sync_cancel_reg cancel = { .fd = -1,
						   .flags = IORING_ASYNC_CANCEL_ANY |
							    IORING_ASYNC_CANCEL_ALL,
						   .timeout = { .tv_sec = 1 } };
	io_uring_register_sync_cancel(&u->ring, &cancel);
	io_uring_get_events(&u->ring);
}

static void uring_stop(struct quicd_worker *worker)
{
	struct quicd_uring *u = worker->net.state;
	if (!u)
		return;
	if (u->ring.ring_fd >= 0) {
		cancel_all(u);
		io_uring_queue_exit(&u->ring);
	}
	for (uint32_t slot = 0; slot < worker->net.sockets.capacity; slot++)
		if (worker->net.sockets.slots[slot])
			worker->net.sockets.slots[slot]->armed = false;
	quicd_pages_unmap(u->send_memory, (size_t)QUICD_SEND_BUFFERS * QUICD_SEND_BUFFER_BYTES);
	quicd_pages_unmap(u->receive_memory, (size_t)u->buffer_count * u->buffer_bytes);
	quicd_pages_unmap(u->buffers, ring_entries_of(u) * sizeof(struct io_uring_buf));
	free(u);
	worker->net.state = NULL;
}

static void uring_recycle(struct quicd_worker *worker, uint32_t buffer)
{
	struct quicd_uring *u = worker->net.state;
	assert(u->buffers_out > 0);
	io_uring_buf_ring_add(u->buffers, u->receive_memory + (size_t)buffer * u->buffer_bytes,
			      u->buffer_bytes, (unsigned short)buffer,
			      io_uring_buf_ring_mask(ring_entries_of(u)), (int)u->buffers_added);
	u->buffers_added++;
	u->buffers_out--;
}

static void return_buffers(struct quicd_uring *u)
{
	if (u->buffers_added == 0)
		return;
	io_uring_buf_ring_advance(u->buffers, (int)u->buffers_added);
	u->buffers_added = 0;
}

/*
 * One completed receive: header, name, control and payload lie in the buffer one after the
 * other.
 */
static void take_received(struct quicd_worker *worker, const struct quicd_udp *udp,
			  uint32_t buffer, uint32_t bytes)
{
	struct quicd_uring *u = worker->net.state;
	uint8_t *start = u->receive_memory + (size_t)buffer * u->buffer_bytes;
	struct io_uring_recvmsg_out *out =
		io_uring_recvmsg_validate(start, (int)bytes, &u->receive_shape);
	u->buffers_out++;
	if (!out) {
		worker->counters->receive_calls++;
		worker->counters->receive_datagrams++;
		worker->counters->receive_truncated++;
		uring_recycle(worker, buffer);
		return;
	}
	struct msghdr message = {
		.msg_name = io_uring_recvmsg_name(out),
		.msg_namelen = out->namelen,
		.msg_control = (uint8_t *)(out + 1) + u->receive_shape.msg_namelen,
		.msg_controllen = out->controllen,
		.msg_flags = (int)out->flags,
	};
	if (!quicd_net_take(worker, udp, &message, io_uring_recvmsg_payload(out, &u->receive_shape),
			    io_uring_recvmsg_payload_length(out, (int)bytes, &u->receive_shape),
			    buffer))
		uring_recycle(worker, buffer);
}

static void complete_send(struct quicd_worker *worker, uint32_t index, int result)
{
	struct quicd_uring *u = worker->net.state;
	assert(index < QUICD_SEND_BUFFERS);
	u->send_free[u->send_free_count++] = index;
	quicd_net_sent(worker, u->send_slots[index], result);
}

/* A receive of the main socket, or of the one in slot |tag| - 1. */
static void complete_receive(struct quicd_worker *worker, uint32_t tag,
			     const struct io_uring_cqe *cqe)
{
	struct quicd_uring *u = worker->net.state;
	struct quicd_socket *socket =
		tag > 0 ? quicd_socket_at(&worker->net.sockets, tag - 1) : NULL;
	assert((tag == 0 || socket) && "a place is kept until its last completion");
	const bool ended = !(cqe->flags & IORING_CQE_F_MORE);
	int code = 0;
	if (ended && socket) {
		socket->armed = false;
		u->sockets_changed = true;
	} else if (ended) {
		u->receive_armed = false;
	}
	if (cqe->res == 0 && ended)
		code = ESHUTDOWN; /* not even a header: no datagram */
	if (cqe->res >= 0 && (cqe->flags & IORING_CQE_F_BUFFER))
		take_received(worker, socket ? &socket->udp : &worker->net.udp,
			      cqe->flags >> IORING_CQE_BUFFER_SHIFT, (uint32_t)cqe->res);
	else if (cqe->res == -ENOBUFS)
		worker->counters->receive_pool_empty++;
	else if (cqe->res < 0 && cqe->res != -EINTR && cqe->res != -EAGAIN &&
		 cqe->res != -ECANCELED)
		code = -cqe->res;
	if (code != 0 && socket)
		quicd_socket_error(worker, tag - 1, code);
	else if (code != 0)
		quicd_net_error(worker, code);
}

static void complete(struct quicd_worker *worker, const struct io_uring_cqe *cqe)
{
	struct quicd_uring *u = worker->net.state;
	const uint32_t index = (uint32_t)cqe->user_data;
	switch ((enum operation)(cqe->user_data >> 32)) {
	case OP_RECEIVE:
		complete_receive(worker, index, cqe);
		break;
	case OP_SEND:
		complete_send(worker, index, cqe->res);
		break;
	case OP_KICK:
		u->kick_armed = false;
		worker->counters->kicks++;
		break;
	case OP_CANCEL: /* the receive that it ends tells */
		break;
	}
}

static void uring_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct quicd_uring *u = worker->net.state;
	return_buffers(u);
	arm_receive(worker);
	arm_kick(worker);
	struct io_uring_cqe *cqe = NULL;
	int result;
	worker->counters->system_calls++;
	if (timeout_ns == 0) {
		result = io_uring_submit_and_get_events(&u->ring);
	} else {
		struct __kernel_timespec timeout = {.tv_sec = (int64_t)(timeout_ns / 1000000000),
						    .tv_nsec = (int64_t)(timeout_ns % 1000000000)};
		worker->counters->waits++;
		uint32_t wanted = worker->load_quarters / 4;
		if (wanted < GATHER_MIN || timeout_ns < GATHER_NS) {
			wanted = 1;
		} else {
			wanted = wanted < GATHER_MAX ? wanted : GATHER_MAX;
			timeout = (struct __kernel_timespec){.tv_nsec = GATHER_NS};
		}
		result = io_uring_submit_and_wait_timeout(&u->ring, &cqe, wanted, &timeout, NULL);
	}
	if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN &&
	    result != -EBUSY)
		quicd_net_error(worker, -result);
	unsigned int head, seen = 0;
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		if (worker->net.received_count == QUICD_NET_BATCH)
			break;
		complete(worker, cqe);
		seen++;
	}
	io_uring_cq_advance(&u->ring, seen);
	close_sockets(worker);
}

static uint8_t *uring_send_buffer(struct quicd_worker *worker)
{
	struct quicd_uring *u = worker->net.state;
	if (u->send_free_count == 0)
		return NULL;
	return u->send_memory +
	       (size_t)u->send_free[u->send_free_count - 1] * QUICD_SEND_BUFFER_BYTES;
}

static void uring_send(struct quicd_worker *worker, const struct qd_train *train)
{
	struct quicd_uring *u = worker->net.state;
	assert(u->send_free_count > 0);
	struct io_uring_sqe *sqe = next_sqe(worker);
	const uint32_t index = u->send_free[--u->send_free_count];
	struct quicd_outgoing *out = &u->outgoing[index];
	const struct quicd_udp *udp =
		quicd_net_udp(worker, &train->from, &u->send_slots[index]);
	assert(udp && "net.c has looked");
	quicd_udp_prepare(udp, out, u->send_memory + (size_t)index * QUICD_SEND_BUFFER_BYTES,
			  train);
	io_uring_prep_sendmsg(sqe, udp->fd, &out->message, 0);
	sqe->user_data = pack(OP_SEND, index);
}

/* The smallest receive pool: what is provided is counted by pages of its ring, not by its bytes. */
#define PROBE_BUFFERS 512

static int try_ring(struct io_uring *ring, void **buffers)
{
	const int result = make_ring(ring);
	if (result < 0)
		return result;
	*buffers = quicd_pages_map(PROBE_BUFFERS * sizeof(struct io_uring_buf));
	if (!*buffers)
		return -errno;
	struct io_uring_buf_reg registration = { .ring_addr = (uint64_t)(uintptr_t)*buffers,
						 .ring_entries = PROBE_BUFFERS,
						 .bgid = BUFFER_GROUP };
	return io_uring_register_buf_ring(ring, &registration, 0);
}

bool quicd_uring_usable(uint32_t workers, char *error, size_t error_bytes)
{
	struct io_uring rings[QUICD_WORKERS_MAX];
	void *buffers[QUICD_WORKERS_MAX] = { NULL };
	int result = 0;
	uint32_t tried = 0;
	assert(workers >= 1 && workers <= QUICD_WORKERS_MAX);
	while (tried < workers && result >= 0) {
		rings[tried].ring_fd = -1;
		result = try_ring(&rings[tried], &buffers[tried]);
		tried++;
	}
	for (uint32_t i = 0; i < tried; i++) {
		if (rings[i].ring_fd >= 0)
			io_uring_queue_exit(&rings[i]);
		quicd_pages_unmap(buffers[i], PROBE_BUFFERS * sizeof(struct io_uring_buf));
	}
	return result >= 0 || explain(error, error_bytes, "io_uring", -result);
}

const struct quicd_net_backend quicd_uring_backend = {
	.name = "io_uring",
	.start = uring_start,
	.stop = uring_stop,
	.wait = uring_wait,
	.recycle = uring_recycle,
	.send_buffer = uring_send_buffer,
	.send = uring_send,
	.open = uring_open,
	.close = uring_close,
};
