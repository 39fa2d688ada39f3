/* player.c - see player.h. What cannot be is an assertion: a count of something that went wrong
 * would look like any other. */
#include "player.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "../../test/native/certificate.h"
#include "connection.h"
#include "profile.h"
#include "quicd.h"
#include "worker.h"

#define ALPN "\6counts"

struct quicd_options player_options(bool client)
{
	struct quicd_options options = {
		.role = client ? QUICD_ROLE_CLIENT : QUICD_ROLE_SERVER,
		.workers = 1,
		.apps = 1,
		.gro = true,
		.gso = true,
		.routing = QUICD_ROUTING_FORWARD,
		.receive_pool_bytes = 16 << 20,
		.socket_buffer_bytes = 4 << 20,
		.max_idle_timeout_ms = 30000,
		.handshake_timeout_ms = 10000,
		.max_udp_payload_bytes = 1350,
		.connection_window_bytes = 4 << 20,
		.stream_window_bytes = 1 << 20,
		.streams_bidi = 256,
		.streams_uni = 16,
		.active_connection_id_limit = 8,
		.datagram_queue = 128,
		.connections = 256,
		.ring_capacity = 8192,
		.stream_chunks = 256,
		.connection_events = 1024,
		.has_secret = true,
	};
	if (client)
		return options;
	options.certificate_pem = TEST_CERTIFICATE;
	options.certificate_pem_bytes = sizeof(TEST_CERTIFICATE) - 1;
	options.private_key_pem = TEST_KEY;
	options.private_key_pem_bytes = sizeof(TEST_KEY) - 1;
	memcpy(options.alpn, ALPN, sizeof(ALPN) - 1);
	options.alpn_bytes = sizeof(ALPN) - 1;
	return options;
}

void player_attach(struct player *player, struct quicd_engine *engine, bool client,
		   void (*bell)(void *context), void *context)
{
	memset(player, 0, sizeof(*player));
	player->engine = engine;
	player->client = client;
	player->handle = engine->index * QUICD_APPS_MAX;
	const bool attached = quicd_app_attach(&engine->apps[0], bell, context);
	assert(attached);
	if (!client)
		return;
	const struct quicd_profile profile = { .alpn = ALPN,
					       .alpn_bytes = sizeof(ALPN) - 1,
					       .verify = true,
					       .ca_pem = TEST_CERTIFICATE,
					       .ca_pem_bytes = sizeof(TEST_CERTIFICATE) - 1 };
	char error[256];
	player->profile = quicd_profile_add(engine, &profile, error, sizeof(error));
	assert(player->profile != QUICD_NONE);
}

static struct quicd_command of_connection(const struct player *player, uint32_t kind)
{
	return (struct quicd_command){ .kind = kind,
				       .connection = player->connection,
				       .connection_generation = player->connection_generation,
				       .stream = QUICD_NONE,
				       .buffer = QUICD_NONE };
}

/* False: the ring is full; a lease in |command| is still ours. */
static bool commit(struct player *player, const struct quicd_command *command)
{
	if (quicd_commands_reserve(player->handle, 0) == QUICD_NONE) {
		player->no_room = true;
		return false;
	}
	*player->engine->apps[0].links[0].draft = *command;
	const uint32_t refused = quicd_commands_commit(player->handle, 0);
	assert(refused == QUICD_OK);
	player->kick = true;
	return true;
}

/* A buffer of ours for |length| bytes, at most a large one; NULL: none is free. */
static uint8_t *carry(struct player *player, struct quicd_command *command, uint32_t length)
{
	command->slab = player->engine->options.workers;
	command->length = length;
	command->buffer =
		quicd_buffer_take(player->handle, length <= QUICD_SMALL_BUFFER_BYTES
							  ? QUICD_BUFFER_SMALL
							  : QUICD_BUFFER_LARGE);
	if (command->buffer == QUICD_NONE) {
		player->no_room = true;
		return NULL;
	}
	return quicd_slab_at(player->engine->slabs[command->slab], command->buffer);
}

static struct quicd_command of_flow(const struct player_flow *flow)
{
	return (struct quicd_command){ .kind = QUICD_COMMAND_WRITE,
				       .connection = flow->connection,
				       .connection_generation = flow->connection_generation,
				       .stream = flow->slot,
				       .stream_generation = flow->generation,
				       .buffer = QUICD_NONE };
}

/* As much as credit and buffers allow, first byte |flow->kind|; asks to be told of more credit. */
static void pump(struct player *player, struct player_flow *flow)
{
	while (flow->left > 0) {
		const uint32_t limit = quicd_stream_credit(player->handle, 0, flow->slot);
		uint64_t length = limit - flow->used;
		if (length == 0) {
			if (quicd_stream_want(player->handle, 0, flow->slot, limit) == 0)
				return;
			continue;
		}
		length = length < flow->left ? length : flow->left;
		length = length < QUICD_LARGE_BUFFER_BYTES ? length : QUICD_LARGE_BUFFER_BYTES;
		struct quicd_command command = of_flow(flow);
		uint8_t *bytes = carry(player, &command, (uint32_t)length);
		if (!bytes)
			return;
		bytes[0] = flow->kind;
		if (flow->kind == 'd' && player->client)
			memcpy(bytes + 1, &player->bytes, sizeof(uint32_t));
		command.flags = length == flow->left ? QUICD_FLAG_FIN : 0;
		if (!commit(player, &command)) {
			quicd_buffer_release(player->handle, command.slab, command.buffer);
			return;
		}
		flow->used += (uint32_t)length;
		flow->left -= length;
	}
}

static struct player_flow *flow_of(struct player *player, const struct quicd_event *event)
{
	assert(event->stream < PLAYER_FLOWS);
	struct player_flow *flow = &player->flows[event->stream];
	if (flow->generation != event->stream_generation || flow->slot != event->stream ||
	    flow->connection_generation != event->connection_generation)
		*flow = (struct player_flow){
			.slot = event->stream,
			.generation = event->stream_generation,
			.connection = event->connection,
			.connection_generation = event->connection_generation };
	return flow;
}

static uint8_t letter(enum player_kind kind)
{
	static const uint8_t LETTERS[] = { 'r', 'd', 'u', 'e', 0 };
	return LETTERS[kind];
}

/* The client's stream is open: what it says. */
static void ask(struct player *player, const struct quicd_event *event)
{
	struct player_flow *flow = flow_of(player, event);
	flow->kind = letter(player->kind);
	flow->left = player->kind == PLAYER_REQUEST	? PLAYER_REQUEST_BYTES
		     : player->kind == PLAYER_DOWNLOAD ? sizeof(flow->head)
		     : player->kind == PLAYER_ECHO	? PLAYER_ECHO_BYTES
							: player->bytes;
	pump(player, flow);
}

/* The lease goes with the command. */
static void send_back(struct player *player, const struct quicd_event *event,
		      struct quicd_command command)
{
	command.slab = 0; /* the worker's own */
	command.buffer = event->buffer;
	command.length = event->length;
	const bool sent = commit(player, &command);
	assert(sent && "echoes are few at a time");
}

/* A server's stream: true when the buffer was passed on. */
static bool serve(struct player *player, const struct quicd_event *event)
{
	struct player_flow *flow = flow_of(player, event);
	const uint8_t *bytes =
		event->length > 0 ? quicd_slab_at(player->engine->slabs[0], event->buffer) : NULL;
	for (uint32_t i = 0; i < event->length && flow->head_bytes < sizeof(flow->head); i++)
		flow->head[flow->head_bytes++] = bytes[i];
	flow->kind = flow->head[0];
	if (flow->kind == 'e') {
		struct quicd_command command = of_flow(flow);
		command.flags = event->flags & QUICD_FLAG_FIN;
		if (event->length == 0)
			return !commit(player, &command);
		flow->used += event->length;
		send_back(player, event, command);
		return true;
	}
	if (!(event->flags & QUICD_FLAG_FIN))
		return false;
	uint32_t bytes_wanted = PLAYER_ANSWER_BYTES;
	if (flow->kind == 'd')
		memcpy(&bytes_wanted, flow->head + 1, sizeof(bytes_wanted));
	flow->left = bytes_wanted;
	pump(player, flow);
	return false;
}

static void finish_one(struct player *player)
{
	assert(player->in_flight > 0);
	player->in_flight--;
	player->done++;
}

static bool take_data(struct player *player, const struct quicd_event *event)
{
	player->received_bytes += event->length;
	if (!player->client)
		return serve(player, event);
	if (event->flags & QUICD_FLAG_FIN)
		finish_one(player);
	return false;
}

static bool take_datagram(struct player *player, const struct quicd_event *event)
{
	if (player->client) {
		finish_one(player);
		return false;
	}
	send_back(player, event,
		  (struct quicd_command){ .kind = QUICD_COMMAND_DATAGRAM,
					  .connection = event->connection,
					  .connection_generation = event->connection_generation,
					  .stream = QUICD_NONE });
	return true;
}

static void keep_session(struct player *player, const struct quicd_event *event)
{
	assert(event->length <= sizeof(player->session));
	memcpy(player->session, quicd_slab_at(player->engine->slabs[0], event->buffer),
	       event->length);
	player->session_bytes = event->length;
	player->sessions++;
}

static void take(struct player *player, const struct quicd_event *event)
{
	bool passed_on = false;
	switch (event->kind) {
	case QUICD_EVENT_CONNECT_STARTED:
		player->connection = event->connection;
		player->connection_generation = event->connection_generation;
		break;
	case QUICD_EVENT_CONNECTED:
		player->connected++;
		break;
	case QUICD_EVENT_STREAM_OPENED:
		ask(player, event);
		break;
	case QUICD_EVENT_STREAM_DATA:
		passed_on = take_data(player, event);
		break;
	case QUICD_EVENT_STREAM_WRITABLE:
		pump(player, flow_of(player, event));
		break;
	case QUICD_EVENT_DATAGRAM:
		passed_on = take_datagram(player, event);
		break;
	case QUICD_EVENT_SESSION:
		keep_session(player, event);
		break;
	case QUICD_EVENT_CLOSED:
		player->closed++;
		break;
	default:
		assert(event->kind == QUICD_EVENT_CLOSING ||
		       event->kind == QUICD_EVENT_HANDSHAKE_DONE);
	}
	if (event->buffer != QUICD_NONE && !passed_on) {
		const uint32_t refused = quicd_buffer_release(player->handle, 0, event->buffer);
		assert(refused == QUICD_OK);
	}
}

static void start_more(struct player *player)
{
	while (player->left > 0 && player->in_flight < player->at_once) {
		struct quicd_command command = of_connection(
			player, player->kind == PLAYER_DATAGRAM ? QUICD_COMMAND_DATAGRAM
								: QUICD_COMMAND_OPEN);
		command.request_id = ++player->requests;
		if (player->kind == PLAYER_DATAGRAM &&
		    !carry(player, &command, PLAYER_DATAGRAM_BYTES))
			return;
		const bool sent = commit(player, &command);
		assert(sent && "fewer at once than the ring holds");
		player->left--;
		player->in_flight++;
	}
}

static void resume_writing(struct player *player)
{
	player->no_room = false;
	for (uint32_t i = 0; i < PLAYER_FLOWS && !player->no_room; i++)
		if (player->flows[i].left > 0 && player->flows[i].kind != 0)
			pump(player, &player->flows[i]);
}

bool player_run(struct player *player)
{
	const struct quicd_ring *ring = &player->engine->apps[0].links[0].events;
	uint32_t ready;
	if (player->no_room)
		resume_writing(player);
	while ((ready = quicd_events_peek(player->handle, 0)) > 0) {
		for (uint32_t i = 0; i < ready; i++) {
			const uint32_t place = player->head++ & (ring->capacity - 1);
			take(player, (const void *)(ring->entries + 64 * (size_t)place));
		}
		quicd_events_release(player->handle, 0, ready);
	}
	start_more(player);
	if (player->kick) {
		player->kick = false;
		quicd_kick(player->handle, 0);
	}
	return quicd_park(player->handle) != 0;
}

void player_connect(struct player *player, const uint8_t ip[4], uint16_t port, bool resume)
{
	static const char NAME[] = "localhost";
	struct quicd_connect head = { .profile = player->profile,
				      .peer_port = port,
				      .family = 4,
				      .name_bytes = sizeof(NAME) - 1,
				      .session_bytes = resume ? player->session_bytes : 0 };
	memcpy(head.peer_ip, ip, 4);
	struct quicd_command command = { .kind = QUICD_COMMAND_CONNECT,
					 .connection = QUICD_NONE,
					 .stream = QUICD_NONE,
					 .request_id = ++player->requests };
	uint8_t *bytes = carry(player, &command,
			       (uint32_t)sizeof(head) + head.name_bytes + head.session_bytes);
	assert(bytes && (!resume || head.session_bytes > 0));
	memcpy(bytes, &head, sizeof(head));
	memcpy(bytes + sizeof(head), NAME, head.name_bytes);
	memcpy(bytes + sizeof(head) + head.name_bytes, player->session, head.session_bytes);
	const bool sent = commit(player, &command);
	assert(sent);
}

void player_close(struct player *player)
{
	struct quicd_command command = of_connection(player, QUICD_COMMAND_CLOSE);
	command.flags = QUICD_CLOSE_APPLICATION;
	const bool sent = commit(player, &command);
	assert(sent);
}

void player_begin(struct player *player, enum player_kind kind, uint32_t count, uint32_t at_once,
		  uint64_t bytes)
{
	assert(player->left == 0 && player->in_flight == 0);
	player->kind = kind;
	player->left = count;
	player->at_once = at_once;
	player->bytes = bytes;
}
