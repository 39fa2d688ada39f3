/*
 * qlog_test.c - which connections are logged, and that the directory never gets more than its
 * budget, whatever comes (RFC 9000 §21.1 is about such costs).
 */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "server_options.h"

static struct quicd_engine *engine;
static struct echo_app *app;
static char directory[64];

static struct quicd_options logging(uint32_t workers)
{
	struct quicd_options options = default_options(workers);
	snprintf(options.qlog.directory, sizeof(options.qlog.directory), "%s", directory);
	options.qlog.every = 1;
	options.qlog.level = QD_QLOG_EXTRA;
	options.qlog.file_bytes = 64 << 10;
	options.qlog.directory_bytes = 64 << 20;
	options.qlog.files = 1000;
	return options;
}

static void start(const struct quicd_options *options)
{
	char error[512] = "";
	engine = quicd_engine_start(options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	app = echo_start(engine);
}

static void stop(void)
{
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

struct found {
	uint32_t files;
	uint64_t bytes, largest;
	bool private; /* all of them */
	char name[64];
};

static struct found look(void)
{
	struct found found = {.private = true};
	DIR *open = opendir(directory);
	REQUIRE(open != NULL);
	struct dirent *entry;
	while ((entry = readdir(open))) {
		struct stat status;
		if (entry->d_name[0] == '.')
			continue;
		REQUIRE(fstatat(dirfd(open), entry->d_name, &status, 0) == 0);
		found.files++;
		found.bytes += (uint64_t)status.st_size;
		if ((uint64_t)status.st_size > found.largest)
			found.largest = (uint64_t)status.st_size;
		found.private = found.private && (status.st_mode & 0777) == 0600;
		snprintf(found.name, sizeof(found.name), "%.60s", entry->d_name);
	}
	closedir(open);
	return found;
}

static void clear(void)
{
	DIR *open = opendir(directory);
	struct dirent *entry;
	while (open && (entry = readdir(open)))
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(open), entry->d_name, 0);
	if (open)
		closedir(open);
}

static void talk(uint64_t bytes)
{
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	/* Until the server knows the protocol, too. */
	CHECK(echo_stream(&client, 0, bytes, 0, NULL));
	client_close(&client);
}

static void each_has_its_own(void)
{
	const struct quicd_options options = logging(2);
	start(&options);
	for (int i = 0; i < 6; i++)
		talk(2000);
	stop();
	const struct found found = look();
	CHECK(found.files == 6 && found.private && found.largest <= 64 << 10);
	CHECK(strlen(found.name) == 32 + 6 && strspn(found.name, "0123456789abcdef") == 32);
	CHECK(TOTAL(engine, qlogs) == 6 && TOTAL(engine, qlogs_refused) == 0 &&
	      TOTAL(engine, qlog_failures) == 0);
	clear();
}

/* Attack row 50: whoever opens connections without end fills no disk. */
static void a_flood_fills_no_disk(void)
{
	struct quicd_options options = logging(2);
	options.connections = 512;
	options.qlog.files = 7;
	start(&options);
	for (int i = 0; i < 60; i++)
		talk(i < 5 ? 200000 : 1);
	stop();
	struct found found = look();
	CHECK(found.files == 7 && found.largest <= options.qlog.file_bytes);
	CHECK(TOTAL(engine, qlogs) == 7 && TOTAL(engine, qlogs_refused) == 53);
	/* What is there counts for the next server as well. */
	options.qlog.files = 8;
	start(&options);
	for (int i = 0; i < 4; i++)
		talk(1);
	stop();
	CHECK(look().files == 8 && TOTAL(engine, qlogs) == 1 && TOTAL(engine, qlogs_refused) == 3);
	clear();
}

static void bytes_are_bounded_too(void)
{
	struct quicd_options options = logging(2);
	options.qlog.directory_bytes = 300 << 10;
	start(&options);
	for (int i = 0; i < 40; i++)
		talk(300000);
	stop();
	const struct found found = look();
	/* A log needs room for its 64 KiB to begin, and here uses all of them. */
	CHECK(found.bytes <= options.qlog.directory_bytes && found.bytes > 200 << 10);
	CHECK(found.largest <= options.qlog.file_bytes && found.largest > 60 << 10);
	CHECK(TOTAL(engine, qlogs) == found.files &&
	      TOTAL(engine, qlogs) + TOTAL(engine, qlogs_refused) == 40);
	clear();
}

/* What a short log does not need goes back: ten of some KiB fit where one of 64 KiB does. */
static void what_is_not_needed_goes_back(void)
{
	struct quicd_options options = logging(1);
	options.qlog.directory_bytes = 200 << 10;
	options.qlog.level = QD_QLOG_CORE;
	start(&options);
	for (int i = 0; i < 10; i++) {
		talk(1);
		CHECK_SOON(TOTAL(engine, live_connections) == 0);
	}
	stop();
	CHECK(look().files == 10 && TOTAL(engine, qlogs_refused) == 0);
	clear();
}

static void filters_leave_out(void)
{
	struct quicd_options options = logging(1);
	options.qlog.every = 3;
	start(&options);
	for (int i = 0; i < 7; i++)
		talk(1);
	stop();
	CHECK(look().files == 3);
	clear();

	options = logging(1);
	snprintf(options.qlog.alpn, sizeof(options.qlog.alpn), "h3");
	options.qlog.files = 1;
	start(&options);
	for (int i = 0; i < 3; i++)
		talk(1);
	stop();
	/* Deleted, and its place is free again. */
	CHECK(look().files == 0);
	CHECK(TOTAL(engine, qlogs) == 3 && TOTAL(engine, qlogs_unwanted) == 3);

	static const struct {
		uint8_t ip[4];
		uint32_t bits, files;
	} NETWORKS[] = {
		{ { 127, 0, 0, 0 }, 8, 1 },  { { 127, 0, 0, 1 }, 32, 1 },
		{ { 127, 0, 0, 2 }, 32, 0 }, { { 127, 0, 0, 2 }, 30, 1 },
		{ { 126, 0, 0, 0 }, 7, 1 },  { { 192, 0, 2, 0 }, 24, 0 },
	};
	for (size_t i = 0; i < sizeof(NETWORKS) / sizeof(NETWORKS[0]); i++) {
		options = logging(1);
		options.qlog.peer_family = 4;
		memcpy(options.qlog.peer_ip, NETWORKS[i].ip, 4);
		options.qlog.peer_bits = NETWORKS[i].bits;
		start(&options);
		talk(1);
		stop();
		CHECK(look().files == NETWORKS[i].files);
		clear();
	}

	options = logging(1);
	options.qlog.id_prefix[0] = 0x80;
	options.qlog.id_bits = 1;
	start(&options);
	for (int i = 0; i < 40; i++)
		talk(1);
	stop();
	const struct found found = look();
	CHECK(found.files > 5 && found.files < 35 && strchr("89abcdef", found.name[0]));
	clear();
}

/* A process that is killed now leaves what happened more than about a second ago. */
static void an_idle_connection_is_written_out(void)
{
	const struct quicd_options options = logging(1);
	start(&options);
	struct client client = {0};
	client_open(&client, engine->port);
	CHECK(client_handshake(&client));
	CHECK(echo_stream(&client, 0, 1000, 0, NULL));
	uint64_t bytes = 0;
	for (int tries = 0; tries < 1000 && bytes == 0; tries++) {
		client_turn(&client, 10);
		bytes = look().bytes;
	}
	CHECK(bytes > 1000);
	client_close(&client);
	stop();
	CHECK(look().bytes > bytes);
	clear();
}

static void a_directory_that_cannot_be_written(void)
{
	struct quicd_options options = logging(1);
	char error[512] = "";
	snprintf(options.qlog.directory, sizeof(options.qlog.directory), "/proc/none/qlog");
	CHECK(quicd_engine_start(&options, error, sizeof(error)) == NULL);
	CHECK(strstr(error, "/proc/none/qlog") && strstr(error, "name another one"));
}

int main(int argc, char **argv)
{
	check_filter = argc > 1 ? argv[1] : NULL;
	snprintf(directory, sizeof(directory), "/tmp/quicd-qlog-test-XXXXXX");
	REQUIRE(mkdtemp(directory) != NULL);
	check_case("each connection has a log of its own", each_has_its_own);
	check_case("a flood of connections fills no disk", a_flood_fills_no_disk);
	check_case("bytes are bounded too", bytes_are_bounded_too);
	check_case("what a log does not need goes back", what_is_not_needed_goes_back);
	check_case("filters leave connections out", filters_leave_out);
	check_case("an idle connection is written out", an_idle_connection_is_written_out);
	check_case("a directory that cannot be written", a_directory_that_cannot_be_written);
	rmdir(directory);
	return check_finish();
}
