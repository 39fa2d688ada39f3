/*
 * preferred_test.c - a server's preferred address (RFC 9000 §9.6) between both engines: gone to,
 * left alone, silent, lost for a moment; and where a client may be sent at all (§21.5.6).
 */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <pthread.h>
#include <sys/socket.h>
#include "both_ends.h"
#include "counters.h"
#include "preferred.h"

static struct qd_address address_of(const char *ip, uint16_t port)
{
	struct qd_address address = {.port = port, .family = strchr(ip, ':') ? 6 : 4};
	REQUIRE(inet_pton(address.family == 6 ? AF_INET6 : AF_INET, ip, address.ip) == 1);
	return address;
}

static bool may_go(const char *to, const char *from)
{
	const struct qd_address preferred = address_of(to, 4434), peer = address_of(from, 443);
	return quicd_preferred_may_go(&preferred, &peer);
}

static void targets(void)
{
	CHECK(may_go("192.0.2.7", "198.51.100.1") && may_go("10.0.0.1", "198.51.100.1"));
	CHECK(may_go("2001:db8::7", "2001:db8::1") && may_go("fd00::1", "2001:db8::1"));
	static const char *const NEVER[] = { "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
					     "240.0.0.1" };
	static const char *const NEVER6[] = { "::", "ff02::1", "::ffff:127.0.0.1",
					      "::ffff:192.0.2.7" };
	for (size_t i = 0; i < sizeof(NEVER) / sizeof(NEVER[0]); i++)
		CHECK(!may_go(NEVER[i], "198.51.100.1") && !may_go(NEVER[i], "127.0.0.1"));
	for (size_t i = 0; i < sizeof(NEVER6) / sizeof(NEVER6[0]); i++)
		CHECK(!may_go(NEVER6[i], "2001:db8::1") && !may_go(NEVER6[i], "::1"));
	/* Out of the machine, or the link, but not in. */
	CHECK(!may_go("127.0.0.1", "198.51.100.1") && !may_go("127.9.9.9", "169.254.1.1"));
	CHECK(!may_go("169.254.1.1", "198.51.100.1") && !may_go("169.254.1.1", "127.0.0.1"));
	CHECK(!may_go("::1", "2001:db8::1") && !may_go("fe80::1", "2001:db8::1"));
	CHECK(!may_go("febf::1", "2001:db8::1") && may_go("fec0::1", "2001:db8::1"));
	CHECK(may_go("127.0.0.2", "127.0.0.1") && may_go("169.254.1.1", "169.254.1.2"));
	CHECK(may_go("fe80::1", "fe80::2") && may_go("192.0.2.7", "127.0.0.1"));
	/* Where it is already, and port 0. */
	const struct qd_address here = address_of("192.0.2.7", 443);
	const struct qd_address none = address_of("192.0.2.7", 0);
	CHECK(!quicd_preferred_may_go(&here, &here) && !quicd_preferred_may_go(&none, &here));
}

static uint16_t free_port(const char *ip)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t size = sizeof(name);
	REQUIRE(inet_pton(AF_INET, ip, &name.sin_addr) == 1);
	REQUIRE(bind(fd, (struct sockaddr *)&name, size) == 0);
	REQUIRE(getsockname(fd, (struct sockaddr *)&name, &size) == 0);
	close(fd);
	return ntohs(name.sin_port);
}

/* The server of 127.0.0.1 wants to be reached at |ip| too. */
static struct qd_address open_preferring(const char *ip, uint32_t workers)
{
	struct quicd_options options = default_options(workers);
	options.preferred[0] = address_of(ip, free_port(ip));
	open_both("0.0.0.0", options);
	return options.preferred[0];
}

static int preferred_fd(uint32_t worker)
{
	return quicd_socket_at(&server_engine->workers[worker].net.sockets, 0)->udp.fd;
}

/* The client is told; only then its address may be looked at. */
static bool has_moved(void)
{
	struct quicd_event event;
	return party_wait(&client, QUICD_EVENT_PATH_CHANGED, &event);
}

static bool is_at(const struct quicd_event *connection, const struct qd_address *address)
{
	const struct quicd_connection_view *view = party_view(&client, connection);
	return view->peer_port == address->port &&
	       memcmp(view->peer_ip, address->ip, sizeof(address->ip)) == 0;
}

static struct quicd_event connected(uint32_t flags)
{
	const struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	target.flags = flags;
	const struct quicd_event event = outcome_of(&target);
	REQUIRE(event.kind == QUICD_EVENT_CONNECTED);
	return event;
}

static bool echoes(const struct quicd_event *connection)
{
	memset(client.streams, 0, sizeof(client.streams));
	return party_echo(&client, connection, 200000);
}

static uint32_t migrate(const struct quicd_event *connection)
{
	struct quicd_event event;
	party_command(&client, 0, party_of(connection, QUICD_COMMAND_MIGRATE));
	return party_wait(&client, QUICD_EVENT_MIGRATE_OUTCOME, &event) ? (uint32_t)event.error_code
									: UINT32_MAX;
}

static void goes_there(uint32_t flags)
{
	const struct qd_address there = open_preferring("127.0.0.2", 2);
	const struct quicd_event connection = connected(flags);
	CHECK(has_moved() && is_at(&connection, &there));
	const uint16_t port = party_view(&client, &connection)->local_port;
	CHECK(TOTAL(client_engine, preferred_moves) == 1);
	CHECK((port == client_engine->port) == (flags == 0) && echoes(&connection));
	CHECK_SOON(TOTAL(server_engine, rebindings) == 1);
	/* From there on as ever: another port, the same server. */
	CHECK(migrate(&connection) == QUICD_OK && is_at(&connection, &there));
	CHECK(party_view(&client, &connection)->local_port != port && echoes(&connection));
	close_connection(&connection);
	CHECK(TOTAL(server_engine, receive_unknown) == 0);
	close_both();
}

static void goes(void)
{
	goes_there(0);
	goes_there(QUICD_CONNECT_OWN_SOCKET);
}

/* What is asked for before the handshake is confirmed comes after it. */
static void goes_on(void)
{
	const struct qd_address there = open_preferring("127.0.0.2", 1);
	const struct quicd_event connection = connected(0);
	const uint16_t shared = client_engine->port;
	CHECK(migrate(&connection) == QUICD_OK);
	CHECK(is_at(&connection, &there));
	CHECK(party_view(&client, &connection)->local_port != shared && echoes(&connection));
	close_both();
}

static void stays(void)
{
	const struct qd_address there = open_preferring("127.0.0.2", 1);
	const struct quicd_event connection = connected(QUICD_CONNECT_STAY);
	CHECK(echoes(&connection) && migrate(&connection) == QUICD_OK && echoes(&connection));
	CHECK(!is_at(&connection, &there));
	CHECK(TOTAL(client_engine, preferred_moves) == 0);
	close_both();
}

/* A server that hears nothing at the address that it names. */
static void silence(void)
{
	open_preferring("127.0.0.2", 1);
	struct sock_filter nothing = BPF_STMT(BPF_RET, 0);
	const struct sock_fprog program = { .len = 1, .filter = &nothing };
	REQUIRE(setsockopt(preferred_fd(0), SOL_SOCKET, SO_ATTACH_FILTER, &program,
			   sizeof(program)) == 0);
	const struct qd_address home = address_of("127.0.0.1", server_engine->port);
	const struct quicd_event connection = connected(0);
	CHECK(echoes(&connection) && is_at(&connection, &home));
	CHECK(migrate(&connection) == QUICD_OK && is_at(&connection, &home));
	CHECK(TOTAL(client_engine, preferred_moves) == 0);
	CHECK(echoes(&connection));
	close_both();
}

static void forbidden(void)
{
	struct quicd_options options = default_options(1);
	options.port = free_port("0.0.0.0");
	snprintf(options.host, sizeof(options.host), "0.0.0.0");
	/* It has the main socket's port: no other is opened. */
	options.preferred[0] = address_of("169.254.9.9", options.port);
	open_both("0.0.0.0", options);
	const struct quicd_event connection = connected(0);
	CHECK(echoes(&connection));
	CHECK_SOON(TOTAL(client_engine, preferred_refused) == 1);
	close_both();
}

/* It has no connections of its own: who begins there is not answered. */
static void nobody_begins_there(void)
{
	const struct qd_address there = open_preferring("127.0.0.1", 1);
	const struct quicd_profile profile = test_profile();
	struct party_target target = target_of(add_profile(client_engine, &profile));
	target.port = there.port;
	CHECK(outcome_of(&target).kind == QUICD_EVENT_CLOSING);
	CHECK(TOTAL(server_engine, accepted) == 0);
	CHECK(TOTAL(server_engine, receive_unknown) > 0);
	close_both();
}

static void outlives_its_socket(void)
{
	const struct qd_address there = open_preferring("127.0.0.2", 2);
	const struct quicd_event connection = connected(0);
	CHECK(has_moved() && is_at(&connection, &there));
	for (uint32_t i = 0; i < 2; i++)
		shutdown(preferred_fd(i), SHUT_RD);
	CHECK(echoes(&connection) && is_at(&connection, &there));
	/* All sockets at once. */
	for (uint32_t i = 0; i < 2; i++)
		quicd_net_fail(&server_engine->workers[i], 1);
	CHECK(echoes(&connection) && is_at(&connection, &there));
	close_both();
}

static void must_be_ours(void)
{
	struct quicd_options options = default_options(1);
	options.backend = backend;
	options.preferred[0] = address_of("192.0.2.7", 4434);
	char error[256] = "";
	CHECK(quicd_engine_start(&options, error, sizeof(error)) == NULL);
	CHECK(strstr(error, "preferredAddress") && strstr(error, "192.0.2.7"));
}

int main(int argc, char **argv)
{
	static const struct both_case CASES[] = {
		{ "where a client may go", targets },
		{ "goes there, and further", goes },
		{ "a move that waits comes after it", goes_on },
		{ "stays if it is told to", stays },
		{ "silence there changes nothing", silence },
		{ "is not sent in", forbidden },
		{ "nobody begins there", nobody_begins_there },
		{ "outlives its socket", outlives_its_socket },
		{ "must be an address of ours", must_be_ours },
		{ "nothing stays behind", nothing_stays_behind },
	};
	check_filter = argc > 1 ? argv[1] : NULL;
	client_handshake_ms = 1000;
	return both_run(CASES, sizeof(CASES) / sizeof(CASES[0]));
}
