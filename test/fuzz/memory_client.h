/* memory_client.h - test/native/client.h over memory_net.h, and what an app thread does at least.
 */
#pragma once
#include "../native/client.h"
#include "memory_net.h"
#include "quicd.h"

#define MEMORY_CLIENT_PORT 5555

static inline void memory_client_open_as(struct client *client, enum qd_versions versions)
{
	struct qd_config_options options = client_options();
	client->fd = -1;
	client->local =
		(struct qd_address){.family = 4, .port = MEMORY_CLIENT_PORT, .ip = {127, 0, 0, 1}};
	client->peer = client->local;
	client->peer.port = memory_net.engine->port;
	options.versions = versions;
	client_connect_as(client, &options);
}

static inline void memory_client_open(struct client *client)
{
	memory_client_open_as(client, QD_VERSIONS_ANY);
}

static inline void memory_client_close(struct client *client)
{
	qd_free(client->quiche);
	qd_config_free(client->config);
}

/* One datagram of the client, or <= 0. */
static inline ssize_t memory_client_next(struct client *client,
					 uint8_t out[MEMORY_NET_DATAGRAM_BYTES])
{
	struct qd_train train;
	return qd_send_train(client->quiche, out, MEMORY_NET_DATAGRAM_BYTES, 1, &train);
}

/* What the server sent, to the client. */
static inline void memory_client_take(struct client *client)
{
	for (uint32_t i = 0; i < memory_net.out_count; i++) {
		struct memory_train *sent = &memory_net.out[i];
		for (uint32_t at = 0; at < sent->train.bytes; at += sent->train.segment_bytes) {
			const uint32_t left = sent->train.bytes - at;
			const uint32_t length =
				left < sent->train.segment_bytes ? left : sent->train.segment_bytes;
			qd_recv(client->quiche, sent->bytes + at, length, &client->peer,
				&client->local);
		}
	}
	memory_net_drop_sent();
}

/* All that either side has to say, back and forth. */
static inline void memory_client_turn(struct client *client)
{
	uint8_t out[MEMORY_NET_DATAGRAM_BYTES];
	ssize_t bytes;
	for (int i = 0; i < 16 && (bytes = memory_client_next(client, out)) > 0; i++)
		memory_net_put(out, (uint32_t)bytes, &client->local);
	memory_net_settle();
	memory_client_take(client);
	memory_net_advance(100000);
	if (qd_timeout_ns(client->quiche) <= client_now_ns())
		qd_on_timeout(client->quiche);
}

static inline bool memory_client_handshake(struct client *client)
{
	struct qd_state state = {0};
	for (int i = 0; i < 20 && !state.established && !state.closed; i++) {
		memory_client_turn(client);
		qd_get_state(client->quiche, &state);
	}
	return state.established;
}

static inline const struct quicd_event *memory_event(uint32_t head)
{
	const struct quicd_ring *ring = &memory_net.engine->apps[0].links[0].events;
	return (const struct quicd_event *)(ring->entries +
					    64 * (size_t)(head & (ring->capacity - 1)));
}

/* Consumes every event and keeps no lease. |head| is the count of events so far. */
static inline void memory_app_drain(uint32_t app, uint32_t *head)
{
	uint32_t ready;
	while ((ready = quicd_events_peek(app, 0)) > 0) {
		for (uint32_t i = 0; i < ready; i++) {
			const struct quicd_event *event = memory_event((*head)++);
			if (event->buffer != QUICD_NONE)
				REQUIRE(quicd_buffer_release(app, 0, event->buffer) == QUICD_OK);
		}
		quicd_events_release(app, 0, ready);
	}
}
