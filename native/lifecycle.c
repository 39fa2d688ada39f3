/* lifecycle.c - see lifecycle.h. */
#include "lifecycle.h"
#include <assert.h>

#define GO(to, events) {.possible = true, .next = QUICD_STATE_##to, .tell = (events)}
#define CONNECTED QUICD_PENDING_CONNECTED
#define DONE QUICD_PENDING_HANDSHAKE_DONE
#define CLOSING QUICD_PENDING_CLOSING
#define CLOSED QUICD_PENDING_CLOSED

typedef struct quicd_transition row[QUICD_INPUT_COUNT];

/* Rows are read by test/native/lifecycle_twin.test.ts. */
static const row TABLE[QUICD_STATE_COUNT] = {
	[QUICD_STATE_FREE] = {
		[QUICD_INPUT_ACCEPT] = GO(INITIAL, 0),
	},
	[QUICD_STATE_INITIAL] = {
		[QUICD_INPUT_FLIGHT] = GO(HANDSHAKING, 0),
		[QUICD_INPUT_CLOSE] = GO(DRAINING, CLOSING),
		[QUICD_INPUT_END] = GO(CLOSED, CLOSING | CLOSED),
	},
	[QUICD_STATE_HANDSHAKING] = {
		[QUICD_INPUT_FLIGHT] = GO(HANDSHAKING, 0),
		[QUICD_INPUT_EARLY] = GO(EARLY, CONNECTED),
		[QUICD_INPUT_ESTABLISHED] = GO(ESTABLISHED, CONNECTED),
		[QUICD_INPUT_CLOSE] = GO(DRAINING, CLOSING),
		[QUICD_INPUT_END] = GO(CLOSED, CLOSING | CLOSED),
	},
	[QUICD_STATE_EARLY] = {
		[QUICD_INPUT_FLIGHT] = GO(EARLY, 0),
		[QUICD_INPUT_ESTABLISHED] = GO(ESTABLISHED, DONE),
		[QUICD_INPUT_CLOSE] = GO(DRAINING, CLOSING),
		[QUICD_INPUT_END] = GO(CLOSED, CLOSING | CLOSED),
	},
	[QUICD_STATE_ESTABLISHED] = {
		[QUICD_INPUT_FLIGHT] = GO(ESTABLISHED, 0),
		[QUICD_INPUT_CLOSE] = GO(DRAINING, CLOSING),
		[QUICD_INPUT_END] = GO(CLOSED, CLOSING | CLOSED),
	},
	[QUICD_STATE_DRAINING] = {
		[QUICD_INPUT_FLIGHT] = GO(DRAINING, 0),
		[QUICD_INPUT_CLOSE] = GO(DRAINING, 0),
		[QUICD_INPUT_END] = GO(CLOSED, CLOSED),
	},
	[QUICD_STATE_CLOSED] = {
		[QUICD_INPUT_FLIGHT] = GO(CLOSED, 0),
		[QUICD_INPUT_CLOSE] = GO(CLOSED, 0),
		[QUICD_INPUT_END] = GO(CLOSED, 0),
		[QUICD_INPUT_FREE] = GO(FREE, 0),
	},
};

const struct quicd_transition *quicd_lifecycle(enum quicd_connection_state state,
					       enum quicd_lifecycle_input input)
{
	assert((uint32_t)state < QUICD_STATE_COUNT && (uint32_t)input < QUICD_INPUT_COUNT);
	return &TABLE[state][input];
}

bool quicd_state_is_open(enum quicd_connection_state state)
{
	return state == QUICD_STATE_EARLY || state == QUICD_STATE_ESTABLISHED;
}

bool quicd_state_is_half_open(enum quicd_connection_state state)
{
	return state == QUICD_STATE_INITIAL || state == QUICD_STATE_HANDSHAKING ||
	       state == QUICD_STATE_EARLY;
}
