/*
 * lifecycle.h - where a connection stands and what makes it go on: one table of state and input,
 * with what the application is to be told. src/transport/lifecycle.ts is its twin for what an app
 * thread sees. RFC 9000 §10.
 *
 * An input that a state has no place for is a bug of ours, and asserted. Late packets, timers and
 * events are none: they find a state that stays as it is.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"

/* Events that wait for ring room; CONNECTED before everything, CLOSED after everything. */
enum quicd_connection_pending {
	QUICD_PENDING_CONNECTED = 1,
	QUICD_PENDING_PATH = 2,
	QUICD_PENDING_CLOSING = 4,
	QUICD_PENDING_CLOSED = 8,
	QUICD_PENDING_HANDSHAKE_DONE = 16, /* after a CONNECTED that was early */
	QUICD_PENDING_STARTED = 32, /* of a client, before CONNECTED */
};

enum quicd_lifecycle_input {
	QUICD_INPUT_ACCEPT = 0, /* a slot is taken: for a first datagram, or for CONNECT */
	QUICD_INPUT_FLIGHT = 1, /* packets came or a timer fired */
	QUICD_INPUT_EARLY = 2,	/* application data may flow as 0-RTT (RFC 9001 §4.6) */
	QUICD_INPUT_ESTABLISHED = 3, /* the handshake is complete */
	QUICD_INPUT_CLOSE = 4, /* CONNECTION_CLOSE was sent or received (§10.2) */
	QUICD_INPUT_END = 5,   /* drained, timed out (§10.1), or given up */
	QUICD_INPUT_FREE = 6,  /* all that it held is back */
	QUICD_INPUT_COUNT = 7,
};

struct quicd_transition {
	bool possible;
	uint8_t next; /* enum quicd_connection_state */
	uint8_t tell; /* enum quicd_connection_pending */
};

const struct quicd_transition *quicd_lifecycle(enum quicd_connection_state state,
					       enum quicd_lifecycle_input input);
/* May application data flow? Only then do commands run. */
bool quicd_state_is_open(enum quicd_connection_state state);
/* The handshake is not complete: a client may still be a false address or a replay. */
bool quicd_state_is_half_open(enum quicd_connection_state state);
