/* net.c - see net.h: chooses a backend, and what backends have in common. */
#include "net.h"
#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>
#include "steer.h"
#include "worker.h"

/* After so many failures to receive in a row the socket counts as lost. */
#define ERRORS_MAX 16
#define REOPEN_MS 100
/* The socket is asked for its losses this often, while there is traffic. */
#define WATCH_NS 1000000000ull

const struct quicd_net_backend *quicd_net_choose(enum quicd_backend wanted, uint32_t workers,
						 char *note, size_t note_bytes)
{
	note[0] = 0;
	if (wanted == QUICD_BACKEND_SYSCALLS)
		return &quicd_syscalls_backend;
	if (quicd_uring_usable(workers, note, note_bytes))
		return &quicd_uring_backend;
	return wanted == QUICD_BACKEND_AUTO ? &quicd_syscalls_backend : NULL;
}

bool quicd_net_start(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	return worker->engine->backend->start(worker, error, error_bytes);
}

void quicd_net_stop(struct quicd_worker *worker)
{
	if (worker->net.state)
		worker->engine->backend->stop(worker);
}

/* Without a socket there are only kicks, timers, and the next attempt to have one again. */
static void wait_without_socket(struct quicd_worker *worker, uint64_t timeout_ns)
{
	struct pollfd kick = { .fd = worker->kick_fd, .events = POLLIN };
	const uint64_t milliseconds = timeout_ns / 1000000;
	worker->counters->system_calls++;
	if (poll(&kick, 1, milliseconds < REOPEN_MS ? (int)milliseconds : REOPEN_MS) <= 0)
		return;
	uint64_t value;
	if (read(worker->kick_fd, &value, sizeof(value)) == sizeof(value))
		worker->counters->kicks++;
}

void quicd_net_wait(struct quicd_worker *worker, uint64_t timeout_ns)
{
	assert(worker->net.received_count == 0);
	if (worker->net.state)
		worker->engine->backend->wait(worker, timeout_ns);
	else
		wait_without_socket(worker, timeout_ns);
}

static bool reopen(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	struct quicd_engine *engine = worker->engine;
	const uint32_t hook = atomic_load(&worker->net.fail_attempts);
	if (hook > 0) {
		atomic_store(&worker->net.fail_attempts, hook - 1);
		if (hook > 1) {
			snprintf(error, error_bytes, "a test wants this attempt to fail");
			return false;
		}
	}
	const uint16_t port = worker->net.udp.port;
	if (!quicd_udp_open(&worker->net.udp, &engine->options, port, false, error, error_bytes)) {
		worker->net.udp.port = port; /* for the next attempt */
		return false;
	}
	if (engine->backend->start(worker, error, error_bytes) &&
	    (!engine->steer ||
	     quicd_steer_replace(engine->steer, worker->index, QUICD_NONE, worker->net.udp.fd)))
		return true;
	if (worker->net.state)
		engine->backend->stop(worker);
	quicd_udp_close(&worker->net.udp);
	return false;
}

static void recover(struct quicd_worker *worker)
{
	struct quicd_net *net = &worker->net;
	char error[256] = "";
	if (net->failed) {
		net->failed = false;
		net->errors = 0;
		net->reopen_ns = worker->now_ns;
		worker->counters->failures++;
		quicd_net_stop(worker);
		quicd_udp_close(&net->udp);
	}
	if (worker->now_ns < net->reopen_ns)
		return;
	if (reopen(worker, error, sizeof(error))) {
		fprintf(stderr, "quicd: worker %u lost its socket and has a new one\n",
			worker->index);
		return;
	}
	fprintf(stderr, "quicd: worker %u has lost its socket and finds no new one yet: %s\n",
		worker->index, error);
	net->reopen_ns = worker->now_ns + REOPEN_MS * 1000000ull;
}

/* SO_MEMINFO, so that this socket's losses are known and not the whole machine's. */
static void watch_losses(struct quicd_worker *worker)
{
	uint32_t memory[SK_MEMINFO_VARS] = { 0 };
	socklen_t bytes = sizeof(memory);
	worker->net.watched_ns = worker->now_ns;
	worker->counters->system_calls++;
	if (getsockopt(worker->net.udp.fd, SOL_SOCKET, SO_MEMINFO, memory, &bytes) == 0)
		worker->counters->socket_drops = memory[SK_MEMINFO_DROPS];
}

void quicd_net_look_after(struct quicd_worker *worker)
{
	struct quicd_net *net = &worker->net;
	if (atomic_load_explicit(&net->fail_attempts, memory_order_relaxed) > 0 && net->state)
		net->failed = true;
	if (net->failed || !net->state)
		recover(worker);
	else if (worker->now_ns - net->watched_ns > WATCH_NS)
		watch_losses(worker);
	quicd_sockets_repair(worker);
}

void quicd_net_fail(struct quicd_worker *worker, uint32_t attempts)
{
	atomic_store(&worker->net.fail_attempts, 1 + attempts);
	quicd_worker_kick(worker);
}

bool quicd_net_is_gone(int code)
{
	return code == EBADF || code == ENOTSOCK || code == ESHUTDOWN || code == EPIPE ||
	       code == ECONNABORTED;
}

void quicd_net_error(struct quicd_worker *worker, int code)
{
	worker->counters->receive_errors++;
	if (++worker->net.errors >= ERRORS_MAX || quicd_net_is_gone(code))
		worker->net.failed = true;
}

void quicd_net_recycle(struct quicd_worker *worker, uint32_t buffer)
{
	worker->engine->backend->recycle(worker, buffer);
}

uint32_t quicd_net_cid_bytes(const struct quicd_worker *worker, uint16_t port)
{
	const struct quicd_net *net = &worker->net;
	if (net->sockets.count == 0 || net->udp.port == port)
		return QUICD_CID_BYTES;
	const uint32_t slot = quicd_socket_find(&net->sockets, port);
	const struct quicd_socket *socket = quicd_socket_at(&net->sockets, slot);
	return socket ? socket->cid_bytes : QUICD_CID_BYTES;
}

int quicd_net_open(struct quicd_worker *worker, uint32_t cid_bytes, uint16_t *port)
{
	const struct quicd_net_backend *backend = worker->engine->backend;
	if (!backend->open)
		return ENOTSUP;
	if (!worker->net.state)
		return ENETDOWN;
	int code = 0;
	const uint32_t slot = quicd_socket_open(worker, &code);
	if (slot == QUICD_NONE)
		return code;
	struct quicd_socket *socket = quicd_socket_at(&worker->net.sockets, slot);
	socket->cid_bytes = (uint8_t)cid_bytes;
	*port = socket->udp.port;
	code = backend->open(worker, slot);
	if (code != 0)
		quicd_socket_gone(worker, slot);
	return code;
}

void quicd_net_close(struct quicd_worker *worker, uint16_t port)
{
	const uint32_t slot = quicd_socket_find(&worker->net.sockets, port);
	assert(slot != QUICD_NONE);
	quicd_socket_at(&worker->net.sockets, slot)->closing = true;
	if (worker->net.state)
		worker->engine->backend->close(worker, slot);
	else
		quicd_socket_gone(worker, slot);
}

const struct quicd_udp *quicd_net_udp(const struct quicd_worker *worker,
				      const struct qd_address *from, uint32_t *slot)
{
	const struct quicd_net *net = &worker->net;
	*slot = QUICD_NONE;
	/* Nearly always; and a worker without others looks no further. */
	if (net->sockets.count == 0)
		return &net->udp;
	if (net->sockets.listening > 0)
		*slot = quicd_socket_listening(&net->sockets, from);
	if (*slot == QUICD_NONE && (net->udp.port == from->port || net->sockets.listening > 0))
		return &net->udp;
	if (*slot == QUICD_NONE)
		*slot = quicd_socket_find(&net->sockets, from->port);
	const struct quicd_socket *socket = quicd_socket_at(&net->sockets, *slot);
	return socket && socket->udp.fd >= 0 ? &socket->udp : NULL;
}

uint8_t *quicd_net_send_buffer(struct quicd_worker *worker)
{
	uint8_t *buffer = worker->net.state ? worker->engine->backend->send_buffer(worker) : NULL;
	if (!buffer)
		worker->counters->send_pool_empty++;
	return buffer;
}

void quicd_net_send(struct quicd_worker *worker, const struct qd_train *train)
{
	struct quicd_counters *counters = worker->counters;
	assert(train->bytes > 0 && train->bytes <= QUICD_TRAIN_BYTES_MAX);
	uint32_t slot;
	if (!quicd_net_udp(worker, &train->from, &slot)) {
		counters->send_errors++;
		return;
	}
	counters->send_calls++;
	counters->send_datagrams += train->segments;
	counters->send_bytes += train->bytes;
	worker->engine->backend->send(worker, train);
}

/*
 * The device computes no checksums, and the kernel is too old to do it in its place. What was in
 * the train is lost, and QUIC sends it again.
 */
static void without_segmentation(struct quicd_worker *worker)
{
	worker->net.udp.gso = false;
	worker->counters->gso_refused++;
	if (!atomic_exchange(&worker->engine->gso_refused, true))
		fprintf(stderr,
			"quicd: the network device refuses segmented sends (UDP_SEGMENT: EIO); "
			"each packet is sent by itself from now on ([netio] gso = false)\n");
}

void quicd_net_sent(struct quicd_worker *worker, uint32_t slot, int result)
{
	if (result >= 0)
		return;
	worker->counters->send_errors++;
	if (result == -EIO && worker->net.udp.gso)
		without_segmentation(worker);
	if (slot != QUICD_NONE)
		quicd_socket_error(worker, slot, -result);
	else if (quicd_net_is_gone(-result))
		quicd_net_error(worker, -result);
}

bool quicd_net_take(struct quicd_worker *worker, const struct quicd_udp *udp,
		    struct msghdr *message, uint8_t *bytes, uint32_t length, uint32_t buffer)
{
	struct quicd_counters *counters = worker->counters;
	struct quicd_received *received = &worker->net.received[worker->net.received_count];
	assert(worker->net.received_count < QUICD_NET_BATCH);
	counters->receive_calls++;
	worker->net.errors = 0;
	if (message->msg_flags & MSG_CTRUNC)
		counters->receive_control_truncated++;
	if (message->msg_flags & MSG_TRUNC) {
		counters->receive_datagrams++;
		counters->receive_truncated++;
		return false;
	}
	struct quicd_ancillary ancillary;
	quicd_udp_read_ancillary(udp, message, &ancillary);
	if (!quicd_address_from(message->msg_name, &received->from)) {
		counters->receive_datagrams++;
		counters->receive_malformed++;
		return false;
	}
	received->to = ancillary.to;
	received->to.port = udp->port;
	received->bytes = bytes;
	received->length = length;
	received->segment_bytes = ancillary.segment_bytes ? ancillary.segment_bytes : length;
	received->buffer = buffer;
	received->ecn = ancillary.ecn;
	counters->receive_ecn_ect0 += ancillary.ecn == QUICD_ECN_ECT0;
	counters->receive_ecn_ect1 += ancillary.ecn == QUICD_ECN_ECT1;
	counters->receive_ecn_ce += ancillary.ecn == QUICD_ECN_CE;
	worker->net.received_count++;
	return true;
}
