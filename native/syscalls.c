/*
 * syscalls.c - net.h with plain system calls, for where io_uring is refused: recvmmsg, sendmmsg
 * with UDP_SEGMENT, and one epoll for the sockets and the kick.
 *
 * Buffers stand in a row on both sides. Message i of a turn is received into buffer i, since a
 * turn gives back all that it took; sends fill the row from the left, leave from the left, and
 * begin anew once all are gone: so a worker that keeps up uses the same few buffers, warm in the
 * cache.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "net.h"
#include "pages.h"
#include "worker.h"

/*
 * Receive buffers: as many as a turn takes, 256 of 68 KiB with GRO (17 MiB) or of 2 KiB without
 * (512 KiB), or fewer so that they stay within receive_pool_bytes; resident only as far as trains
 * ever reached.
 */
#define RECEIVE_BUFFERS_MIN 16
/*
 * With this many trains per turn, in quarters (worker->load_quarters), there is usually one more:
 * ask for it without asking epoll first.
 */
#define BUSY_QUARTERS 4
/* What epoll tells of at once; of more sockets in the next turn. */
#define EVENTS_MAX 64
/* What an event is about: a slot of sockets.h, or one of these. */
#define MAIN_SOCKET QUICD_NONE
#define KICK (QUICD_NONE - 1)

struct receive_room {
	_Alignas(8) uint8_t name[QUICD_RECEIVE_NAME_BYTES];
	_Alignas(8) uint8_t control[QUICD_RECEIVE_CONTROL_BYTES];
};

struct quicd_syscalls {
	int epoll_fd;
	uint32_t awaited; /* whose room to send epoll tells of: MAIN_SOCKET or a slot; or KICK */
	bool sockets_close; /* some are to be closed */
	bool in_milliseconds; /* there is no epoll_pwait2 here */

	uint8_t *receive_memory;
	uint32_t buffer_bytes;
	uint32_t buffer_count;
	uint32_t lent; /* buffers that the worker has not given back */
	uint32_t filled; /* in this turn, also by what was dropped */
	uint64_t empty_turn; /* of the worker: nothing was there in it */
	struct mmsghdr incoming[QUICD_NET_BATCH];
	struct iovec incoming_bytes[QUICD_NET_BATCH];
	struct receive_room incoming_room[QUICD_NET_BATCH];

	uint8_t *send_memory;
	uint32_t send_first; /* of those not yet with the kernel */
	uint32_t send_end;
	bool send_blocked; /* the buffer of the first one's socket is full */
	uint32_t send_slots[QUICD_SEND_BUFFERS]; /* whose socket */
	struct quicd_outgoing outgoing[QUICD_SEND_BUFFERS];
	struct mmsghdr sends[QUICD_SEND_BUFFERS];
};

static bool explain(char *error, size_t error_bytes, const char *what, const char *remedy)
{
	snprintf(error, error_bytes, "%s: %s%s", what, strerror(errno), remedy);
	return false;
}

static void prepare_incoming(struct quicd_syscalls *s, uint32_t index)
{
	struct receive_room *room = &s->incoming_room[index];
	s->incoming[index].msg_hdr = (struct msghdr){ .msg_name = room->name,
						      .msg_namelen = sizeof(room->name),
						      .msg_iov = &s->incoming_bytes[index],
						      .msg_iovlen = 1,
						      .msg_control = room->control,
						      .msg_controllen = sizeof(room->control) };
}

static bool create_pools(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	struct quicd_syscalls *s = worker->net.state;
	s->buffer_bytes = worker->net.udp.gro ? QUICD_GRO_BUFFER_BYTES : QUICD_PLAIN_BUFFER_BYTES;
	const uint64_t wanted = worker->engine->options.receive_pool_bytes / s->buffer_bytes;
	s->buffer_count = wanted < RECEIVE_BUFFERS_MIN ? RECEIVE_BUFFERS_MIN
			  : wanted > QUICD_NET_BATCH   ? QUICD_NET_BATCH
						       : (uint32_t)wanted;
	s->receive_memory = quicd_pages_map((size_t)s->buffer_count * s->buffer_bytes);
	s->send_memory = quicd_pages_map((size_t)QUICD_SEND_BUFFERS * QUICD_SEND_BUFFER_BYTES);
	if (!s->receive_memory || !s->send_memory)
		return explain(error, error_bytes, "buffers", "; lower [netio] rx_pool_bytes");
	for (uint32_t i = 0; i < s->buffer_count; i++) {
		s->incoming_bytes[i] =
			(struct iovec){ .iov_base = s->receive_memory + (size_t)i * s->buffer_bytes,
					.iov_len = s->buffer_bytes };
		prepare_incoming(s, i);
	}
	return true;
}

static bool watch(struct quicd_syscalls *s, int fd, uint32_t events, uint32_t whose)
{
	struct epoll_event event = { .events = events, .data.u32 = whose };
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* NULL: the socket is no more. */
static const struct quicd_udp *udp_of(const struct quicd_worker *worker, uint32_t slot)
{
	if (slot == MAIN_SOCKET)
		return &worker->net.udp;
	const struct quicd_socket *socket = quicd_socket_at(&worker->net.sockets, slot);
	return socket && socket->udp.fd >= 0 ? &socket->udp : NULL;
}

static int syscalls_open(struct quicd_worker *worker, uint32_t slot)
{
	struct quicd_syscalls *s = worker->net.state;
	return watch(s, udp_of(worker, slot)->fd, EPOLLIN, slot) ? 0 : errno;
}

static void syscalls_close(struct quicd_worker *worker, uint32_t slot)
{
	(void)slot;
	((struct quicd_syscalls *)worker->net.state)->sockets_close = true;
}

/* Once nothing is queued: epoll forgets what is closed. */
static void close_sockets(struct quicd_worker *worker)
{
	struct quicd_syscalls *s = worker->net.state;
	if (!s->sockets_close || s->send_first < s->send_end)
		return;
	s->sockets_close = false;
	for (uint32_t slot = 0; slot < worker->net.sockets.capacity; slot++) {
		const struct quicd_socket *socket = quicd_socket_at(&worker->net.sockets, slot);
		if (!socket || !socket->closing)
			continue;
		if (s->awaited == slot)
			s->awaited = KICK;
		quicd_socket_gone(worker, slot);
	}
}

static bool syscalls_start(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	struct quicd_syscalls *s = calloc(1, sizeof(*s));
	if (!s)
		return explain(error, error_bytes, "memory", "");
	worker->net.state = s;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd < 0)
		return explain(error, error_bytes, "epoll", "; raise the limit of open files");
	s->awaited = KICK;
	/*
	 * The kick edge-triggered: each write of its eventfd is one event, and nobody has to read
	 * the sum, which takes 580 years of kicks every nanosecond to fill.
	 */
	if (!watch(s, worker->net.udp.fd, EPOLLIN, MAIN_SOCKET) ||
	    !watch(s, worker->kick_fd, EPOLLIN | EPOLLET, KICK))
		return explain(error, error_bytes, "epoll", "");
	for (uint32_t slot = 0; slot < worker->net.sockets.capacity; slot++) {
		if (udp_of(worker, slot))
			syscalls_open(worker, slot);
		s->sockets_close = true; /* that were to be closed when the last one ended */
	}
	return create_pools(worker, error, error_bytes);
}

static void syscalls_stop(struct quicd_worker *worker)
{
	struct quicd_syscalls *s = worker->net.state;
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	quicd_pages_unmap(s->receive_memory, (size_t)s->buffer_count * s->buffer_bytes);
	quicd_pages_unmap(s->send_memory, (size_t)QUICD_SEND_BUFFERS * QUICD_SEND_BUFFER_BYTES);
	free(s);
	worker->net.state = NULL;
}

static void receive_error(struct quicd_worker *worker, uint32_t slot, int code)
{
	if (slot == MAIN_SOCKET)
		quicd_net_error(worker, code);
	else
		quicd_socket_error(worker, slot, code);
}

/*
 * What waits in a socket, as far as the turn has buffers left. False when there was nothing, or it
 * can't be told.
 */
static bool receive(struct quicd_worker *worker, uint32_t slot)
{
	struct quicd_syscalls *s = worker->net.state;
	const struct quicd_udp *udp = udp_of(worker, slot);
	const uint32_t first = s->filled;
	if (!udp || first == s->buffer_count)
		return false;
	worker->counters->system_calls++;
	int count = recvmmsg(udp->fd, s->incoming + first, s->buffer_count - first, MSG_DONTWAIT,
			     NULL);
	for (bool again = false; count < 0; again = true) {
		if (errno == EAGAIN && slot == MAIN_SOCKET)
			s->empty_turn = worker->counters->turns;
		if (errno == EAGAIN)
			return false;
		/* The error of an earlier send is told once, and is none of receiving. */
		if (errno != EINTR && (again || errno == ECONNABORTED))
			receive_error(worker, slot, errno);
		if (worker->net.failed || (again && slot != MAIN_SOCKET))
			return false;
		worker->counters->system_calls++;
		count = recvmmsg(udp->fd, s->incoming + first, s->buffer_count - first,
				 MSG_DONTWAIT, NULL);
	}
	for (uint32_t i = first; i < first + (uint32_t)count; i++) {
		struct mmsghdr *message = &s->incoming[i];
		s->lent += quicd_net_take(worker, udp, &message->msg_hdr,
					  s->incoming_bytes[i].iov_base, message->msg_len, i);
		prepare_incoming(s, i);
	}
	s->filled += (uint32_t)count;
	return count > 0;
}

/* How many of those queued leave by the same socket as the first. */
static uint32_t same_socket(const struct quicd_syscalls *s)
{
	uint32_t end = s->send_first + 1;
	while (end < s->send_end && s->send_slots[end] == s->send_slots[s->send_first])
		end++;
	return end - s->send_first;
}

/* Hands queued trains to the kernel, in order, until all are gone or its buffer is full. */
static void flush(struct quicd_worker *worker)
{
	struct quicd_syscalls *s = worker->net.state;
	s->send_blocked = false;
	while (s->send_first < s->send_end && !worker->net.failed) {
		const uint32_t slot = s->send_slots[s->send_first];
		const struct quicd_udp *udp = udp_of(worker, slot);
		worker->counters->system_calls++;
		const int sent = sendmmsg(udp ? udp->fd : -1, &s->sends[s->send_first],
					  same_socket(s), MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			s->send_blocked = true;
			return;
		}
		if (sent < 0) {
			const int code = errno;
			/* Of the first train: it is lost, those behind it are not. */
			quicd_net_sent(worker, slot, -code);
			s->send_first++;
		}
		for (int i = 0; i < sent; i++)
			quicd_net_sent(worker, slot, (int)s->sends[s->send_first++].msg_len);
	}
	s->send_first = s->send_end = 0;
}

/* epoll_pwait2 counts nanoseconds; where it is missing or forbidden, milliseconds, rounded up. */
static int wait_for_events(struct quicd_worker *worker, struct epoll_event *events, int room,
			   uint64_t timeout_ns)
{
	struct quicd_syscalls *s = worker->net.state;
	if (!s->in_milliseconds) {
		const struct timespec timeout = { .tv_sec = (time_t)(timeout_ns / 1000000000),
						  .tv_nsec = (long)(timeout_ns % 1000000000) };
		worker->counters->system_calls++;
		const int count = epoll_pwait2(s->epoll_fd, events, room, &timeout, NULL);
		if (count >= 0 || (errno != ENOSYS && errno != EPERM))
			return count;
		s->in_milliseconds = true;
	}
	const uint64_t milliseconds = (timeout_ns + 999999) / 1000000;
	worker->counters->system_calls++;
	return epoll_wait(s->epoll_fd, events, room,
			  milliseconds < INT32_MAX ? (int)milliseconds : INT32_MAX);
}

/* Takes the error, and what an error queue holds, out of the socket: else epoll keeps telling. */
static void clear_error(struct quicd_worker *worker, uint32_t slot)
{
	const struct quicd_udp *udp = udp_of(worker, slot);
	int code = 0;
	socklen_t bytes = sizeof(code);
	worker->counters->system_calls++;
	if (getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &code, &bytes) == 0 && code == ECONNABORTED)
		receive_error(worker, slot, code);
	struct msghdr nothing;
	do {
		nothing = (struct msghdr){ 0 };
		worker->counters->system_calls++;
	} while (recvmsg(udp->fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0);
}

static void ask_for_room(struct quicd_worker *worker, uint32_t slot, bool wanted)
{
	const struct quicd_syscalls *s = worker->net.state;
	const struct quicd_udp *udp = udp_of(worker, slot);
	struct epoll_event event = { .events = EPOLLIN | (wanted ? EPOLLOUT : 0),
				     .data.u32 = slot };
	worker->counters->system_calls++;
	if (udp)
		epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, udp->fd, &event);
}

static void on_event(struct quicd_worker *worker, const struct epoll_event *event)
{
	const uint32_t slot = event->data.u32;
	if (slot == KICK) {
		worker->counters->kicks++;
		return;
	}
	if (!udp_of(worker, slot))
		return;
	if (event->events & EPOLLERR)
		clear_error(worker, slot);
	if (event->events & EPOLLHUP)
		receive_error(worker, slot, ESHUTDOWN);
	if (event->events & EPOLLOUT)
		flush(worker);
	if (event->events & EPOLLIN)
		receive(worker, slot);
}

/* Waits for the first of a datagram, room to send if that is wanted, a kick, or the time. */
static void wait_for_something(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct quicd_syscalls *s = worker->net.state;
	const uint32_t awaited = s->send_blocked ? s->send_slots[s->send_first] : KICK;
	if (awaited != s->awaited) {
		if (s->awaited != KICK)
			ask_for_room(worker, s->awaited, false);
		if (awaited != KICK)
			ask_for_room(worker, awaited, true);
		s->awaited = awaited;
	}
	struct epoll_event events[EVENTS_MAX];
	worker->counters->waits += timeout_ns > 0;
	const int count = wait_for_events(worker, events, EVENTS_MAX, timeout_ns);
	if (count < 0 && errno != EINTR)
		quicd_net_error(worker, errno);
	for (int i = 0; i < count; i++)
		on_event(worker, &events[i]);
}

/* A kick that comes while this does not wait in epoll is kept there for the next time it does. */
static void syscalls_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct quicd_syscalls *s = worker->net.state;
	assert(s->lent == 0 && "a turn gives back all that it took");
	s->filled = 0;
	flush(worker);
	close_sockets(worker);
	if (worker->net.failed)
		return;
	/* Of several sockets only epoll knows which has something. */
	const bool several = worker->net.sockets.count > 0;
	const bool likely = worker->load_quarters >= BUSY_QUARTERS &&
			    s->empty_turn != worker->counters->turns;
	if (!several && (timeout_ns == 0 || likely) && receive(worker, MAIN_SOCKET))
		return;
	if ((timeout_ns > 0 || several) && !worker->net.failed)
		wait_for_something(worker, timeout_ns);
}

static void syscalls_recycle(struct quicd_worker *worker, uint32_t buffer)
{
	struct quicd_syscalls *s = worker->net.state;
	assert(s->lent > 0 && buffer < s->buffer_count);
	s->lent--;
}

static uint8_t *syscalls_send_buffer(struct quicd_worker *worker)
{
	struct quicd_syscalls *s = worker->net.state;
	if (s->send_end == QUICD_SEND_BUFFERS && !s->send_blocked)
		flush(worker);
	return s->send_end == QUICD_SEND_BUFFERS
		       ? NULL
		       : s->send_memory + (size_t)s->send_end * QUICD_SEND_BUFFER_BYTES;
}

static void syscalls_send(struct quicd_worker *worker, const struct qd_train *train)
{
	struct quicd_syscalls *s = worker->net.state;
	assert(s->send_end < QUICD_SEND_BUFFERS);
	const uint32_t index = s->send_end++;
	struct quicd_outgoing *out = &s->outgoing[index];
	const struct quicd_udp *udp =
		quicd_net_udp(worker, &train->from, &s->send_slots[index]);
	assert(udp && "net.c has looked");
	quicd_udp_prepare(udp, out, s->send_memory + (size_t)index * QUICD_SEND_BUFFER_BYTES,
			  train);
	s->sends[index].msg_hdr = out->message;
}

const struct quicd_net_backend quicd_syscalls_backend = {
	.name = "syscalls",
	.start = syscalls_start,
	.stop = syscalls_stop,
	.wait = syscalls_wait,
	.recycle = syscalls_recycle,
	.send_buffer = syscalls_send_buffer,
	.send = syscalls_send,
	.open = syscalls_open,
	.close = syscalls_close,
};
