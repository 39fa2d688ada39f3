/*
 * client.h - a QUIC client for native tests: one connection over one UDP socket on loopback, by the
 * same border to quiche. Not quicd's client role: just enough to drive the server from C, under
 * sanitizers.
 */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "check.h"
#include "keys.h"
#include "quiche/quicd_quiche.h"
#include "udp.h"

struct client {
	int fd;
	struct qd_config *config;
	struct qd_connection *quiche;
	struct qd_address local, peer;
};

static inline uint64_t client_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline int client_socket(uint16_t port, struct qd_address *local)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	const int bytes = 4 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_port = htons(port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	REQUIRE(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	socklen_t size = sizeof(name);
	getsockname(fd, (struct sockaddr *)&name, &size);
	REQUIRE(quicd_address_from((struct sockaddr *)&name, local));
	return fd;
}

static inline struct qd_config_options client_options(void)
{
	return (struct qd_config_options){
		.alpn = (const uint8_t *)"\4echo",
		.alpn_bytes = 5,
		.max_idle_timeout_ms = 10000,
		.max_recv_udp_payload_bytes = 65527,
		.max_send_udp_payload_bytes = 1350,
		.initial_max_data = 16 << 20,
		.initial_max_stream_data_bidi_local = 4 << 20,
		.initial_max_stream_data_bidi_remote = 4 << 20,
		.initial_max_stream_data_uni = 4 << 20,
		.initial_max_streams_bidi = 100,
		.initial_max_streams_uni = 100,
		.max_connection_window = 24 << 20,
		.max_stream_window = 16 << 20,
		.active_connection_id_limit = 4,
		.max_ack_delay_ms = 25,
		.datagram_receive_queue = 100,
		.datagram_send_queue = 100,
		.initial_window_packets = 10,
	};
}

/* The connection alone, between |local| and |peer|, which the caller has set; who carries its
 * datagrams is open. */
static inline void client_connect_name(struct client *client,
				       const struct qd_config_options *options, const char *name)
{
	char error[256];
	client->config = qd_config_new(options, error, sizeof(error));
	REQUIRE(client->config != NULL);
	uint8_t scid[16];
	quicd_random(scid, sizeof(scid));
	int result = 0;
	client->quiche = qd_connect(client->config, name, scid, sizeof(scid), &client->local,
				    &client->peer, &result);
	REQUIRE(client->quiche != NULL);
}

static inline void client_connect_as(struct client *client, const struct qd_config_options *options)
{
	client_connect_name(client, options, "localhost");
}

static inline void client_connect(struct client *client)
{
	const struct qd_config_options options = client_options();
	client_connect_as(client, &options);
}

static inline void client_open(struct client *client, uint16_t port)
{
	client->fd = client_socket(port, &client->local);
	client->peer = (struct qd_address){.family = 4, .port = port, .ip = {127, 0, 0, 1}};
	client_connect(client);
}

/* Sends what there is, waits at most |wait_ms| for something to come, takes it in. */
static inline void client_turn(struct client *client, int wait_ms)
{
	static _Thread_local uint8_t out[65536], in[65536];
	struct qd_train train;
	ssize_t bytes;
	while ((bytes = qd_send_train(client->quiche, out, sizeof(out), 1, &train)) > 0)
		(void)!send(client->fd, out, (size_t)bytes, 0);
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	poll(&poll_fd, 1, wait_ms);
	while ((bytes = recv(client->fd, in, sizeof(in), 0)) > 0)
		qd_recv(client->quiche, in, (size_t)bytes, &client->peer, &client->local);
	if (qd_timeout_ns(client->quiche) <= client_now_ns())
		qd_on_timeout(client->quiche);
}

/* For whoever reads the log of a test that failed. */
static inline void client_tell_end(const struct client *client, const struct qd_state *state)
{
	struct qd_close_reason ours = {0}, theirs = {0};
	qd_local_error(client->quiche, &ours);
	qd_peer_error(client->quiche, &theirs);
	fprintf(stderr, "no handshake: closed %d, our error 0x%llx %.*s, the peer's 0x%llx %.*s\n",
		state->closed, (unsigned long long)ours.error_code, (int)ours.reason_bytes,
		(const char *)ours.reason, (unsigned long long)theirs.error_code,
		(int)theirs.reason_bytes, (const char *)theirs.reason);
}

static inline bool client_handshake(struct client *client)
{
	struct qd_state state = {0};
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	while (!state.established && !state.closed && client_now_ns() < deadline) {
		client_turn(client, 5);
		qd_get_state(client->quiche, &state);
	}
	if (!state.established)
		client_tell_end(client, &state);
	return state.established;
}

/* Another local port: what a NAT rebinding looks like to the server. The client itself notices
 * nothing. */
static inline void client_rebind(struct client *client)
{
	struct qd_address unused;
	close(client->fd);
	client->fd = client_socket(client->peer.port, &unused);
}

static inline void client_close(struct client *client)
{
	qd_close(client->quiche, true, 7, (const uint8_t *)"done", 4);
	client_turn(client, 0);
	qd_free(client->quiche);
	qd_config_free(client->config);
	close(client->fd);
}
