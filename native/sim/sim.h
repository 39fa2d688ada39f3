/*
 * sim.h - the core without sockets, threads or a clock: workers are stepped one after the other
 * over a network in memory, in virtual time. Everything that happens follows from one seed.
 *
 * net.c is the network's side of net.h (a backend, and sockets in place of udp.c's), clock.c gives
 * time and entropy to the core, quiche and BoringSSL, link.c decides the fate of each datagram,
 * schedule.c runs what is due. One simulation at a time in a process: the clock of libc is one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "engine.h"
#include "net.h"
#include "quiche/quicd_quiche.h"
#include "worker.h"

#define QUICD_SIM_NEVER UINT64_MAX
#define QUICD_SIM_SOCKETS_MAX 256
#define QUICD_SIM_WORKERS_MAX 32
#define QUICD_SIM_ACTORS_MAX 64
#define QUICD_SIM_MS 1000000ull /* in nanoseconds */
#define QUICD_SIM_SECOND 1000000000ull
/* Of a socket's receive buffer. */
#define QUICD_SIM_INBOX_DATAGRAMS 1024

/* Sequences of their own: what one draws does not shift what the others get. */
struct quicd_sim_random {
	uint64_t state;
};
uint64_t quicd_sim_draw(struct quicd_sim_random *random);
/* Below |bound|; 0 for a bound of 0. */
uint64_t quicd_sim_below(struct quicd_sim_random *random, uint64_t bound);
/* True |per_million| times of a million. */
bool quicd_sim_chance(struct quicd_sim_random *random, uint32_t per_million);

/* What one direction does to datagrams now; rates are per million of them. */
struct quicd_sim_weather {
	uint64_t delay_ns;
	uint64_t jitter_ns; /* added, 0 up to this; later ones may then come first */
	uint32_t loss;
	uint32_t burst;		  /* a burst of losses begins */
	uint32_t burst_datagrams; /* that it takes */
	uint32_t duplicate;
	uint32_t corrupt;
	uint32_t reorder; /* held back by reorder_ns */
	uint64_t reorder_ns;
	uint64_t bytes_per_second; /* 0: no limit */
	uint32_t queue_bytes;	   /* before that limit; beyond it datagrams are lost */
	uint32_t mtu;		   /* larger UDP payloads are lost; 0: none is */
	uint32_t mark;   /* with ECN-CE, of those that are ECT(0) */
	bool bleach;     /* clears the ECN field */
	bool eats_marks; /* what is not Not-ECT is lost */
	bool blackout;
};

/* What the kernels of all hosts do to calls; rates are per million of them. */
struct quicd_sim_kernel {
	uint32_t no_buffers; /* a send fails with ENOBUFS */
	uint32_t cut_train;  /* only the first datagrams of a train leave */
	uint32_t send_full;  /* the send buffers are with the kernel for a while */
	bool no_gso;	     /* trains are refused with EIO */
	bool glue;	     /* GRO */
};

enum quicd_sim_direction { QUICD_SIM_TO_SERVER = 0, QUICD_SIM_TO_CLIENT = 1 };

struct quicd_sim_socket {
	uint32_t id;
	bool open;
	bool client;		  /* not of a server's port group */
	uint32_t worker;	  /* index in quicd_sim.workers */
	struct qd_address local;  /* as its host sees it */
	struct qd_address outside; /* as others see it: a NAT may change it */
};

struct quicd_sim_datagram {
	uint8_t *bytes; /* an allocation of exact size: who reads past it is seen */
	uint32_t length;
	uint32_t socket; /* from which it was sent */
	uint64_t sent_ns;
	struct qd_address from, to;
	uint8_t ecn; /* RFC 3168 §5 */
	bool damaged;
};

struct quicd_sim_worker {
	struct quicd_worker *worker;
	bool running;
	bool waiting;	     /* in the kernel, until wake_ns, a datagram or a kick */
	bool parked;	     /* a kick is needed to wake it before wake_ns */
	uint64_t wake_ns;
	uint64_t busy_until_ns; /* its last turn takes until then */
	uint64_t sends_free_ns; /* no send buffer before */
	uint64_t inbox_ns;   /* since when something is in the inbox */
	uint32_t inbox_count;
	struct quicd_sim_datagram inbox[QUICD_SIM_INBOX_DATAGRAMS];
	uint32_t inbox_socket[QUICD_SIM_INBOX_DATAGRAMS]; /* that each came to */
	uint8_t *send_buffer;
};

/* Something that is run at its time: an application, a change of weather. */
struct quicd_sim_actor {
	uint64_t next_ns; /* QUICD_SIM_NEVER: not by itself */
	void (*run)(void *context);
	void *context;
};

enum quicd_sim_fate {
	QUICD_SIM_SENT = 0,
	QUICD_SIM_DELIVERED = 1,
	QUICD_SIM_LOST = 2,
	QUICD_SIM_DUPLICATED = 3,
	QUICD_SIM_CORRUPTED = 4,
	QUICD_SIM_HELD_BACK = 5,
	QUICD_SIM_QUEUE_FULL = 6,
	QUICD_SIM_TOO_LARGE = 7,
	QUICD_SIM_NOWHERE = 8, /* nobody has the address, or not any more */
	QUICD_SIM_NO_BUFFERS = 9,
	QUICD_SIM_CUT = 10,
	QUICD_SIM_INBOX_FULL = 11,
	QUICD_SIM_MARKED = 12,
	QUICD_SIM_FATES = 13,
};
extern const char *const quicd_sim_fate_names[QUICD_SIM_FATES];

struct quicd_sim_flight;

struct quicd_sim {
	uint64_t seed;
	uint64_t now_ns;   /* CLOCK_MONOTONIC */
	uint64_t start_ns; /* now_ns of the beginning */
	struct quicd_sim_random network, entropy, schedule, hashes;
	struct quicd_sim_weather weather[2]; /* by enum quicd_sim_direction */
	uint32_t burst_left[2];
	uint64_t link_free_ns[2]; /* when the rate limit has sent what is queued */
	struct quicd_sim_kernel kernel;
	uint64_t turn_ns; /* a worker's turn takes up to this long */
	struct quicd_sim_socket sockets[QUICD_SIM_SOCKETS_MAX];
	uint32_t socket_count;
	struct quicd_sim_worker *workers[QUICD_SIM_WORKERS_MAX];
	uint32_t worker_count;
	struct quicd_sim_actor *actors[QUICD_SIM_ACTORS_MAX];
	uint32_t actor_count;
	struct quicd_sim_flight *flights; /* a heap by time of arrival */
	uint32_t flight_count, flight_room;
	uint64_t flight_sequence;
	uint16_t next_port;
	uint64_t fates[QUICD_SIM_FATES];
	uint64_t turns;
	uint64_t trace_hash;
	FILE *trace; /* each datagram, one a line; NULL: not wanted */
	FILE *quiet; /* takes what net.c says about sockets that are lost on purpose */
	/* Told of every datagram; may be NULL. */
	void (*watch)(void *context, enum quicd_sim_fate fate,
		      const struct quicd_sim_datagram *datagram,
		      const struct quicd_sim_socket *socket);
	/* After each turn; |wait_ns| 0: not asleep. */
	void (*turned)(void *context, struct quicd_worker *worker, uint64_t wait_ns);
	void *context;
};

/* Becomes the process's simulation. The thread that calls it is the one that runs it. */
void quicd_sim_begin(struct quicd_sim *sim, uint64_t seed);
/* All engines have been stopped before. */
void quicd_sim_end(struct quicd_sim *sim);
struct quicd_sim *quicd_sim_current(void);

/* Runs the next thing that is due at |until_ns| or before; false when there is none. */
bool quicd_sim_step(struct quicd_sim *sim, uint64_t until_ns);
/* All of them; then it is |until_ns|. */
void quicd_sim_run(struct quicd_sim *sim, uint64_t until_ns);
void quicd_sim_add_actor(struct quicd_sim *sim, struct quicd_sim_actor *actor);
static inline void quicd_sim_wake_actor(struct quicd_sim_actor *actor, uint64_t at_ns)
{
	if (at_ns < actor->next_ns)
		actor->next_ns = at_ns;
}
void quicd_sim_add_worker(struct quicd_sim *sim, struct quicd_worker *worker);

/* A NAT gives |socket| another port, or another address too. */
void quicd_sim_rebind(struct quicd_sim *sim, struct quicd_sim_socket *socket, bool address);

/* link.c: takes the datagram's bytes over. */
void quicd_sim_fly(struct quicd_sim *sim, struct quicd_sim_datagram *datagram,
		   enum quicd_sim_direction direction);
void quicd_sim_note(struct quicd_sim *sim, enum quicd_sim_fate fate,
		    const struct quicd_sim_datagram *datagram,
		    const struct quicd_sim_socket *socket);
/* Into the trace's hash. */
void quicd_sim_hash(struct quicd_sim *sim, uint64_t value);
uint64_t quicd_sim_next_arrival(const struct quicd_sim *sim);
/* The earliest flight ends. */
void quicd_sim_land(struct quicd_sim *sim);
void quicd_sim_drop_flights(struct quicd_sim *sim);
bool quicd_sim_same_address(const struct qd_address *a, const struct qd_address *b);
