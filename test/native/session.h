/* session.h - clients that come again with what the server gave them: tickets and 0-RTT. */
#pragma once
#include "client.h"

struct session {
	uint8_t bytes[QD_SESSION_BYTES_MAX];
	size_t length;
};

/* Connects to |port| and stays until the server's session has come. */
static inline void session_get(struct session *session, uint16_t port)
{
	struct client client = {0};
	const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
	client_open(&client, port);
	REQUIRE(client_handshake(&client));
	ssize_t got = QD_DONE;
	while (got == QD_DONE && client_now_ns() < deadline) {
		client_turn(&client, 5);
		got = qd_take_session(client.quiche, session->bytes, sizeof(session->bytes));
	}
	REQUIRE(got > 0);
	session->length = (size_t)got;
	client_close(&client);
}

extern uint8_t *SHA256(const uint8_t *bytes, size_t length, uint8_t out[32]); /* openssl/sha.h */

/*
 * Makes it a session of server |name| for our own client, which otherwise refuses it: |name| in
 * lower case. As native/quiche/src/session.rs has it, without verification.
 */
static inline void session_rename(struct session *session, const char *name)
{
	uint8_t bound[32 + 256] = {0}, digest[32];
	REQUIRE(strlen(name) < 256);
	SHA256((const uint8_t *)"", 1, bound);
	memcpy(bound + 32, name, strlen(name));
	SHA256(bound, 32 + strlen(name), digest);
	memcpy(session->bytes + 1, digest, 16);
}

/* As client_open, with early data, resuming from |session| as |name|; nothing is sent yet. */
static inline void client_resume_as(struct client *client, uint16_t port, const char *name,
				    const struct session *session)
{
	struct qd_config_options options = client_options();
	options.early_data = true;
	client->fd = client_socket(port, &client->local);
	client->peer = (struct qd_address){.family = 4, .port = port, .ip = {127, 0, 0, 1}};
	client_connect_name(client, &options, name);
	REQUIRE(qd_set_session(client->quiche, session->bytes, session->length, true) == 0);
}

static inline void client_resume(struct client *client, uint16_t port,
				 const struct session *session)
{
	client_resume_as(client, port, "localhost", session);
}

/* Datagrams of a client, kept to be sent again. */
struct flight {
	uint32_t count;
	size_t lengths[16];
	uint8_t bytes[16][1500];
};

/* Sends what there is and takes nothing in. |record| may be NULL. */
static inline void client_send_flight(struct client *client, struct flight *record)
{
	static _Thread_local uint8_t out[65536];
	struct qd_train train;
	ssize_t bytes;
	while ((bytes = qd_send_train(client->quiche, out, sizeof(out), 1, &train)) > 0) {
		(void)!send(client->fd, out, (size_t)bytes, 0);
		if (!record)
			continue;
		REQUIRE(record->count < 16 && bytes <= 1500);
		memcpy(record->bytes[record->count], out, (size_t)bytes);
		record->lengths[record->count++] = (size_t)bytes;
	}
}
