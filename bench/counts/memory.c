/*
 * memory.c - counts in memory: a server and a client over native/sim, in virtual time, from one
 * seed. No socket, no thread, no clock: what it prints follows from the code alone.
 *
 *   memory OPERATION     prints one JSON object: counts of both sides, and how many units they are
 *                        for; in callgrind (bench/counts.ts) that gives the instructions
 *   memory --list        the operations, one a line, with their unit
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ledger.h"
#include "player.h"
#include "sim.h"

#define SEED 1
#define SERVER_PORT 4433
static const uint8_t SERVER_IP[4] = { 10, 0, 0, 1 };

/* From the bell to the app thread's turn, and one way over the network. */
#define BELL_NS 5000
#define DELAY_NS (1 * QUICD_SIM_MS)
/* No operation takes so long. */
#define LIMIT_NS (20 * QUICD_SIM_SECOND)
/* After it everything that an operation is followed by has happened: ACKs, NEW_TOKEN, draining. */
#define SETTLE_NS (1 * QUICD_SIM_SECOND)

struct side {
	struct player player;
	struct quicd_sim_actor actor;
	enum ledger_side number;
};

static struct quicd_sim sim;
static struct side sides[LEDGER_SIDES];

static void bell(void *context)
{
	struct side *side = context;
	ledger_bell(side->number);
	quicd_sim_wake_actor(&side->actor, sim.now_ns + BELL_NS);
}

static void run(void *context)
{
	struct side *side = context;
	ledger_app_enter(side->number);
	const bool parked = player_run(&side->player);
	ledger_app_leave();
	if (!parked)
		quicd_sim_wake_actor(&side->actor, sim.now_ns + BELL_NS);
}

static void start(enum ledger_side number)
{
	struct side *side = &sides[number];
	struct quicd_options options = player_options(number == LEDGER_CLIENT);
	char error[256] = "";
	snprintf(options.host, sizeof(options.host),
		 number == LEDGER_SERVER ? "10.0.0.1" : "10.0.50.2");
	options.port = number == LEDGER_SERVER ? SERVER_PORT : 0;
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine) {
		fprintf(stderr, "memory: %s\n", error);
		exit(1);
	}
	ledger_watch(number, engine);
	side->number = number;
	player_attach(&side->player, engine, number == LEDGER_CLIENT, bell, side);
	side->actor = (struct quicd_sim_actor){
		.next_ns = sim.now_ns, .run = run, .context = side };
	quicd_sim_add_actor(&sim, &side->actor);
}

static void settle(void)
{
	quicd_sim_run(&sim, sim.now_ns + SETTLE_NS);
}

/* The client's app thread has something to do. */
static void act(void)
{
	quicd_sim_wake_actor(&sides[LEDGER_CLIENT].actor, sim.now_ns);
}

static void run_until(const uint64_t *count, uint64_t wanted)
{
	const uint64_t end_ns = sim.now_ns + LIMIT_NS;
	while (*count < wanted && quicd_sim_step(&sim, end_ns))
		;
	if (*count < wanted) {
		fprintf(stderr, "memory: only %lu of %lu came to an end\n",
			(unsigned long)*count, (unsigned long)wanted);
		exit(1);
	}
}

/* Connects and waits until all that follows has come, the session ticket too. */
static void connect_one(bool resume)
{
	struct player *client = &sides[LEDGER_CLIENT].player;
	const uint64_t wanted = client->connected + 1;
	player_connect(client, SERVER_IP, SERVER_PORT, resume);
	act();
	run_until(&client->connected, wanted);
	settle();
}

static void close_one(void)
{
	struct player *client = &sides[LEDGER_CLIENT].player;
	const uint64_t wanted = client->closed + 1;
	player_close(client);
	act();
	run_until(&client->closed, wanted);
	settle();
}

static void transact(enum player_kind kind, uint32_t count, uint32_t at_once, uint64_t bytes)
{
	struct player *client = &sides[LEDGER_CLIENT].player;
	const uint64_t wanted = client->done + count;
	player_begin(client, kind, count, at_once, bytes);
	act();
	run_until(&client->done, wanted);
	settle();
}

struct operation {
	const char *name;
	const char *unit;
	uint32_t units;
	void (*run)(uint32_t units);
};

#define MB 1000000
static void requests(uint32_t units)
{
	connect_one(false);
	transact(PLAYER_REQUEST, 200, 10, 0);
	ledger_open(true);
	transact(PLAYER_REQUEST, units, 10, 0);
	ledger_open(false);
}

static void downloads(uint32_t units)
{
	connect_one(false);
	transact(PLAYER_DOWNLOAD, 1, 1, 4 * MB);
	ledger_open(true);
	transact(PLAYER_DOWNLOAD, 1, 1, (uint64_t)units * MB);
	ledger_open(false);
}

static void uploads(uint32_t units)
{
	connect_one(false);
	transact(PLAYER_UPLOAD, 1, 1, 4 * MB);
	ledger_open(true);
	transact(PLAYER_UPLOAD, 1, 1, (uint64_t)units * MB);
	ledger_open(false);
}

static void echoes(uint32_t units)
{
	connect_one(false);
	transact(PLAYER_ECHO, 20, 4, 0);
	ledger_open(true);
	transact(PLAYER_ECHO, units, 4, 0);
	ledger_open(false);
}

static void datagrams(uint32_t units)
{
	connect_one(false);
	transact(PLAYER_DATAGRAM, 100, 10, 0);
	ledger_open(true);
	transact(PLAYER_DATAGRAM, units, 10, 0);
	ledger_open(false);
}

static void handshakes(uint32_t units, bool resume)
{
	connect_one(false);
	close_one();
	for (uint32_t i = 0; i < units; i++) {
		ledger_open(true);
		connect_one(resume);
		ledger_open(false);
		close_one();
	}
}

static void full_handshakes(uint32_t units)
{
	handshakes(units, false);
}

static void resumed_handshakes(uint32_t units)
{
	handshakes(units, true);
	assert(sides[LEDGER_SERVER].player.engine->workers[0].counters->resumed == units);
}

static void closes(uint32_t units)
{
	connect_one(false);
	close_one();
	for (uint32_t i = 0; i < units; i++) {
		connect_one(true);
		ledger_open(true);
		close_one();
		ledger_open(false);
	}
}

static const struct operation OPERATIONS[] = {
	{ "request", "request", 1000, requests },
	{ "download", "MB", 4, downloads },
	{ "upload", "MB", 4, uploads },
	{ "full handshake", "handshake", 4, full_handshakes },
	{ "resumed handshake", "handshake", 4, resumed_handshakes },
	{ "datagram echo", "datagram", 500, datagrams },
	{ "stream echo", "echo of 16 KiB", 100, echoes },
	{ "close", "connection", 4, closes },
};
#define OPERATION_COUNT (sizeof(OPERATIONS) / sizeof(OPERATIONS[0]))

static void print_page(const char *name, const struct ledger_page *p)
{
	printf(",\n \"%s\": {\"allocations\": %lu, \"libc allocations\": %lu, \"copies\": %lu, "
	       "\"copied bytes\": %lu, \"clock reads\": %lu, \"turns\": %lu, \"waits\": %lu, "
	       "\"send buffers\": %lu, \"sends\": %lu, \"datagrams out\": %lu, "
	       "\"bytes out\": %lu, \"trains in\": %lu, \"datagrams in\": %lu, \"kicks\": %lu, "
	       "\"doorbells\": %lu, \"events\": %lu, \"commands\": %lu}",
	       name, (unsigned long)p->allocations, (unsigned long)p->libc_allocations,
	       (unsigned long)p->copies, (unsigned long)p->copied_bytes,
	       (unsigned long)p->clock_reads, (unsigned long)p->turns, (unsigned long)p->waits,
	       (unsigned long)p->send_buffers, (unsigned long)p->sends,
	       (unsigned long)p->datagrams_out, (unsigned long)p->bytes_out,
	       (unsigned long)p->trains_in, (unsigned long)p->datagrams_in,
	       (unsigned long)p->kicks, (unsigned long)p->doorbells, (unsigned long)p->events,
	       (unsigned long)p->commands);
}

static void run_operation(const struct operation *operation)
{
	quicd_sim_begin(&sim, SEED);
	sim.turn_ns = 0;
	sim.kernel.glue = true;
	for (int i = 0; i < 2; i++)
		sim.weather[i].delay_ns = DELAY_NS;
	start(LEDGER_SERVER);
	start(LEDGER_CLIENT);
	operation->run(operation->units);
	for (int i = 0; i < QUICD_SIM_FATES; i++)
		assert((sim.fates[i] == 0 || i == QUICD_SIM_SENT || i == QUICD_SIM_DELIVERED) &&
		       "nothing is lost here");
	printf("{\"operation\": \"%s\", \"unit\": \"%s\", \"units\": %u, \"virtual ms\": %lu",
	       operation->name, operation->unit, operation->units,
	       (unsigned long)((sim.now_ns - sim.start_ns) / QUICD_SIM_MS));
	print_page("client", &ledger[LEDGER_CLIENT]);
	print_page("server", &ledger[LEDGER_SERVER]);
	printf("}\n");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < OPERATION_COUNT && argc == 2; i++) {
		if (strcmp(argv[1], "--list") == 0) {
			printf("%s\t%s\n", OPERATIONS[i].name, OPERATIONS[i].unit);
		} else if (strcmp(argv[1], OPERATIONS[i].name) == 0) {
			run_operation(&OPERATIONS[i]);
			return 0;
		}
	}
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return 0;
	fprintf(stderr, "memory OPERATION, or memory --list\n");
	return 2;
}
