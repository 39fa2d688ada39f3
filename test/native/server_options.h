/* server_options.h - the server that native tests and fuzzers start; a case changes what it is
 * about. */
#pragma once
#include "certificate.h"
#include "options.h"

static inline struct quicd_options default_options(uint32_t workers)
{
	struct quicd_options options = {
		.host = "127.0.0.1",
		.workers = workers,
		.apps = 1,
		.gro = true,
		.gso = true,
		.routing = QUICD_ROUTING_FORWARD,
		.receive_pool_bytes = 4 << 20,
		.socket_buffer_bytes = 4 << 20,
		.certificate_pem = TEST_CERTIFICATE,
		.certificate_pem_bytes = sizeof(TEST_CERTIFICATE) - 1,
		.private_key_pem = TEST_KEY,
		.private_key_pem_bytes = sizeof(TEST_KEY) - 1,
		.alpn = "\4echo",
		.alpn_bytes = 5,
		.max_idle_timeout_ms = 10000,
		.handshake_timeout_ms = 10000, /* long: a busy machine is no silent peer */
		.max_udp_payload_bytes = 1350,
		.connection_window_bytes = 4 << 20,
		.stream_window_bytes = 1 << 20,
		.streams_bidi = 256,
		.streams_uni = 16,
		.active_connection_id_limit = 8,
		.datagram_queue = 128,
		.ecn = true,
		.connections = 256,
		.ring_capacity = 1024,
		.stream_chunks = 64,
		.connection_events = 128,
	};
	return options;
}
