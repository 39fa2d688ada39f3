/*
 * migrate_test.c - sockets of a client's connections: their own ones, moving to another
 * (RFC 9000 §9), what happens when there are none, and a server that has forgotten (§10.3).
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/resource.h>
#include "both_ends.h"
#include "connection.h"

static uint32_t open_files(void)
{
	uint32_t count = 0;
	DIR *directory = opendir("/proc/self/fd");
	REQUIRE(directory != NULL);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* Goes on until as many files are open as there were; sockets close a turn or two later. */
static bool files_are_back(uint32_t before)
{
	const uint64_t deadline = client_now_ns() + PARTY_WAIT_NS;
	struct quicd_event event;
	while (open_files() > before && client_now_ns() < deadline)
		party_next(&client, &event, 1000000);
	return open_files() == before;
}

static uint32_t plain_profile(void)
{
	const struct quicd_profile profile = test_profile();
	return add_profile(client_engine, &profile);
}

static struct party_target own_socket(uint32_t profile)
{
	struct party_target target = target_of(profile);
	target.flags = QUICD_CONNECT_OWN_SOCKET;
	return target;
}

/* Of the ID that the server sends to. */
static uint32_t cid_bytes_of(const struct quicd_event *connected)
{
	const struct quicd_worker *worker = &client_engine->workers[connected->reserved0];
	return worker->connections[connected->connection].cids[0].length;
}

static void forget_streams(void)
{
	memset(client.streams, 0, sizeof(client.streams));
}

static void sockets_of_their_own(void)
{
	open_both("127.0.0.1", default_options(2));
	const struct party_target target = own_socket(plain_profile());
	static struct quicd_event connected[100];
	const uint32_t before = open_files();
	for (int i = 0; i < 100; i++)
		party_connect(&client, &target);
	for (int i = 0; i < 100; i++)
		REQUIRE(party_wait(&client, QUICD_EVENT_CONNECTED, &connected[i]));
	CHECK(open_files() == before + 100);
	for (int i = 0; i < 100; i++) {
		const uint16_t port = party_view(&client, &connected[i])->local_port;
		CHECK(port != client_engine->port);
		CHECK(cid_bytes_of(&connected[i]) == QUICD_CID_BYTES_OWN_SOCKET);
		for (int j = 0; j < i; j++)
			CHECK(party_view(&client, &connected[j])->local_port != port);
		forget_streams();
		CHECK(party_echo(&client, &connected[i], 2000));
	}
	/* The shared socket is there beside them. */
	const struct party_target shared = target_of(target.profile);
	const struct quicd_event one = outcome_of(&shared);
	forget_streams();
	CHECK(party_view(&client, &one)->local_port == client_engine->port);
	CHECK(cid_bytes_of(&one) == QUICD_CID_BYTES);
	CHECK(party_echo(&client, &one, 200000));
	for (int i = 0; i < 100; i++)
		begin_close(&connected[i]);
	CHECK(files_are_back(before));
	forget_streams();
	CHECK(party_echo(&client, &one, 2000));
	close_both();
}

static uint32_t migrate(const struct quicd_event *connection)
{
	struct quicd_event event;
	const uint32_t id = party_command(&client, connection->reserved0,
					  party_of(connection, QUICD_COMMAND_MIGRATE));
	if (!party_wait(&client, QUICD_EVENT_MIGRATE_OUTCOME, &event))
		return UINT32_MAX;
	CHECK(event.request_id == id);
	return (uint32_t)event.error_code;
}

static void moves_from(uint32_t flags)
{
	open_both("127.0.0.1", default_options(2));
	struct party_target target = target_of(plain_profile());
	target.flags = flags;
	const uint32_t before = open_files();
	const struct quicd_event connected = outcome_of(&target);
	REQUIRE(connected.kind == QUICD_EVENT_CONNECTED);
	const struct quicd_connection_view *view = party_view(&client, &connected);
	CHECK(party_echo(&client, &connected, 1000));
	for (uint32_t i = 1; i <= 20; i++) {
		const uint16_t port = view->local_port;
		CHECK(migrate(&connected) == QUICD_OK);
		CHECK(view->local_port != port && view->local_port != client_engine->port);
		CHECK(client.counts[QUICD_EVENT_PATH_CHANGED] == i);
		forget_streams();
		CHECK(party_echo(&client, &connected, 20000));
		/* Of the two sockets that are left for a while, the older one is gone. */
		CHECK(open_files() <= before + 3);
	}
	close_connection(&connected);
	CHECK(files_are_back(before));
	close_both();
	uint64_t rebindings = 0;
	for (uint32_t i = 0; i < 2; i++)
		rebindings += server_engine->workers[i].counters->rebindings;
	CHECK(rebindings == 20);
}

static void moves(void)
{
	moves_from(0);
	moves_from(QUICD_CONNECT_OWN_SOCKET);
}

/* In the midst of a transfer, both ways. */
static void moves_with_its_streams(void)
{
	open_both("::", default_options(1));
	const struct party_target target = own_socket(plain_profile());
	const struct quicd_event connected = outcome_of(&target);
	struct quicd_event event;
	REQUIRE(connected.kind == QUICD_EVENT_CONNECTED);
	party_command(&client, 0, party_of(&connected, QUICD_COMMAND_OPEN));
	REQUIRE(party_wait(&client, QUICD_EVENT_STREAM_OPENED, &event));
	struct party_stream *stream = party_stream(&client, 0, &event);
	const uint64_t bytes = 20000000, deadline = client_now_ns() + PARTY_WAIT_NS;
	uint64_t next = 0;
	uint32_t asked = 0;
	while (!stream->fin && client_now_ns() < deadline) {
		party_write(&client, &connected, stream, bytes);
		if (stream->received >= next &&
		    client.counts[QUICD_EVENT_MIGRATE_OUTCOME] == asked) {
			party_command(&client, 0, party_of(&connected, QUICD_COMMAND_MIGRATE));
			asked++;
			next += 1000000;
		}
		if (party_next(&client, &event, 1000000) &&
		    event.kind == QUICD_EVENT_MIGRATE_OUTCOME)
			CHECK(event.error_code == QUICD_OK ||
			      event.error_code == QUICD_REFUSED_FULL);
	}
	CHECK(stream->fin && !stream->wrong && stream->received == bytes);
	/* On a busy machine the transfer may be over before the first move is. */
	while (client.counts[QUICD_EVENT_PATH_CHANGED] == 0 && client_now_ns() < deadline)
		party_next(&client, &event, 1000000);
	printf("     %u of %u moves\n", client.counts[QUICD_EVENT_PATH_CHANGED], asked);
	CHECK(client.counts[QUICD_EVENT_PATH_CHANGED] >= 1);
	close_connection(&connected);
	close_both();
}

/* Without a file descriptor left: said, with the reason, and everything else goes on. */
static void no_file_is_left(void)
{
	open_both("127.0.0.1", default_options(1));
	const uint32_t profile = plain_profile();
	const struct party_target target = own_socket(profile), shared = target_of(profile);
	const struct quicd_event connected = outcome_of(&shared);
	struct quicd_event event;
	struct rlimit limit, old;
	REQUIRE(connected.kind == QUICD_EVENT_CONNECTED && getrlimit(RLIMIT_NOFILE, &old) == 0);
	limit = old;
	limit.rlim_cur = 0;
	REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	party_connect(&client, &target);
	CHECK(party_wait(&client, QUICD_EVENT_CONNECT_REFUSED, &event));
	CHECK(event.error_code == QUICD_REFUSED_SYSTEM && event.length == EMFILE);
	CHECK(migrate(&connected) == QUICD_REFUSED_SYSTEM);
	CHECK(party_echo(&client, &connected, 100000));
	REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
	const struct quicd_event again = outcome_of(&target);
	CHECK(again.kind == QUICD_EVENT_CONNECTED);
	CHECK(migrate(&again) == QUICD_OK && migrate(&connected) == QUICD_OK);
	close_both();
}

/* The worker's socket and io_uring go; those of connections are received from again. */
static void sockets_outlive_a_failure(void)
{
	open_both("127.0.0.1", default_options(1));
	const uint32_t profile = plain_profile();
	const struct party_target target = own_socket(profile), shared = target_of(profile);
	const struct quicd_event own = outcome_of(&target), other = outcome_of(&shared);
	REQUIRE(own.kind == QUICD_EVENT_CONNECTED && other.kind == QUICD_EVENT_CONNECTED);
	for (uint32_t i = 0; i < 3; i++) {
		quicd_net_fail(&client_engine->workers[0], i);
		forget_streams();
		CHECK(party_echo(&client, &own, 100000));
		CHECK(party_echo(&client, &other, 100000));
	}
	/* One that goes by itself comes back on its port. */
	const uint16_t port = party_view(&client, &own)->local_port;
	const struct quicd_sockets *sockets = &client_engine->workers[0].net.sockets;
	shutdown(quicd_socket_at(sockets, 0)->udp.fd, SHUT_RD);
	forget_streams();
	CHECK(party_echo(&client, &own, 100000));
	CHECK(party_view(&client, &own)->local_port == port);
	close_both();
}

/* A server that comes back without a memory, but with the same secret: at once, not by timeout. */
static void hears_that_it_was_forgotten(void)
{
	struct quicd_options options = default_options(1);
	options.has_secret = true;
	memset(options.secret, 5, sizeof(options.secret));
	open_both("127.0.0.1", options);
	const uint32_t profile = plain_profile();
	const struct party_target target = own_socket(profile);
	const struct quicd_event first = outcome_of(&target), moved = outcome_of(&target);
	REQUIRE(first.kind == QUICD_EVENT_CONNECTED && moved.kind == QUICD_EVENT_CONNECTED);
	CHECK(migrate(&moved) == QUICD_OK); /* to another connection ID of the server's */
	CHECK(party_echo(&client, &moved, 1000));
	quicd_net_fail(&server_engine->workers[0], 1000); /* its farewell is lost */
	usleep(20000);
	options.port = server_engine->port;
	echo_stop(echo);
	free(echo);
	quicd_engine_stop(server_engine);
	server_engine = start(options);
	echo = echo_start(server_engine);
	const struct quicd_event *both[] = { &first, &moved };
	for (int i = 0; i < 2; i++) {
		struct quicd_event event;
		party_command(&client, 0, party_of(both[i], QUICD_COMMAND_OPEN));
		REQUIRE(party_wait(&client, QUICD_EVENT_STREAM_OPENED, &event));
		forget_streams();
		party_write(&client, both[i], party_stream(&client, 0, &event), 1000);
		REQUIRE(party_wait(&client, QUICD_EVENT_CLOSING, &event));
		CHECK(event.connection == both[i]->connection);
			CHECK(party_view(&client, &event)->close_flags == QUICD_CLOSE_RESET);
	}
	close_both();
}

int main(int argc, char **argv)
{
	static const struct both_case CASES[] = {
		{ "sockets of their own", sockets_of_their_own },
		{ "moves twenty times", moves },
		{ "moves with its streams", moves_with_its_streams },
		{ "no file is left", no_file_is_left },
		{ "sockets outlive a failure", sockets_outlive_a_failure },
		{ "hears that it was forgotten", hears_that_it_was_forgotten },
		{ "nothing stays behind", nothing_stays_behind },
	};
	check_filter = argc > 1 ? argv[1] : NULL;
	return both_run(CASES, sizeof(CASES) / sizeof(CASES[0]));
}
