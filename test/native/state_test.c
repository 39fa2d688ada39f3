/* state_test.c - which connection state may follow which: all pairs. */
#include "abi.h"
#include "check.h"
#include "connection.h"

/* By rows: FREE, INITIAL, HANDSHAKING, ESTABLISHED, DRAINING, CLOSED, EARLY; x: may go there. */
static const char *const TABLE[QUICD_STATE_COUNT] = {
	[QUICD_STATE_FREE] = ".x.....",	       [QUICD_STATE_INITIAL] = "..x.xx.",
	[QUICD_STATE_HANDSHAKING] = "...xxxx", [QUICD_STATE_ESTABLISHED] = "....xx.",
	[QUICD_STATE_DRAINING] = ".....x.",    [QUICD_STATE_CLOSED] = "x......",
	[QUICD_STATE_EARLY] = "...xxx.",
};

static void all_pairs(void)
{
	for (int state = 0; state < QUICD_STATE_COUNT; state++)
		for (int next = 0; next < QUICD_STATE_COUNT; next++)
			CHECK(quicd_state_may_follow(state, next) == (TABLE[state][next] == 'x'));
}

/* From everywhere there is a way back to FREE, so no slot is lost. */
static void every_state_ends(void)
{
	for (int state = 0; state < QUICD_STATE_COUNT; state++) {
		int at = state;
		for (int steps = 0; at != QUICD_STATE_FREE && steps < QUICD_STATE_COUNT; steps++)
			if (quicd_state_may_follow(at, QUICD_STATE_CLOSED))
				at = QUICD_STATE_CLOSED;
			else if (quicd_state_may_follow(at, QUICD_STATE_FREE))
				at = QUICD_STATE_FREE;
		CHECK(at == QUICD_STATE_FREE);
	}
}

int main(void)
{
	check_case("all pairs", all_pairs);
	check_case("every state ends", every_state_ends);
	return check_finish();
}
