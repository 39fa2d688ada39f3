/*
 * version_2_test.c - QUIC version 2 (RFC 9369) between our own ends: who moves whom to it, Retry
 * and tokens in it, and packets of it that reach another worker than their own.
 */
#include "both_ends.h"
#include "client.h"
#include "counters.h"
#include "echo_client.h"
#include "quic_header.h"
#include "session.h"

/* Connects with |client_versions| to a server of |server_versions|; true if that made version 2. */
static bool makes_version_2(enum qd_versions client_versions, enum qd_versions server_versions)
{
	struct quicd_options options = default_options(2);
	options.versions = server_versions;
	open_both("127.0.0.1", options);
	struct quicd_profile profile = test_profile();
	profile.versions = client_versions;
	const struct party_target target = target_of(add_profile(client_engine, &profile));
	const struct quicd_event connection = outcome_of(&target);
	CHECK(connection.kind == QUICD_EVENT_CONNECTED);
	CHECK(party_echo(&client, &connection, 50000));
	const bool version_2 = party_flags(&client, &connection) & QUICD_CONNECTION_VERSION_2;
	CHECK_SOON(TOTAL(server_engine, established) == 1);
	const bool unknown = client_versions == QD_VERSIONS_BEGIN_WITH_2 &&
			     server_versions == QD_VERSIONS_1;
	CHECK((TOTAL(server_engine, receive_version) > 0) == unknown);
	close_connection(&connection);
	close_both();
	return version_2;
}

static void who_moves_whom(void)
{
	CHECK(!makes_version_2(QD_VERSIONS_ANY, QD_VERSIONS_ANY));
	CHECK(makes_version_2(QD_VERSIONS_ANY, QD_VERSIONS_PREFER_2));
	CHECK(!makes_version_2(QD_VERSIONS_1, QD_VERSIONS_PREFER_2));
	CHECK(makes_version_2(QD_VERSIONS_BEGIN_WITH_2, QD_VERSIONS_ANY));
	/* RFC 9368 §2.1: told by Version Negotiation, the client begins again. */
	CHECK(!makes_version_2(QD_VERSIONS_BEGIN_WITH_2, QD_VERSIONS_1));
}

static struct quicd_options server_of(enum quicd_retry retry, enum qd_versions versions)
{
	struct quicd_options options = default_options(4);
	options.retry = retry;
	options.versions = versions;
	options.has_secret = options.early_data = true;
	memset(options.secret, 3, sizeof(options.secret));
	return options;
}

static void open_server(const struct quicd_options *options)
{
	server_engine = start(*options);
	echo = echo_start(server_engine);
}

static void close_server(void)
{
	echo_stop(echo);
	free(echo);
	quicd_engine_stop(server_engine);
}

/* The connection's version; |session|: what it resumes from, or NULL. */
static uint32_t converse(const struct session *session, enum qd_versions versions)
{
	struct client stranger = {0};
	struct qd_state state;
	if (session) {
		client_resume(&stranger, server_engine->port, session);
	} else {
		struct qd_config_options options = client_options();
		options.versions = versions;
		stranger.fd = client_socket(server_engine->port, &stranger.local);
		stranger.peer = stranger.local;
		stranger.peer.port = server_engine->port;
		client_connect_as(&stranger, &options);
	}
	CHECK(client_handshake(&stranger));
	CHECK(echo_stream(&stranger, 0, 30000, 0, NULL));
	qd_get_state(stranger.quiche, &state);
	client_close(&stranger);
	return state.version;
}

/* RFC 9369 §4.1: the Retry is in the version of the first flight, the rest in the server's. */
static void a_retry_and_then_version_2(void)
{
	const struct quicd_options options =
		server_of(QUICD_RETRY_ALWAYS, QD_VERSIONS_PREFER_2);
	open_server(&options);
	CHECK(converse(NULL, QD_VERSIONS_ANY) == QUICD_VERSION_2);
	CHECK(converse(NULL, QD_VERSIONS_BEGIN_WITH_2) == QUICD_VERSION_2);
	CHECK(converse(NULL, QD_VERSIONS_1) == QUICD_VERSION_1);
	CHECK_SOON(TOTAL(server_engine, tokens_valid) == 3);
	CHECK(TOTAL(server_engine, tokens_invalid) == 0);
	close_server();
}

/* §5: a connection's token is for the version that it had in the end, and so is its session. */
static void what_a_connection_leaves(void)
{
	const struct quicd_options options =
		server_of(QUICD_RETRY_ALWAYS, QD_VERSIONS_PREFER_2);
	open_server(&options);
	struct session session;
	session_get(&session, server_engine->port);
	CHECK_SOON(TOTAL(server_engine, new_tokens) == 1);
	const uint64_t retries = TOTAL(server_engine, retries);
	CHECK(converse(&session, QD_VERSIONS_ANY) == QUICD_VERSION_2);
	CHECK_SOON(TOTAL(server_engine, new_tokens_valid) == 1);
	CHECK(TOTAL(server_engine, retries) == retries && TOTAL(server_engine, resumed) == 1);
	close_server();
}

/*
 * A client whose address changes amid its handshake: what comes from the new one reaches another
 * worker, and is passed on by the connection ID in a long header of version 2.
 */
static void long_headers_are_forwarded(void)
{
	const struct quicd_options options =
		server_of(QUICD_RETRY_NEVER, QD_VERSIONS_PREFER_2);
	open_server(&options);
	for (uint32_t i = 1; i <= 12; i++) {
		struct client moved = {0};
		struct qd_state state = {0};
		client_open(&moved, server_engine->port);
		const uint64_t deadline = client_now_ns() + CHECK_WAIT_NS;
		/* Up to the server's flight, which makes it established; its own is still here. */
		while (!state.established && client_now_ns() < deadline) {
			client_turn(&moved, 5);
			qd_get_state(moved.quiche, &state);
		}
		CHECK(state.established && state.version == QUICD_VERSION_2);
		client_rebind(&moved);
		while (TOTAL(server_engine, established) < i && client_now_ns() < deadline)
			client_turn(&moved, 5);
		CHECK(TOTAL(server_engine, established) == i);
		client_close(&moved);
	}
	CHECK(TOTAL(server_engine, receive_forwarded) > 0);
	close_server();
}

int main(int argc, char **argv)
{
	static const struct both_case CASES[] = {
		{ "who moves whom to version 2", who_moves_whom },
		{ "a Retry, and then version 2", a_retry_and_then_version_2 },
		{ "what a connection of version 2 leaves", what_a_connection_leaves },
		{ "long headers of version 2 are forwarded", long_headers_are_forwarded },
	};
	check_filter = argc > 1 ? argv[1] : NULL;
	return both_run(CASES, sizeof(CASES) / sizeof(CASES[0]));
}
