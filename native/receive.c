/*
 * receive.c - from received trains to connections: split, find the owner by DCID, decrypt in
 * place; see worker.h.
 */
#include "receive.h"
#include <assert.h>
#include "accept.h"
#include "connection.h"
#include "forward.h"
#include "quic_header.h"
#include "stateless.h"
#include "worker.h"

static void give(struct quicd_connection *connection, uint8_t *bytes, uint32_t length,
		 uint8_t ecn, const struct qd_address *from, const struct qd_address *to)
{
	struct quicd_worker *worker = connection->worker;
	struct quicd_counters *counters = worker->counters;
	if (connection->dead) {
		counters->receive_dead++;
		return;
	}
	counters->connection_datagrams++;
	connection->received_since_send++;
	connection->received_bytes_since_send += length;
	connection->received_ns = worker->now_ns;
	connection->view->received_bytes += length;
	connection->view->received_packets++;
	if (connection->received_ecn != ecn) {
		connection->received_ecn = ecn;
		qd_set_received_ecn(connection->quiche, ecn);
	}
	const int result = qd_recv(connection->quiche, bytes, length, from, to);
	if (result < 0 && result != QD_DONE)
		counters->connection_rejected++;
	if (result == QD_ERROR_PANIC) {
		counters->panics++;
		connection->dead = true;
	}
	if (connection->refuse && !connection->dead)
		quicd_accept_refuse(connection);
	quicd_list_append(&worker->dirty, &connection->dirty);
}

/* The connection that the worker has for it, or NULL. */
static struct quicd_connection *find(struct quicd_worker *worker,
				     const struct quicd_packet_header *header)
{
	const uint32_t index = quicd_cid_map_find(&worker->cids, header->dcid, header->dcid_bytes);
	return index == QUICD_NONE ? NULL : &worker->connections[index];
}

static void receive_datagram(struct quicd_worker *worker, uint8_t *bytes, uint32_t length,
			     uint32_t cid_bytes, const struct quicd_received *train)
{
	struct quicd_counters *counters = worker->counters;
	counters->receive_datagrams++;
	counters->receive_bytes += length;
	struct quicd_packet_header header;
	if (!quicd_packet_header_read(bytes, length, cid_bytes, &header)) {
		counters->receive_malformed++;
		return;
	}
	struct quicd_connection *connection = find(worker, &header);
	if (!connection) {
		struct quicd_forwarded datagram = { .length = length,
						    .ecn = train->ecn,
						    .arrived_ns = worker->now_ns,
						    .from = train->from,
						    .to = train->to };
		if (quicd_forward_elsewhere(worker, &header, bytes, &datagram))
			return;
		connection = quicd_accept(worker, &header, length, &train->from, &train->to);
		if (worker->engine->options.role == QUICD_ROLE_CLIENT &&
		    header.form == QUICD_PACKET_SHORT)
			quicd_stateless_heard(worker, bytes, length, &train->from, &train->to);
	}
	if (connection)
		give(connection, bytes, length, train->ecn, &train->from, &train->to);
}

void quicd_receive_forwarded(struct quicd_worker *worker, const struct quicd_forwarded *datagram,
			     uint8_t *bytes)
{
	struct quicd_counters *counters = worker->counters;
	struct quicd_packet_header header;
	const bool readable =
		quicd_packet_header_read(bytes, datagram->length, QUICD_CID_BYTES, &header);
	assert(readable && "who forwarded it has read its header");
	counters->forward_received++;
	/* It may have begun its turn after ours. */
	if (worker->now_ns > datagram->arrived_ns)
		counters->forward_wait_ns += worker->now_ns - datagram->arrived_ns;
	struct quicd_connection *connection = find(worker, &header);
	/*
	 * Not even an Initial opens a connection here: that would let a client choose its
	 * worker.
	 */
	if (!connection && datagram->may_open) {
		connection = quicd_accept(worker, &header, datagram->length, &datagram->from,
					  &datagram->to);
	} else if (!connection) {
		counters->forward_unknown++;
		if (header.form == QUICD_PACKET_SHORT &&
		    worker->engine->options.role == QUICD_ROLE_SERVER)
			quicd_stateless_reset(worker, &header, datagram->length, &datagram->from,
					      &datagram->to);
	}
	if (connection)
		give(connection, bytes, datagram->length, datagram->ecn, &datagram->from,
		     &datagram->to);
}

/*
 * RFC 9000 knows datagrams only: a GRO train is |segment_bytes| apart, its last one may be
 * shorter.
 */
static void receive_train(struct quicd_worker *worker, const struct quicd_received *train)
{
	const uint32_t cid_bytes = quicd_net_cid_bytes(worker, train->to.port);
	uint32_t at = 0;
	if (train->length == 0) { /* UDP knows such datagrams, QUIC does not */
		worker->counters->receive_datagrams++;
		worker->counters->receive_malformed++;
	}
	while (at < train->length) {
		const uint32_t left = train->length - at;
		const uint32_t length = left < train->segment_bytes ? left : train->segment_bytes;
		receive_datagram(worker, train->bytes + at, length, cid_bytes, train);
		at += length;
	}
}

void quicd_receive_all(struct quicd_worker *worker)
{
	for (uint32_t i = 0; i < worker->net.received_count; i++) {
		receive_train(worker, &worker->net.received[i]);
		quicd_net_recycle(worker, worker->net.received[i].buffer);
	}
	worker->net.received_count = 0;
}
