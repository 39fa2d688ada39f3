/*
 * cid_retire_test.c - our connection IDs as a client retires them, one after the other: each is
 * replaced, packets still find their connection, and the map holds no more than one connection may
 * have.
 */
#include <pthread.h>
#include "manual_app.h"
#include "server_options.h"

#define RETIREMENTS 1000u

__attribute__((no_sanitize("thread"))) static uint32_t mapped(const struct quicd_engine *engine)
{
	return *(const volatile uint32_t *)&engine->workers[0].cids.count;
}

static void a_thousand_are_replaced(void)
{
	char error[256] = "";
	const struct quicd_options options = default_options(1);
	struct quicd_engine *engine = quicd_engine_start(&options, error, sizeof(error));
	REQUIRE(engine != NULL);
	struct manual_app app;
	struct client client;
	struct qd_config_options mine = client_options();
	mine.active_connection_id_limit = 8;
	manual_attach(&app, engine);
	manual_connect(&app, &client, &mine);
	uint32_t retired = 0, most = 0;
	const uint64_t deadline = client_now_ns() + 30000000000ull;
	while (retired < RETIREMENTS && client_now_ns() < deadline) {
		/* The oldest: the one in use, so that the next packets carry another. */
		if (qd_retire_dcid(client.quiche, retired) == 0)
			retired++;
		client_turn(&client, 1);
		most = mapped(engine) > most ? mapped(engine) : most;
	}
	CHECK(retired == RETIREMENTS);
	/* The connection lives, by an ID that is younger than all of those. */
	const uint8_t hello[] = "hello";
	struct quicd_event event;
	CHECK(qd_datagram_send_copy(client.quiche, hello, sizeof(hello)) == 0);
	CHECK(manual_wait(&app, &client, QUICD_EVENT_DATAGRAM, &event));
	manual_release(&app, &event);
	printf("%u retired, at most %u in the map, %u now\n", retired, most, mapped(engine));
	CHECK(most <= QUICD_CIDS_PER_CONNECTION);
	CHECK(mapped(engine) <= options.active_connection_id_limit + 2);
	manual_close(&app, &client);
	CHECK(counter_reaches(&engine->workers[0].counters->closed, 1));
	CHECK(mapped(engine) == 0);
	manual_detach(&app);
	quicd_engine_stop(engine);
}

int main(void)
{
	check_case("1000 connection IDs retired and replaced", a_thousand_are_replaced);
	return check_finish();
}
