/* key_update_test.c - new packet protection keys at a command (RFC 9001 §6), from either side. */
#include "both_ends.h"

static uint64_t updates(const struct quicd_event *connection)
{
	struct quicd_event event;
	party_command(&client, 0, party_of(connection, QUICD_COMMAND_REFRESH));
	/* The view is written in the turn that takes the command. */
	const uint64_t before = party_view(&client, connection)->refreshed_us;
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	while (__atomic_load_n(&party_view(&client, connection)->refreshed_us,
			       __ATOMIC_RELAXED) == before &&
	       client_now_ns() < deadline)
		party_next(&client, &event, 100000);
	return __atomic_load_n(&party_view(&client, connection)->key_updates, __ATOMIC_RELAXED);
}

static void keys_change_at_a_command(void)
{
	open_both("127.0.0.1", default_options(1));
	const struct quicd_profile profile = test_profile();
	const struct party_target target = target_of(add_profile(client_engine, &profile));
	const struct quicd_event connected = outcome_of(&target);
	REQUIRE(connected.kind == QUICD_EVENT_CONNECTED);
	CHECK(party_echo(&client, &connected, 100000));
	CHECK(updates(&connected) == 0);
	uint64_t seen = 0;
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	/* The later ones wait until three times the PTO have passed (RFC 9001 §6.5). */
	while (seen < 3 && client_now_ns() < deadline) {
		party_command(&client, 0, party_of(&connected, QUICD_COMMAND_UPDATE_KEYS));
		memset(client.streams, 0, sizeof(client.streams));
		CHECK(party_echo(&client, &connected, 100000));
		const uint64_t now = updates(&connected);
		CHECK(now == seen || now == seen + 1);
		seen = now;
	}
	CHECK(seen == 3);
	close_connection(&connected);
	close_both();
}

int main(void)
{
	static const struct both_case CASES[] = {
		{ "keys change at a command", keys_change_at_a_command },
	};
	return both_run(CASES, sizeof(CASES) / sizeof(*CASES));
}
