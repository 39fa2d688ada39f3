/* echo_client.h - streams to an echo server and back, every byte checked. */
#pragma once
#include "client.h"

/* How long a stream may take. */
static uint64_t echo_limit_ns = 60000000000ull;

/* A byte that depends on where it is, so that order and place are checked. */
static inline uint8_t byte_at(uint64_t position, uint64_t stream)
{
	return (uint8_t)(position * 31 + (position >> 8) + stream);
}

/* Writes |bytes| to |stream|, checks the echo; |every| bytes received |between| is called. */
static inline bool echo_stream(struct client *client, uint64_t stream, uint64_t bytes,
			       uint64_t every, void (*between)(struct client *client))
{
	uint64_t sent = 0, received = 0, error_code = 0, next = every;
	uint64_t ping_ns = 0;
	bool fin_sent = false, fin = false;
	static _Thread_local uint8_t chunk[16384];
	const uint64_t deadline = client_now_ns() + echo_limit_ns;
	while (!fin && client_now_ns() < deadline) {
		while (!fin_sent) {
			const size_t length =
				bytes - sent < sizeof(chunk) ? bytes - sent : sizeof(chunk);
			for (size_t i = 0; i < length; i++)
				chunk[i] = byte_at(sent + i, stream);
			const ssize_t taken =
				qd_stream_send_copy(client->quiche, stream, chunk, length,
						    sent + length == bytes, &error_code);
			if (taken < 0 && taken != QD_DONE)
				return false;
			if (taken <= 0 && length > 0)
				break;
			sent += (uint64_t)taken;
			fin_sent = sent == bytes;
		}
		client_turn(client, 1);
		/* A rebinding shows when the client sends something; one that only waits would wait
		 * forever. */
		if (between && client_now_ns() > ping_ns) {
			qd_send_ack_eliciting(client->quiche);
			ping_ns = client_now_ns() + 20000000;
		}
		ssize_t got;
		while ((got = qd_stream_recv(client->quiche, stream, chunk, sizeof(chunk), &fin,
					     &error_code)) >= 0) {
			for (ssize_t i = 0; i < got; i++)
				if (chunk[i] != byte_at(received + (uint64_t)i, stream))
					return false;
			received += (uint64_t)got;
			if (fin)
				break;
		}
		if (got < 0 && got != QD_DONE && got != QD_ERROR_INVALID_STREAM_STATE)
			return false;
		if (between && received >= next) {
			next += every;
			between(client);
		}
	}
	return fin && received == bytes;
}
