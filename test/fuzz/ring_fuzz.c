/*
 * ring_fuzz.c - hostile JavaScript: any bytes as commands and any sequence of the functions of
 * quicd.h, against an engine with a live connection. A model counts the leases that the caller
 * should hold; at the end the thread goes without a word, and every buffer and byte must be back.
 */
#include <stddef.h>
#include "memory_client.h"

#define STEPS_MAX 200
#define BUFFERS_MAX (QUICD_APP_SMALL_BUFFERS + QUICD_APP_LARGE_BUFFERS)
#define SLABS 2 /* the worker's and the app thread's */
#define FOREVER_NS 60000000000ull

struct input {
	const uint8_t *at, *end;
};

static uint32_t app, head;
static uint32_t known; /* events that the model has seen; at or ahead of head */
static uint32_t leases[SLABS][BUFFERS_MAX]; /* that the app thread should hold */
static uint32_t touched[4096], touched_count;
static struct quicd_event seen; /* the last one with a buffer or a stream: numbers that are real */
static struct quicd_memory baseline;

static uint32_t next_number(struct input *input, int bytes)
{
	uint32_t number = 0;
	for (int i = 0; i < bytes; i++)
		number = number << 8 | (input->at < input->end ? *input->at++ : 0);
	return number;
}

static uint32_t *lease_of(uint32_t slab, uint32_t buffer)
{
	const uint32_t counts[SLABS] = {QUICD_WORKER_SMALL_BUFFERS + QUICD_WORKER_LARGE_BUFFERS,
					BUFFERS_MAX};
	return slab < SLABS && buffer < counts[slab] ? &leases[slab][buffer] : NULL;
}

static void gain(uint32_t slab, uint32_t buffer)
{
	REQUIRE(lease_of(slab, buffer) != NULL);
	*lease_of(slab, buffer) += 1;
	if (touched_count < sizeof(touched) / sizeof(touched[0]))
		touched[touched_count++] = slab << 16 | buffer;
}

/* A buffer that is held, mostly; else any number. */
static void choose_buffer(struct input *input, uint32_t *slab, uint32_t *buffer)
{
	const uint32_t choice = next_number(input, 1);
	if (choice < 224 && touched_count > 0) {
		const uint32_t entry = touched[choice % touched_count];
		*slab = entry >> 16;
		*buffer = entry & 0xffff;
		return;
	}
	*slab = choice & 1 ? next_number(input, 4) : choice >> 1 & 1;
	*buffer = choice & 4 ? next_number(input, 4) : next_number(input, 1);
}

static struct quicd_command *draft(void)
{
	return memory_net.engine->apps[0].links[0].draft;
}

/* A command with real numbers in most places, or 64 bytes of the input as they are. */
static void fill(struct input *input, struct quicd_command *command)
{
	const uint32_t shape = next_number(input, 1);
	if (shape >= 240) {
		uint8_t raw[sizeof(*command)];
		for (size_t i = 0; i < sizeof(raw); i++)
			raw[i] = (uint8_t)next_number(input, 1);
		memcpy(command, raw, sizeof(raw));
		return;
	}
	*command = (struct quicd_command){
		.kind = shape % (QUICD_COMMAND_COUNT + 1),
		.connection = seen.connection,
		.connection_generation = seen.connection_generation,
		.stream = seen.stream,
		.stream_generation = seen.stream_generation,
		.flags = next_number(input, 1),
		.request_id = shape,
		.error_code = shape,
	};
	choose_buffer(input, &command->slab, &command->buffer);
	const uint32_t sizes = next_number(input, 1);
	command->length = sizes < 128 ? sizes : next_number(input, 2);
	command->offset = sizes & 1 ? next_number(input, 2) : 0;
	if (sizes == 127)
		command->buffer = QUICD_NONE;
	if (sizes == 126)
		command->connection += next_number(input, 4);
	if (sizes == 125)
		command->stream = next_number(input, 4);
}

static void step_command(struct input *input)
{
	if (quicd_commands_reserve(app, 0) == QUICD_NONE)
		return;
	struct quicd_command command;
	fill(input, &command);
	memcpy(draft(), &command, sizeof(command));
	const uint32_t result = quicd_commands_commit(app, 0);
	const bool carries =
		(command.kind == QUICD_COMMAND_WRITE || command.kind == QUICD_COMMAND_DATAGRAM ||
		 command.kind == QUICD_COMMAND_CLOSE || command.kind == QUICD_COMMAND_CONNECT) &&
		command.buffer != QUICD_NONE;
	REQUIRE(result == QUICD_OK || result == QUICD_REFUSED_INVALID);
	if (result == QUICD_OK)
		REQUIRE(command.kind < QUICD_COMMAND_COUNT);
	if (result != QUICD_OK || !carries)
		return;
	uint32_t *held = lease_of(command.slab, command.buffer);
	REQUIRE(held != NULL && *held > 0);
	*held -= 1;
}

/* After a commit: what was checked then must not be read again. */
static void step_scribble(struct input *input)
{
	fill(input, draft());
}

static void step_release(struct input *input)
{
	uint32_t slab, buffer;
	choose_buffer(input, &slab, &buffer);
	uint32_t *held = lease_of(slab, buffer);
	const bool legal = held && *held > 0;
	REQUIRE(quicd_buffer_release(app, slab, buffer) ==
		(legal ? QUICD_OK : QUICD_REFUSED_INVALID));
	if (legal)
		*held -= 1;
}

static void step_retain(struct input *input)
{
	uint32_t slab, buffer;
	choose_buffer(input, &slab, &buffer);
	uint32_t *held = lease_of(slab, buffer);
	const bool legal = held && *held > 0;
	REQUIRE(quicd_buffer_retain(app, slab, buffer) ==
		(legal ? QUICD_OK : QUICD_REFUSED_INVALID));
	if (legal)
		*held += 1;
}

static void step_take(struct input *input)
{
	const uint32_t class = next_number(input, 1);
	const uint32_t buffer = quicd_buffer_take(app, class < 254 ? class & 1 : class);
	if (class >= 254)
		REQUIRE(buffer == QUICD_NONE);
	if (buffer == QUICD_NONE)
		return;
	REQUIRE(leases[1][buffer] == 0);
	gain(1, buffer);
}

/* A lease is the app thread's from the moment its event stands in the ring. */
static void look_at_new(void)
{
	const uint32_t tail = head + quicd_events_peek(app, 0);
	for (; known != tail; known++) {
		const struct quicd_event *event = memory_event(known);
		REQUIRE(event->kind > QUICD_EVENT_INVALID && event->kind < QUICD_EVENT_COUNT);
		if (event->buffer != QUICD_NONE) {
			REQUIRE(leases[0][event->buffer] == 0);
			gain(0, event->buffer);
		}
		if (event->stream != QUICD_NONE || event->kind == QUICD_EVENT_CONNECTED)
			seen = *event;
	}
}

static void step_events(struct input *input)
{
	const uint32_t ready = quicd_events_peek(app, 0);
	const uint32_t choice = next_number(input, 1);
	if (choice >= 250) { /* more than there are: refused, nothing moves */
		quicd_events_release(app, 0, ready + QUICD_EVENTS_PER_PEEK + choice);
		REQUIRE(quicd_events_peek(app, 0) == ready);
		return;
	}
	const uint32_t taken = choice < ready ? choice : ready;
	quicd_events_release(app, 0, taken);
	head += taken;
}

/* Handles and workers that are none. */
static void step_stranger(struct input *input)
{
	const uint32_t handle = next_number(input, 4), worker = next_number(input, 4);
	if (handle == app)
		return;
	REQUIRE(quicd_events_peek(handle, worker) == 0);
	quicd_events_release(handle, worker, handle);
	quicd_park(handle);
	REQUIRE(quicd_commands_reserve(handle, worker) == QUICD_NONE);
	REQUIRE(quicd_commands_commit(handle, worker) == QUICD_REFUSED_CLOSED);
	quicd_kick(handle, worker);
	REQUIRE(quicd_buffer_take(handle, worker) == QUICD_NONE);
	REQUIRE(quicd_buffer_retain(handle, worker, worker) == QUICD_REFUSED_CLOSED);
	REQUIRE(quicd_buffer_release(handle, worker, worker) == QUICD_REFUSED_CLOSED);
	quicd_stream_credit(handle, worker, worker);
	quicd_stream_want(handle, worker, worker, worker);
	REQUIRE(worker == 0 || quicd_events_peek(app, worker) == 0);
}

static void step_credit(struct input *input)
{
	const uint32_t stream = next_number(input, 1) & 1 ? seen.stream : next_number(input, 4);
	const uint32_t credit = quicd_stream_credit(app, 0, stream);
	quicd_stream_want(app, 0, stream, next_number(input, 1) & 1 ? credit : credit + 1);
	quicd_kick(app, 0);
	quicd_park(app);
}

static void step_client(struct input *input, struct client *client)
{
	static uint8_t bytes[20000];
	uint64_t error_code = 0;
	bool fin = false;
	const uint32_t how = next_number(input, 1);
	const uint64_t stream = 4 * (how & 7) + (how & 8 ? 2 : 0);
	if (how & 16)
		qd_datagram_send_copy(client->quiche, bytes, next_number(input, 2) % 1200);
	else
		qd_stream_send_copy(client->quiche, stream, bytes,
				    next_number(input, 2) % sizeof(bytes), how & 32, &error_code);
	if ((how & 192) == 64)
		qd_stream_shutdown(client->quiche, stream, (enum qd_direction)(how >> 1 & 1), how);
	for (uint64_t id = 0; id < 40; id++)
		while (qd_stream_recv(client->quiche, id, bytes, sizeof(bytes), &fin, &error_code) >
		       0)
			;
	memory_client_turn(client);
}

static void ring_nobody(void *unused)
{
	(void)unused;
}

static void attach(void)
{
	REQUIRE(quicd_app_attach(&memory_net.engine->apps[0], ring_nobody, NULL));
	head = known = 0;
	touched_count = 0;
	memset(leases, 0, sizeof(leases));
	seen = (struct quicd_event){0};
}

static void check_slab(const struct quicd_slab *slab)
{
	REQUIRE(slab->free_count[QUICD_BUFFER_SMALL] == slab->small_count);
	REQUIRE(slab->free_count[QUICD_BUFFER_LARGE] == slab->large_count);
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
	REQUIRE(worker->live_connections == 0 && worker->counters->live_streams == 0);
	REQUIRE(worker->counters->chunks_live == 0 && worker->counters->panics == 0);
	REQUIRE(worker->queued_bytes == 0 && worker->queued_slab_bytes == 0);
	REQUIRE(worker->cids.count == 0 && worker->timers.count == 0);
	check_slab(&worker->slab);
	attach(); /* collects what came back */
	check_slab(&place->slab);
	quicd_app_detach(place);
	memory_net_settle();
}

static void prepare(void)
{
	struct quicd_options options = default_options(1);
	/* Small, so that full rings and paused streams are within reach. */
	options.ring_capacity = 128;
	options.stream_chunks = 4;
	options.connection_events = 16;
	options.connections = 16;
	memory_net_open(&options);
	app = memory_net.engine->index * QUICD_APPS_MAX;
	attach();
	struct client client;
	memory_client_open(&client);
	REQUIRE(memory_client_handshake(&client));
	memory_client_close(&client);
	vanish();
	quicd_memory_read(&baseline);
}

static void step(struct input *input, struct client *client)
{
	look_at_new();
	switch (next_number(input, 1) % 13) {
	case 0:
	case 1:
	case 2:
		step_command(input);
		break;
	case 3:
		step_take(input);
		break;
	case 4:
		step_release(input);
		break;
	case 5:
		step_retain(input);
		break;
	case 6:
	case 7:
		step_events(input);
		break;
	case 8:
		step_client(input, client);
		break;
	case 9:
		memory_net_settle();
		break;
	case 10:
		step_credit(input);
		break;
	case 11:
		step_scribble(input);
		break;
	default:
		step_stranger(input);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!memory_net.engine)
		prepare();
	struct input input = {data, data + size};
	struct client client;
	attach();
	memory_client_open(&client);
	REQUIRE(memory_client_handshake(&client));
	for (int steps = 0; steps < STEPS_MAX && input.at < input.end; steps++)
		step(&input, &client);
	memory_client_close(&client);
	vanish();
	struct quicd_memory now;
	quicd_memory_read(&now);
	REQUIRE(now.live_objects == baseline.live_objects && now.live_bytes == baseline.live_bytes);
	return 0;
}
