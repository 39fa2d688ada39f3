/*
 * engine.h - one server, or the client side, in the process: workers, app threads, keys. At most
 * QUICD_ENGINES_MAX live at once.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "app.h"
#include "keys.h"
#include "options.h"
#include "qlog.h"
#include "slab.h"

struct quicd_worker;
struct quicd_net_backend;
struct quicd_steer;
struct quicd_forward_ring;
struct quicd_profiles;
struct quicd_replay;

struct quicd_engine {
	uint32_t index;
	struct quicd_options options;
	struct quicd_keys keys;
	struct quicd_tokens *tokens;
	const struct quicd_net_backend *backend;
	char backend_note[256];	    /* why not io_uring, or "" */
	enum quicd_routing routing; /* chosen: never AUTO */
	char routing_note[256];	    /* why not eBPF, or "" */
	struct quicd_steer *steer;  /* NULL without eBPF */
	char privilege_note[256];   /* why CAP_BPF could not be dropped, or "" */
	struct quicd_forward_ring *forward; /* [from * workers + to] */
	struct quicd_profiles *profiles; /* of a client; NULL for a server */
	uint16_t port; /* bound, host order; of a client the first worker's */
	int family;    /* AF_INET or AF_INET6 */
	struct quicd_worker *workers;
	struct quicd_app *apps;
	struct quicd_slab *slabs[QUICD_SLABS_MAX]; /* by slab id: workers, then app threads */
	uint32_t slab_count;
	struct quicd_replay *hellos; /* seen with 0-RTT; NULL without it */
	struct quicd_replay *spent_tokens; /* of NEW_TOKEN; NULL without Retry */
	_Atomic uint64_t wall_shift_s; /* test hook: added to CLOCK_REALTIME */
	_Atomic uint32_t draining; /* accept no more */
	_Atomic uint32_t stopping; /* workers close everything and end */
	_Atomic uint32_t next_app; /* round robin at accept */
	atomic_bool gso_refused;   /* by a device: said once */
	atomic_bool ending;	   /* stop was asked for */
	int keylog_fd;
	struct quicd_qlog_store qlog;
	struct quicd_engine *retired_next;
	char error[256]; /* why the start failed */
};

/*
 * Opens sockets, starts the workers and waits until each runs. NULL with a readable reason in
 * |error| (cause and remedy).
 */
struct quicd_engine *quicd_engine_start(const struct quicd_options *options, char *error,
					size_t error_bytes);
/*
 * Closes what is left, ends and joins the workers, frees everything but memory that JavaScript
 * may still view.
 */
void quicd_engine_stop(struct quicd_engine *engine);
/*
 * For programs without JavaScript: frees what engines that ended still kept for it. Only when no
 * other thread is inside an engine's start or stop.
 */
void quicd_engine_free_retired(void);
void quicd_engine_drain(struct quicd_engine *engine);
void quicd_engine_kick_all(struct quicd_engine *engine);
/* NULL for an index that runs nothing. */
struct quicd_engine *quicd_engine_at(uint32_t index);
/*
 * The app thread's place for a bun:ffi handle; NULL for one that is unknown or whose engine has
 * ended.
 */
struct quicd_app *quicd_app_of_handle(uint32_t handle);
