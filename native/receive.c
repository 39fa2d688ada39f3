/*
 * receive.c - from received trains to connections: split, find the owner by DCID, decrypt in
 * place; see worker.h.
 */
#include "receive.h"
#include <assert.h>
#include "accept.h"
#include "connection.h"
#include "quic_header.h"
#include "worker.h"

void quicd_receive_datagram(struct quicd_worker *worker, uint8_t *bytes, uint32_t length,
			    const struct qd_address *from, const struct qd_address *to)
{
	struct quicd_counters *counters = worker->counters;
	counters->receive_datagrams++;
	counters->receive_bytes += length;
	struct quicd_packet_header header;
	if (!quicd_packet_header_read(bytes, length, &header)) {
		counters->receive_malformed++;
		return;
	}
	const uint32_t index = quicd_cid_map_find(&worker->cids, header.dcid, header.dcid_bytes);
	struct quicd_connection *connection =
		index == QUICD_NONE ? quicd_accept(worker, &header, length, from, to)
				    : &worker->connections[index];
	if (!connection || connection->dead)
		return;
	counters->connection_datagrams++;
	connection->received_since_send++;
	connection->view->received_bytes += length;
	connection->view->received_packets++;
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

/*
 * RFC 9000 knows datagrams only: a GRO train is |segment_bytes| apart, its last one may be
 * shorter.
 */
static void receive_train(struct quicd_worker *worker, const struct quicd_received *train)
{
	uint32_t at = 0;
	while (at < train->length) {
		const uint32_t left = train->length - at;
		const uint32_t length = left < train->segment_bytes ? left : train->segment_bytes;
		quicd_receive_datagram(worker, train->bytes + at, length, &train->from, &train->to);
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
