/*
 * syscalls.c - net.h with plain system calls, for where io_uring is refused: recvmmsg, sendmmsg
 * with UDP_SEGMENT, and one epoll for the socket and the kick.
 *
 * Buffers stand in a row on both sides. Message i of a batch is received into buffer i, since a
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

struct receive_room {
	_Alignas(8) uint8_t name[QUICD_RECEIVE_NAME_BYTES];
	_Alignas(8) uint8_t control[QUICD_RECEIVE_CONTROL_BYTES];
};

struct quicd_syscalls {
	int epoll_fd;
	uint32_t interest;    /* in the socket, as epoll knows it */
	bool in_milliseconds; /* there is no epoll_pwait2 here */

	uint8_t *receive_memory;
	uint32_t buffer_bytes;
	uint32_t buffer_count;
	uint32_t lent; /* buffers that the worker has not given back */
	uint64_t empty_turn; /* of the worker: nothing was there in it */
	struct mmsghdr incoming[QUICD_NET_BATCH];
	struct iovec incoming_bytes[QUICD_NET_BATCH];
	struct receive_room incoming_room[QUICD_NET_BATCH];

	uint8_t *send_memory;
	uint32_t send_first; /* of those not yet with the kernel */
	uint32_t send_end;
	bool send_blocked; /* the socket's buffer is full */
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

static bool watch(struct quicd_syscalls *s, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
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
	s->interest = EPOLLIN;
	/*
	 * The kick edge-triggered: each write of its eventfd is one event, and nobody has to read
	 * the sum, which takes 580 years of kicks every nanosecond to fill.
	 */
	if (!watch(s, worker->net.udp.fd, s->interest) ||
	    !watch(s, worker->kick_fd, EPOLLIN | EPOLLET))
		return explain(error, error_bytes, "epoll", "");
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

/* What waits in the socket, one batch at the most. False when there was nothing. */
static bool receive(struct quicd_worker *worker)
{
	struct quicd_syscalls *s = worker->net.state;
	int count = -1;
	for (bool again = false; count < 0 && !worker->net.failed; again = true) {
		worker->counters->system_calls++;
		count = recvmmsg(worker->net.udp.fd, s->incoming, s->buffer_count, MSG_DONTWAIT,
				 NULL);
		if (count < 0 && errno == EAGAIN) {
			s->empty_turn = worker->counters->turns;
			return false;
		}
		/* The error of an earlier send is told once, and is none of receiving. */
		if (count < 0 && errno != EINTR && (again || errno == ECONNABORTED))
			quicd_net_error(worker, errno);
	}
	for (int i = 0; i < count; i++) {
		struct mmsghdr *message = &s->incoming[i];
		s->lent += quicd_net_take(worker, &message->msg_hdr, s->incoming_bytes[i].iov_base,
					  message->msg_len, (uint32_t)i);
		prepare_incoming(s, (uint32_t)i);
	}
	return count > 0;
}

/* Hands queued trains to the kernel, in order, until all are gone or its buffer is full. */
static void flush(struct quicd_worker *worker)
{
	struct quicd_syscalls *s = worker->net.state;
	s->send_blocked = false;
	while (s->send_first < s->send_end && !worker->net.failed) {
		worker->counters->system_calls++;
		const int sent = sendmmsg(worker->net.udp.fd, &s->sends[s->send_first],
					  s->send_end - s->send_first, MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			s->send_blocked = true;
			return;
		}
		if (sent < 0) {
			const int code = errno;
			/* Of the first train: it is lost, those behind it are not. */
			quicd_net_sent(worker, -code);
			s->send_first++;
		}
		for (int i = 0; i < sent; i++)
			quicd_net_sent(worker, (int)s->sends[s->send_first++].msg_len);
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
static void clear_error(struct quicd_worker *worker)
{
	int code = 0;
	socklen_t bytes = sizeof(code);
	worker->counters->system_calls++;
	if (getsockopt(worker->net.udp.fd, SOL_SOCKET, SO_ERROR, &code, &bytes) == 0 &&
	    code == ECONNABORTED)
		quicd_net_error(worker, code);
	struct msghdr nothing;
	do {
		nothing = (struct msghdr){ 0 };
		worker->counters->system_calls++;
	} while (recvmsg(worker->net.udp.fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0);
}

/* Waits for the first of a datagram, room to send if that is wanted, a kick, or the time. */
static void wait_for_something(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct quicd_syscalls *s = worker->net.state;
	const uint32_t interest = EPOLLIN | (s->send_blocked ? EPOLLOUT : 0);
	if (interest != s->interest) {
		struct epoll_event event = { .events = interest, .data.fd = worker->net.udp.fd };
		worker->counters->system_calls++;
		epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, worker->net.udp.fd, &event);
		s->interest = interest;
	}
	struct epoll_event events[2];
	worker->counters->waits++;
	const int count = wait_for_events(worker, events, 2, timeout_ns);
	if (count < 0 && errno != EINTR)
		quicd_net_error(worker, errno);
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == worker->kick_fd) {
			worker->counters->kicks++;
			continue;
		}
		if (events[i].events & EPOLLERR)
			clear_error(worker);
		if (events[i].events & EPOLLHUP)
			quicd_net_error(worker, ESHUTDOWN);
		if (events[i].events & EPOLLOUT)
			flush(worker);
		if (events[i].events & EPOLLIN)
			receive(worker);
	}
}

/* A kick that comes while this does not wait in epoll is kept there for the next time it does. */
static void syscalls_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct quicd_syscalls *s = worker->net.state;
	assert(s->lent == 0 && "a turn gives back all that it took");
	flush(worker);
	if (worker->net.failed)
		return;
	const bool likely = worker->load_quarters >= BUSY_QUARTERS &&
			    s->empty_turn != worker->counters->turns;
	if ((timeout_ns == 0 || likely) && receive(worker))
		return;
	if (timeout_ns > 0 && !worker->net.failed)
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
	quicd_udp_prepare(&worker->net.udp, out,
			  s->send_memory + (size_t)index * QUICD_SEND_BUFFER_BYTES, train);
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
};
