/*
 * connect_fuzz.c - the client role against a hostile JavaScript and a hostile network: any bytes as
 * CONNECT, moves and closes in any state, and anything as answers. A server that means it well
 * answers too, so that connections get somewhere. At the end everything is given back.
 */
#include <stddef.h>
#include "memory_client.h"
#include "profile.h"
#include "quic_header.h"

#define STEPS_MAX 120
#define SERVERS_MAX 16
#define SERVER_PORT 4433
#define FOREVER_NS 60000000000ull

struct input {
	const uint8_t *at, *end;
};

/* The other side of one connection. */
struct server {
	struct qd_connection *quiche;
	struct qd_address client;
	uint8_t cid[QD_CID_BYTES];
};

static uint32_t app, head, requests;
static struct qd_config *server_config;
static struct server servers[SERVERS_MAX];
static struct quicd_event seen; /* of a connection: numbers that are real */
static uint8_t session[QUICD_LARGE_BUFFER_BYTES];
static uint32_t session_bytes;
static struct quicd_memory baseline;

static uint32_t next_number(struct input *input, int bytes)
{
	uint32_t number = 0;
	for (int i = 0; i < bytes; i++)
		number = number << 8 | (input->at < input->end ? *input->at++ : 0);
	return number;
}

static void send_command(struct quicd_command command)
{
	if (quicd_commands_reserve(app, 0) == QUICD_NONE)
		return;
	command.request_id = ++requests;
	*memory_net.engine->apps[0].links[0].draft = command;
	REQUIRE(quicd_commands_commit(app, 0) == QUICD_OK);
}

/* Well-formed where the input does not say otherwise. */
static void step_connect(struct input *input)
{
	const uint32_t wrong = next_number(input, 1);
	const uint32_t buffer = quicd_buffer_take(app, QUICD_BUFFER_LARGE);
	if (buffer == QUICD_NONE)
		return;
	uint8_t *bytes = quicd_slab_at(memory_net.engine->slabs[1], buffer);
	struct quicd_connect head_of = { .profile = wrong & 1,
					 .flags = next_number(input, 1),
					 .peer_ip = { 127, 0, 0, 1 },
					 .peer_port = SERVER_PORT,
					 .family = 4,
					 .name_bytes = 9,
					 .session_bytes = wrong & 2 ? session_bytes : 0 };
	uint32_t length = (uint32_t)sizeof(head_of) + 9 + head_of.session_bytes;
	memcpy(bytes + sizeof(head_of), "localhost", 9);
	memcpy(bytes + sizeof(head_of) + 9, session, head_of.session_bytes);
	if (wrong & 4 && head_of.session_bytes > 0)
		bytes[sizeof(head_of) + 9 + next_number(input, 2) % session_bytes] ^= 0x20;
	memcpy(bytes, &head_of, sizeof(head_of));
	/* Anything at all in the head, the name, and how long it claims to be. */
	for (uint32_t i = 0; i < wrong >> 5; i++)
		bytes[next_number(input, 1) % 64] = (uint8_t)next_number(input, 1);
	if (wrong & 16)
		length = next_number(input, 2) % (QUICD_LARGE_BUFFER_BYTES + 1);
	send_command((struct quicd_command){ .kind = QUICD_COMMAND_CONNECT,
					     .slab = 1,
					     .buffer = buffer,
					     .length = length });
	memory_net_turn();
	/* JavaScript can write on, whatever it has handed over. */
	bytes[next_number(input, 1)] ^= 0xff;
}

static void step_command(struct input *input)
{
	static const uint8_t KINDS[] = { QUICD_COMMAND_MIGRATE, QUICD_COMMAND_CLOSE,
					 QUICD_COMMAND_OPEN,	QUICD_COMMAND_KEEP_ALIVE,
					 QUICD_COMMAND_MIGRATE, QUICD_COMMAND_REFRESH };
	const uint32_t choice = next_number(input, 1);
	send_command((struct quicd_command){ .kind = KINDS[choice % sizeof(KINDS)],
					     .connection = choice & 64 ? choice % 20
								       : seen.connection,
					     .connection_generation = seen.connection_generation,
					     .buffer = QUICD_NONE,
					     .flags = choice >> 4,
					     .length = choice });
	memory_net_turn();
}

static void step_events(void)
{
	for (uint32_t ready = quicd_events_peek(app, 0); ready > 0; ready--, head++) {
		const struct quicd_event event = *memory_event(head);
		REQUIRE(event.kind > QUICD_EVENT_INVALID && event.kind < QUICD_EVENT_COUNT);
		if (event.connection != QUICD_NONE)
			seen = event;
		if (event.kind == QUICD_EVENT_SESSION) {
			session_bytes = event.length;
			memcpy(session, quicd_slab_at(memory_net.engine->slabs[0], event.buffer),
			       event.length);
		}
		if (event.buffer != QUICD_NONE)
			REQUIRE(quicd_buffer_release(app, 0, event.buffer) == QUICD_OK);
		quicd_events_release(app, 0, 1);
	}
}

static void answer(struct server *server)
{
	uint8_t out[MEMORY_NET_DATAGRAM_BYTES];
	struct qd_train train;
	ssize_t bytes;
	for (int i = 0; i < 8 && (bytes = qd_send_train(server->quiche, out, sizeof(out), 1,
							&train)) > 0; i++) {
		struct quicd_received *last =
			&memory_net.worker->net.received[memory_net.worker->net.received_count];
		memory_net_put(out, (uint32_t)bytes, &train.from);
		last->to = train.to;
	}
}

/* A server for each client address that says something; changed packets open none. */
static struct server *server_of(const struct qd_address *client, const uint8_t *bytes,
				uint32_t length)
{
	struct quicd_packet_header header;
	struct server *free_one = NULL;
	if (!quicd_packet_header_read(bytes, length, QUICD_CID_BYTES, &header))
		return NULL;
	for (uint32_t i = 0; i < SERVERS_MAX; i++) {
		struct server *server = &servers[i];
		if (!server->quiche)
			free_one = server;
		else if (header.dcid_bytes == QD_CID_BYTES
				 ? server->cid[0] == header.dcid[0]
				 : server->client.port == client->port)
			return server;
	}
	if (!free_one || header.form != QUICD_PACKET_LONG || header.type != QUICD_LONG_INITIAL)
		return NULL;
	const struct qd_address local = {.family = 4, .port = SERVER_PORT, .ip = {127, 0, 0, 1}};
	const uint8_t token[QD_RESET_TOKEN_BYTES] = { 9 };
	int error = 0;
	memset(free_one->cid, (int)(free_one - servers) + 1, sizeof(free_one->cid));
	free_one->client = *client;
	free_one->quiche = qd_accept(server_config, free_one->cid, token, NULL, 0, NULL, 0, &local,
				     client, &error);
	REQUIRE(free_one->quiche != NULL);
	return free_one;
}

static void step_server(struct input *input)
{
	const struct qd_address local = {.family = 4, .port = SERVER_PORT, .ip = {127, 0, 0, 1}};
	const uint32_t wrong = next_number(input, 1);
	memory_net_turn();
	for (uint32_t i = 0; i < memory_net.out_count; i++) {
		struct memory_train *sent = &memory_net.out[i];
		if (wrong & 1)
			sent->bytes[next_number(input, 2) % sent->train.bytes] ^= (uint8_t)wrong;
		for (uint32_t at = 0; at < sent->train.bytes; at += sent->train.segment_bytes) {
			const uint32_t left = sent->train.bytes - at;
			const uint32_t length =
				left < sent->train.segment_bytes ? left : sent->train.segment_bytes;
			struct server *server =
				server_of(&sent->train.from, sent->bytes + at, length);
			if (server)
				qd_recv(server->quiche, sent->bytes + at, length,
					&sent->train.from, &local);
		}
	}
	memory_net_drop_sent();
	for (uint32_t i = 0; i < SERVERS_MAX; i++) {
		struct server *server = &servers[i];
		if (!server->quiche)
			continue;
		if (wrong & 2 && qd_scids_left(server->quiche) > 0) {
			uint8_t cid[QD_CID_BYTES], token[QD_RESET_TOKEN_BYTES];
			memset(cid, (int)(++requests), sizeof(cid));
			cid[0] = server->cid[0]; /* server_of goes by it */
			memset(token, (int)(wrong + i), sizeof(token));
			qd_new_scid(server->quiche, cid, sizeof(cid), token, false);
		}
		if (wrong & 4 && i == wrong >> 4)
			qd_close(server->quiche, wrong & 8, wrong, NULL, 0);
		answer(server);
	}
	/* What came for the client, turned over here and there. */
	struct quicd_net *net = &memory_net.worker->net;
	for (uint32_t i = 0; wrong & 128 && i < net->received_count; i++)
		if (net->received[i].length > 0)
			net->received[i].bytes[next_number(input, 2) % net->received[i].length] ^=
				(uint8_t)next_number(input, 1);
	memory_net_turn();
}

/* A datagram out of nothing: short headers are looked at as resets. */
static void step_stranger(struct input *input)
{
	uint8_t bytes[64];
	const struct qd_address from = { .family = 4, .port = SERVER_PORT, .ip = { 127, 0, 0, 1 } };
	const uint32_t length = next_number(input, 1) % sizeof(bytes);
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)next_number(input, 1);
	memory_net_put(bytes, length, &from);
	memory_net_turn();
}

static void bell(void *unused)
{
	(void)unused;
}

static void vanish(void)
{
	struct quicd_worker *worker = memory_net.worker;
	struct quicd_app *place = &memory_net.engine->apps[0];
	quicd_app_detach(place);
	memory_net_settle();
	REQUIRE(atomic_load(&place->state) == QUICD_APP_FREE);
	memory_net_advance(FOREVER_NS);
	memory_net_settle();
	memory_net_drop_sent();
	REQUIRE(worker->live_connections == 0 && worker->counters->panics == 0);
	REQUIRE(worker->cids.count == 0 && worker->timers.count == 0);
	REQUIRE(memory_net.sockets == 0 && worker->counters->chunks_live == 0);
	for (uint32_t i = 0; i < SERVERS_MAX; i++) {
		if (servers[i].quiche)
			qd_free(servers[i].quiche);
		servers[i].quiche = NULL;
	}
}

static void attach(void)
{
	REQUIRE(quicd_app_attach(&memory_net.engine->apps[0], bell, NULL));
	head = 0;
	seen = (struct quicd_event){ 0 };
}

static void prepare(void)
{
	struct quicd_options options = default_options(1);
	char error[256] = "";
	options.role = QUICD_ROLE_CLIENT;
	options.ring_capacity = 128;
	options.connections = 12;
	memory_net_open(&options);
	app = memory_net.engine->index * QUICD_APPS_MAX;
	const struct quicd_profile profile = { .alpn = "\4echo", .alpn_bytes = 5,
					       .early_data = true };
	REQUIRE(quicd_profile_add(memory_net.engine, &profile, error, sizeof(error)) == 0);
	struct qd_config_options server = client_options();
	server.server = server.early_data = true;
	server.certificate_pem = TEST_CERTIFICATE;
	server.certificate_pem_bytes = sizeof(TEST_CERTIFICATE) - 1;
	server.private_key_pem = TEST_KEY;
	server.private_key_pem_bytes = sizeof(TEST_KEY) - 1;
	server_config = qd_config_new(&server, error, sizeof(error));
	REQUIRE(server_config != NULL);
	attach();
	/* A whole visit, for its session and for what is allocated once. */
	struct input none = { NULL, NULL };
	step_connect(&none);
	for (int i = 0; i < 40 && session_bytes == 0; i++) {
		step_server(&none);
		step_events();
		memory_net_advance(1000000);
	}
	REQUIRE(session_bytes > 0);
	vanish();
	quicd_memory_read(&baseline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!memory_net.engine)
		prepare();
	struct input input = { data, data + size };
	attach();
	for (int steps = 0; steps < STEPS_MAX && input.at < input.end; steps++) {
		const uint32_t choice = next_number(&input, 1);
		if (choice % 8 == 0)
			step_connect(&input);
		else if (choice % 8 <= 2)
			step_command(&input);
		else if (choice % 8 == 3)
			memory_net_advance((uint64_t)next_number(&input, 1) * 20000000);
		else if (choice % 8 == 4)
			step_stranger(&input);
		else
			step_server(&input);
		if (choice & 128)
			step_events();
	}
	vanish();
	struct quicd_memory now;
	quicd_memory_read(&now);
	REQUIRE(now.live_objects == baseline.live_objects);
	return 0;
}
