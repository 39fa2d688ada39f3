/*
 * world.h - what a seed is made of: engines of both roles over native/sim, applications that do
 * what a plan says, and the checks that must hold on every seed.
 */
#pragma once
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "abi.h"
#include "connection.h"
#include "engine.h"
#include "quicd.h"
#include "sim.h"
#include "worker.h"

#define WORLD_CONNECTIONS 16
#define WORLD_ENGINES 4
#define WORLD_APPS 8
#define WORLD_WORKERS 4	  /* of one engine */
#define WORLD_SLOTS 64	  /* connections of one worker */
#define WORLD_STREAMS 160 /* of one connection */
#define WORLD_DATAGRAMS 64
#define WORLD_KEPT 512 /* chunks that an application holds on to */
#define WORLD_MESSAGE_BYTES 400
#define WORLD_SESSION_BYTES 4096

enum side { CLIENT = 0, SERVER = 1, SIDES = 2 };

/* Where an end of a connection is, as its application was told. */
enum phase { UNKNOWN = 0, STARTED = 1, UP = 2, CLOSING = 3, CLOSED = 4, PHASES = 5 };

/* What either side does with one stream; sides by enum side. */
struct plan_stream {
	uint64_t bytes[SIDES];
	uint64_t reset_at[SIDES]; /* the sender resets after so many; or QUICD_SIM_NEVER */
	uint64_t stop_at[SIDES];  /* the receiver says STOP after so many */
	uint32_t piece;		  /* of a write, bytes */
};

/* What a connection does in its life. */
struct plan {
	uint64_t key;
	uint32_t engine; /* of its client */
	uint64_t start_ns;
	uint32_t opens[SIDES][2]; /* bidirectional, unidirectional */
	uint64_t bytes_most;	  /* of a stream */
	uint32_t datagrams[SIDES];
	uint32_t datagram_bytes;
	enum side closer;
	uint64_t abort_ns; /* the closer closes then, whatever is left; or QUICD_SIM_NEVER */
	bool drained;	   /* it closes once all has arrived */
	uint32_t keep_alive_ms;
	uint64_t linger_ns; /* after all is done */
	bool own_socket;
	bool resumes, early; /* where there is a session; as 0-RTT */
	bool held; /* then it waits for a START that never comes */
	uint32_t migrations;
	uint64_t migrate_gap_ns;
	uint64_t open_gap_ns; /* between two streams that are opened */
	uint32_t key_updates[SIDES]; /* asked for in quick succession */
};

struct stream_end {
	uint64_t id;
	uint32_t slot, generation;
	struct plan_stream plan;
	uint64_t sent, received;
	uint32_t used; /* of the credit, modulo 2^32 */
	bool fin_sent, reset_sent, stopped;
	bool fin_got, reset_got, stop_sent;
	bool awaits_credit;
};

struct app;

/* One side of a connection. */
struct end {
	uint32_t number; /* of the connection in the world */
	enum side side;
	enum phase phase;
	struct app *app;
	uint32_t worker, slot, generation;
	struct stream_end streams[WORLD_STREAMS];
	uint32_t stream_count;
	uint32_t asked[2], opened[2], seen[2]; /* by unidirectional; seen: the peer's */
	uint64_t open_again_ns;
	uint32_t datagrams_sent;
	uint64_t datagram_ns; /* the next one */
	uint64_t datagrams_got; /* a bit for each of the peer's */
	bool close_sent, done, kept_alive;
	bool unproved; /* told as 0-RTT, its handshake not complete */
	uint64_t done_ns;
	uint64_t ended_ns;
	uint32_t paths_told;
	uint32_t moves_asked, moves_answered;
	uint64_t move_ns; /* the next one */
	uint32_t key_updates;
	uint64_t key_update_ns; /* the next one */
	uint32_t close_flags;
	uint64_t close_code;
	uint32_t request_id;
	uint32_t late; /* commands still to be sent after the end */
};

struct kept {
	uint64_t due_ns;
	uint32_t worker, buffer;
};

/* How slow an application is. */
struct pace {
	uint32_t events; /* that it takes in a run */
	uint64_t pause_ns; /* between runs, while there is more */
	uint64_t wake_ns; /* from the bell to its run */
	uint32_t keep; /* chunks of a million that it holds on to */
	uint64_t keep_ns; /* for up to so long */
};

struct app {
	struct quicd_sim_actor actor;
	struct world *world;
	struct quicd_engine *engine;
	enum side side;
	uint32_t index;
	uint32_t handle;
	uint32_t heads[WORLD_WORKERS];
	struct pace pace;
	struct kept kept[WORLD_KEPT];
	uint32_t kept_count;
	struct end *ends[WORLD_WORKERS][WORLD_SLOTS]; /* the latest of each slot */
	/* generation of one in the slot that is told as 0-RTT and came again elsewhere; or 0 */
	uint32_t forsaken[WORLD_WORKERS][WORLD_SLOTS];
	bool kick[WORLD_WORKERS];
	uint64_t again_ns; /* a ring was full, or the pace wants a pause */
};

/* A change to the network or its hosts, at its time. */
enum fault_kind {
	FAULT_WEATHER,
	FAULT_KERNEL,
	FAULT_REBIND,
	FAULT_SOCKET, /* a worker loses it */
	FAULT_NO_GSO,
	FAULT_CALM,
	FAULT_KINDS,
};

struct fault {
	enum fault_kind kind;
	uint64_t at_ns;
	struct quicd_sim_weather weather[2];
	struct quicd_sim_kernel kernel;
	uint32_t target;
	bool address;
};

#define WORLD_FAULTS 32

/* An address of a client as a server sees it, and what RFC 9000 §8 allows towards it. */
struct remote {
	struct qd_address address;
	uint32_t socket; /* of the client's */
	uint64_t received, sent;
	uint64_t heard_ns; /* when it first got something from the server; QUICD_SIM_NEVER: never */
	bool proved;
};
#define WORLD_REMOTES 256

/* Of a worker: turns in a row that did not sleep and did nothing. */
struct idle {
	uint64_t done;
	uint32_t turns;
};

struct coverage {
	uint64_t events[SIDES][PHASES][QUICD_EVENT_COUNT];
	uint64_t commands[SIDES][PHASES][QUICD_COMMAND_COUNT];
	uint64_t states[QUICD_STATE_COUNT]; /* native, seen after turns */
	uint64_t faults[FAULT_KINDS];
	uint64_t fates[QUICD_SIM_FATES];
	uint64_t ends[SIDES][4]; /* closed by: us, the peer, a timeout, without a reason */
	/* forwarded, rebindings, retries, sockets lost, moves to a preferred address */
	uint64_t counters[5];
	uint64_t resumed, early, early_taken; /* of clients' connections */
	uint64_t version_2;   /* of QUIC, likewise */
	uint64_t early_again; /* of them told once more, as another connection */
	uint64_t stream_bytes, virtual_ns, seeds, turns;
};

/* The newest one that a client got. */
struct session {
	uint32_t name; /* of the server's, for which alone it is good */
	uint32_t bytes;
	uint8_t data[WORLD_SESSION_BYTES];
};

struct world {
	struct quicd_sim sim;
	struct quicd_sim_random random; /* of the scenario */
	struct quicd_sim_random conduct; /* of the applications */
	struct quicd_engine *engines[WORLD_ENGINES]; /* the server first */
	uint32_t profiles[WORLD_ENGINES];
	struct session sessions[WORLD_ENGINES];
	uint32_t engine_count;
	struct app apps[WORLD_APPS];
	uint32_t app_count;
	struct plan plans[WORLD_CONNECTIONS];
	struct end ends[WORLD_CONNECTIONS][SIDES];
	/* A connection that resumes goes by the name of the one before it, once that has ended. */
	uint32_t name_of[WORLD_CONNECTIONS], called[WORLD_CONNECTIONS];
	uint32_t connection_count;
	struct fault faults[WORLD_FAULTS];
	uint32_t fault_count, faults_done;
	struct quicd_sim_actor fault_actor;
	uint64_t calm_ns; /* no fault after this */
	uint64_t idle_ns;
	uint64_t longest_blackout_ns;
	uint64_t rebound_ns; /* when a client's address last changed */
	bool prefers_silence; /* the server names an address where nobody is */
	struct remote remotes[WORLD_REMOTES];
	uint32_t remote_count;
	struct idle idle[QUICD_SIM_WORKERS_MAX];
	struct coverage *coverage;
	char message[WORLD_MESSAGE_BYTES]; /* the first thing that was wrong */
	bool failed;
	bool verbose;
	bool hours; /* see struct scenario_options */
};

/* Notes what is wrong; the seed ends at the next step. */
__attribute__((format(printf, 2, 3))) void world_fail(struct world *world, const char *format, ...);

/* plan.c */
void plan_draw(struct world *world, uint32_t number);
struct plan_stream plan_stream_of(const struct plan *plan, uint64_t id);
uint8_t plan_byte(const struct plan *plan, uint64_t id, enum side from, uint64_t position);
void plan_fill(const struct plan *plan, uint64_t id, enum side from, uint64_t position,
	       uint8_t *out, uint32_t bytes);

/* app.c */
void app_start(struct world *world, struct quicd_engine *engine, uint32_t index, enum side side);
void app_connect(struct app *app, uint32_t number);

/* events.c */
void app_take_event(struct app *app, uint32_t worker, const struct quicd_event *event);

/* conduct.c: what an end does by itself; the time at which it wants to be asked again. */
uint64_t end_act(struct end *end);
/* False when the command ring or the slab is full. */
bool end_command(struct end *end, struct quicd_command command);
struct stream_end *end_stream(struct end *end, uint64_t id);
struct stream_end *end_add_stream(struct end *end, const struct quicd_event *event);
bool app_carry(struct app *app, struct quicd_command *command, const void *bytes, uint32_t length);
bool app_commit(struct app *app, uint32_t worker, const struct quicd_command *command);

/* watch.c */
void watch_datagram(void *world, enum quicd_sim_fate fate,
		    const struct quicd_sim_datagram *datagram,
		    const struct quicd_sim_socket *socket);
void watch_turn(void *world, struct quicd_worker *worker, uint64_t wait_ns);
/* After an application ran. */
void watch_app(struct world *world);
/* After everything has closed. */
void watch_rest(struct world *world);

/* scenario.c */
struct verdict {
	bool failed;
	char message[WORLD_MESSAGE_BYTES];
	uint64_t hash;
	uint64_t virtual_ns;
};
struct scenario_options {
	uint64_t seed;
	FILE *trace;
	bool verbose;
	bool hours; /* one connection that lives for three */
	struct coverage *coverage;
};
/* On a thread of its own, see native/sim/clock.c. */
void scenario_run(const struct scenario_options *options, struct verdict *verdict);
