/*
 * state_test.c - the lifecycle of a connection: every pair of state and input, written down a
 * second time by hand.
 */
#include "abi.h"
#include "check.h"
#include "lifecycle.h"

/*
 * Columns: ACCEPT, FLIGHT, EARLY, ESTABLISHED, CLOSE, END, FREE. A letter is the next state: Free,
 * Initial, Handshaking, eArly, Established, Draining, Closed; a dot: impossible.
 */
static const char *const NEXT[QUICD_STATE_COUNT] = {
	[QUICD_STATE_FREE] = "I......",	       [QUICD_STATE_INITIAL] = ".H..DC.",
	[QUICD_STATE_HANDSHAKING] = ".HAEDC.", [QUICD_STATE_EARLY] = ".A.EDC.",
	[QUICD_STATE_ESTABLISHED] = ".E..DC.", [QUICD_STATE_DRAINING] = ".D..DC.",
	[QUICD_STATE_CLOSED] = ".C..CCF",
};

static char letter(enum quicd_connection_state state)
{
	static const char LETTERS[QUICD_STATE_COUNT] = {
		[QUICD_STATE_FREE] = 'F',	 [QUICD_STATE_INITIAL] = 'I',
		[QUICD_STATE_HANDSHAKING] = 'H', [QUICD_STATE_EARLY] = 'A',
		[QUICD_STATE_ESTABLISHED] = 'E', [QUICD_STATE_DRAINING] = 'D',
		[QUICD_STATE_CLOSED] = 'C',
	};
	return LETTERS[state];
}

static void all_pairs(void)
{
	for (int state = 0; state < QUICD_STATE_COUNT; state++) {
		for (int input = 0; input < QUICD_INPUT_COUNT; input++) {
			const struct quicd_transition *to = quicd_lifecycle(state, input);
			const char expected = NEXT[state][input];
			CHECK(to->possible == (expected != '.'));
			CHECK(!to->possible || letter(to->next) == expected);
			/* To stay is to say nothing, and so is what cannot be. */
			CHECK(to->tell == 0 || (to->possible && to->next != state));
		}
	}
}

/* On every way through the table the application is told of each thing once, and in order. */
static void walk(enum quicd_connection_state state, uint32_t told, int depth)
{
	if (state == QUICD_STATE_FREE && depth > 0) {
		const uint32_t end = QUICD_PENDING_CLOSING | QUICD_PENDING_CLOSED;
		CHECK((told & end) == end);
		return;
	}
	for (int input = 0; input < QUICD_INPUT_COUNT; input++) {
		const struct quicd_transition *to = quicd_lifecycle(state, input);
		if (!to->possible || to->next == state)
			continue;
		CHECK((told & to->tell) == 0);
		CHECK(!(to->tell & QUICD_PENDING_CONNECTED) || told == 0);
		CHECK(!(to->tell & QUICD_PENDING_HANDSHAKE_DONE) ||
		      told == QUICD_PENDING_CONNECTED);
		CHECK(quicd_state_is_open(to->next) ==
		      (((told | to->tell) & QUICD_PENDING_CONNECTED) &&
		       !((told | to->tell) & QUICD_PENDING_CLOSING)));
		CHECK(depth < QUICD_STATE_COUNT); /* no way round */
		walk(to->next, told | to->tell, depth + 1);
	}
}

static void every_way_ends(void)
{
	walk(QUICD_STATE_FREE, 0, 0);
}

int main(void)
{
	check_case("all pairs of state and input", all_pairs);
	check_case("every way ends, and tells each thing once", every_way_ends);
	return check_finish();
}
