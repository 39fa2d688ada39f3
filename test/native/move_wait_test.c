/*
 * move_wait_test.c - a client that is asked to move before its server has offered a connection ID
 * for the new path (RFC 9000 §5.1.1): it waits a while. The server is quiche by hand, so that it
 * offers one when the case says so.
 */
#include <pthread.h>
#include "both_ends.h"

struct hand {
	int fd;
	uint8_t cid[QD_CID_BYTES];
	struct qd_config *config;
	struct qd_connection *quiche;
	struct qd_address local;
};

static struct hand hand;

static void hand_open(bool forbids)
{
	struct qd_config_options options = client_options();
	struct sockaddr_in name = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	char error[256];
	options.server = true;
	options.certificate_pem = TEST_CERTIFICATE;
	options.certificate_pem_bytes = sizeof(TEST_CERTIFICATE) - 1;
	options.private_key_pem = TEST_KEY;
	options.private_key_pem_bytes = sizeof(TEST_KEY) - 1;
	options.disable_active_migration = forbids;
	hand = (struct hand){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
	REQUIRE(bind(hand.fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	REQUIRE(getsockname(hand.fd, (struct sockaddr *)&name, &size) == 0);
	REQUIRE(quicd_address_from((struct sockaddr *)&name, &hand.local));
	hand.config = qd_config_new(&options, error, sizeof(error));
	REQUIRE(hand.config != NULL);
	client_engine = start(client_engine_options("127.0.0.1"));
	party_attach(&client, client_engine);
}

static void hand_close(void)
{
	party_detach(&client);
	quicd_engine_stop(client_engine);
	qd_free(hand.quiche);
	qd_config_free(hand.config);
	close(hand.fd);
}

static void hand_take_in(uint8_t *packet, size_t bytes, const struct sockaddr_storage *from)
{
	uint8_t token[QD_RESET_TOKEN_BYTES];
	struct qd_address peer;
	int error = 0;
	REQUIRE(quicd_address_from((const struct sockaddr *)from, &peer));
	if (!hand.quiche) {
		quicd_random(hand.cid, sizeof(hand.cid));
		quicd_random(token, sizeof(token));
		hand.quiche = qd_accept(hand.config, hand.cid, token, NULL, 0, NULL, 0, &hand.local,
					&peer, &error);
		REQUIRE(hand.quiche != NULL);
	}
	qd_recv(hand.quiche, packet, bytes, &peer, &hand.local);
}

/* Takes in what has come, and answers it. */
static void hand_turn(void)
{
	static uint8_t packet[65536];
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);
	struct qd_train train;
	ssize_t bytes;
	while ((bytes = recvfrom(hand.fd, packet, sizeof(packet), 0, (struct sockaddr *)&address,
				 &size)) > 0)
		hand_take_in(packet, (size_t)bytes, &address);
	if (!hand.quiche)
		return;
	if (qd_timeout_ns(hand.quiche) <= client_now_ns())
		qd_on_timeout(hand.quiche);
	while ((bytes = qd_send_train(hand.quiche, packet, sizeof(packet), 1, &train)) > 0) {
		const struct sockaddr_in to = {.sin_family = AF_INET,
					       .sin_port = htons(train.to.port),
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		(void)!sendto(hand.fd, packet, (size_t)bytes, 0, (const struct sockaddr *)&to,
			      sizeof(to));
	}
}

/* Both sides go on until the client is told |kind|. */
static struct quicd_event both_until(enum quicd_event_kind kind)
{
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	struct quicd_event event = {0};
	do {
		hand_turn();
		if (party_next(&client, &event, 0) && event.kind == kind)
			return event;
		usleep(100);
	} while (client_now_ns() < deadline);
	REQUIRE(!"the event comes");
	return event;
}

static void both_for(uint64_t duration_ns)
{
	const uint64_t end = client_now_ns() + duration_ns;
	struct quicd_event event;
	while (client_now_ns() < end) {
		hand_turn();
		party_next(&client, &event, 0);
		usleep(100);
	}
}

static void offer_id(void)
{
	uint8_t cid[QD_CID_BYTES], token[QD_RESET_TOKEN_BYTES];
	quicd_random(cid, sizeof(cid));
	quicd_random(token, sizeof(token));
	CHECK(qd_new_scid(hand.quiche, cid, sizeof(cid), token, false) >= 0);
}

static struct quicd_event connected_by(uint32_t flags)
{
	const struct quicd_profile profile = test_profile();
	struct party_target target = {.port = hand.local.port,
				      .profile = add_profile(client_engine, &profile),
				      .name = "localhost",
				      .flags = flags};
	party_connect(&client, &target);
	return both_until(QUICD_EVENT_CONNECTED);
}

static void waits_for_an_id(void)
{
	for (uint32_t flags = 0; flags <= QUICD_CONNECT_OWN_SOCKET;
	     flags += QUICD_CONNECT_OWN_SOCKET) {
		hand_open(false);
		const struct quicd_event connected = connected_by(flags);
		const uint16_t port = party_view(&client, &connected)->local_port;
		const uint32_t id =
			party_command(&client, 0, party_of(&connected, QUICD_COMMAND_MIGRATE));
		both_for(20000000);
		CHECK(client.counts[QUICD_EVENT_MIGRATE_OUTCOME] == 0);
		/* Another one meanwhile is told so at once. */
		const uint32_t second =
			party_command(&client, 0, party_of(&connected, QUICD_COMMAND_MIGRATE));
		struct quicd_event event = both_until(QUICD_EVENT_MIGRATE_OUTCOME);
		CHECK(event.request_id == second && event.error_code == QUICD_REFUSED_FULL);
		offer_id();
		event = both_until(QUICD_EVENT_MIGRATE_OUTCOME);
		CHECK(event.request_id == id && event.error_code == QUICD_OK);
		CHECK(party_view(&client, &connected)->local_port != port);
		hand_close();
	}
}

static void not_for_ever(void)
{
	hand_open(false);
	const struct quicd_event connected = connected_by(0);
	const uint16_t port = party_view(&client, &connected)->local_port;
	const uint32_t id = party_command(&client, 0, party_of(&connected, QUICD_COMMAND_MIGRATE));
	struct quicd_event event = both_until(QUICD_EVENT_MIGRATE_OUTCOME);
	CHECK(event.request_id == id && event.error_code == QUICD_REFUSED_FULL);
	CHECK(party_view(&client, &connected)->local_port == port);
	/* An offer that comes later is for the next one. */
	offer_id();
	both_for(20000000);
	CHECK(client.counts[QUICD_EVENT_MIGRATE_OUTCOME] == 1);
	party_command(&client, 0, party_of(&connected, QUICD_COMMAND_MIGRATE));
	event = both_until(QUICD_EVENT_MIGRATE_OUTCOME);
	CHECK(event.error_code == QUICD_OK);
	hand_close();
}

static void not_where_it_is_forbidden(void)
{
	hand_open(true);
	const struct quicd_event connected = connected_by(0);
	party_command(&client, 0, party_of(&connected, QUICD_COMMAND_MIGRATE));
	const struct quicd_event event = both_until(QUICD_EVENT_MIGRATE_OUTCOME);
	CHECK(event.error_code == QUICD_REFUSED_UNSUPPORTED);
	hand_close();
}

int main(int argc, char **argv)
{
	static const struct both_case CASES[] = {
		{"waits for a connection ID", waits_for_an_id},
		{"not where the server forbids it", not_where_it_is_forbidden},
		{"nothing stays behind", nothing_stays_behind},
	};
	/* Takes its time, and does nothing that a backend could change. */
	static const struct both_case SLOW = {"not for ever", not_for_ever};
	check_filter = argc > 1 ? argv[1] : NULL;
	both_run_on(QUICD_BACKEND_SYSCALLS, NULL, &SLOW, 1);
	return both_run(CASES, sizeof(CASES) / sizeof(CASES[0]));
}
