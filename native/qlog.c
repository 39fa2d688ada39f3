/* qlog.c - see qlog.h. */
#include "qlog.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "connection.h"
#include "worker.h"

#define SUFFIX ".sqlog"
/* 32 digits, "-", a number, the suffix. */
#define NAME_BYTES 64

static bool is_log(const char *name)
{
	const size_t bytes = strlen(name), suffix = sizeof(SUFFIX) - 1;
	return bytes > suffix && strcmp(name + bytes - suffix, SUFFIX) == 0;
}

/* Takes what is there out of the budget. False when the directory cannot be read. */
static bool count_logs(struct quicd_qlog_store *store)
{
	const int copy = openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory)
		return false;
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		struct stat found;
		if (!is_log(entry->d_name) ||
		    fstatat(store->directory, entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		const uint64_t bytes = (uint64_t)found.st_size;
		store->files_left -= store->files_left > 0;
		store->bytes_left -= bytes < store->bytes_left ? bytes : store->bytes_left;
	}
	closedir(directory);
	return true;
}

bool quicd_qlog_open(struct quicd_qlog_store *store, const struct quicd_options *options,
		     char *error, size_t error_bytes)
{
	const struct quicd_qlog_options *qlog = &options->qlog;
	store->directory = -1;
	if (!qlog->directory[0])
		return true;
	atomic_init(&store->files_left, qlog->files);
	atomic_init(&store->bytes_left, qlog->directory_bytes);
	mkdir(qlog->directory, 0700); /* may be there; else open says why not */
	store->directory = open(qlog->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (store->directory >= 0 && count_logs(store) &&
	    faccessat(store->directory, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return true;
	snprintf(error, error_bytes,
		 "the qlog directory %.160s cannot be written (%s): name another one, or none",
		 qlog->directory, strerror(errno));
	quicd_qlog_close(store);
	return false;
}

void quicd_qlog_close(struct quicd_qlog_store *store)
{
	if (store->directory >= 0)
		close(store->directory);
	store->directory = -1;
}

static bool take(_Atomic uint64_t *left, uint64_t amount)
{
	uint64_t now = atomic_load(left);
	while (now >= amount)
		if (atomic_compare_exchange_weak(left, &now, now - amount))
			return true;
	return false;
}

static bool take_budget(struct quicd_qlog_store *store, uint64_t bytes)
{
	if (!take(&store->files_left, 1))
		return false;
	if (take(&store->bytes_left, bytes))
		return true;
	atomic_fetch_add(&store->files_left, 1);
	return false;
}

static struct quicd_qlog_store *store_of(const struct quicd_connection *connection)
{
	return &connection->worker->engine->qlog;
}

static const struct quicd_qlog_options *options_of(const struct quicd_connection *connection)
{
	return &connection->worker->engine->options.qlog;
}

static void name_of(const struct quicd_connection *connection, uint32_t number,
		    char name[NAME_BYTES])
{
	const uint8_t *id = connection->view->connection_id;
	for (size_t i = 0; i < sizeof(connection->view->connection_id); i++)
		snprintf(name + 2 * i, 3, "%02x", id[i]);
	if (number == 0)
		snprintf(name + 32, NAME_BYTES - 32, SUFFIX);
	else
		snprintf(name + 32, NAME_BYTES - 32, "-%u" SUFFIX, number);
}

bool quicd_qlog_begin(struct quicd_connection *connection)
{
	struct quicd_counters *counters = connection->worker->counters;
	struct quicd_qlog_store *store = store_of(connection);
	const struct quicd_qlog_options *options = options_of(connection);
	if (store->directory < 0)
		return false;
	if (connection->qlog.on)
		return true;
	if (!take_budget(store, options->file_bytes)) {
		counters->qlogs_refused++;
		return false;
	}
	char name[NAME_BYTES];
	name_of(connection, connection->qlog.begun, name);
	const int fd = openat(store->directory, name,
			      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	/* The title is the connection's ID. */
	char title[33];
	snprintf(title, sizeof(title), "%.32s", name);
	if (fd >= 0 && qd_begin_qlog(connection->quiche, fd, title, options->level,
				     options->file_bytes) == 0) {
		connection->qlog.on = true;
		connection->qlog.begun++;
		counters->qlogs++;
	} else {
		counters->qlog_failures++;
		atomic_fetch_add(&store->bytes_left, options->file_bytes);
		atomic_fetch_add(&store->files_left, 1);
	}
	if (fd >= 0)
		close(fd);
	return connection->qlog.on;
}

/* The bytes that the file has, or may have. */
static uint64_t finish(struct quicd_connection *connection)
{
	struct qd_qlog state = { 0 };
	qd_end_qlog(connection->quiche);
	qd_get_qlog(connection->quiche, &state);
	connection->worker->counters->qlog_failures += state.failed;
	connection->qlog.on = false;
	connection->qlog.flush_ns = 0;
	/* After a panic nothing is told any more: it may have used all of its share. */
	return state.ended ? state.written_bytes : options_of(connection)->file_bytes;
}

void quicd_qlog_end(struct quicd_connection *connection)
{
	if (!connection->qlog.on)
		return;
	const uint64_t used = finish(connection);
	atomic_fetch_add(&store_of(connection)->bytes_left,
			 options_of(connection)->file_bytes - used);
}

static bool prefix_matches(const uint8_t *bytes, const uint8_t *prefix, uint32_t bits)
{
	if (memcmp(bytes, prefix, bits / 8) != 0)
		return false;
	const uint8_t mask = (uint8_t)(0xff00u >> (bits % 8));
	return bits % 8 == 0 || ((bytes[bits / 8] ^ prefix[bits / 8]) & mask) == 0;
}

void quicd_qlog_accepted(struct quicd_connection *connection)
{
	struct quicd_qlog_store *store = store_of(connection);
	const struct quicd_qlog_options *options = options_of(connection);
	if (store->directory < 0 || options->every == 0)
		return;
	if (options->peer_family != 0 &&
	    (options->peer_family != connection->peer.family ||
	     !prefix_matches(connection->peer.ip, options->peer_ip, options->peer_bits)))
		return;
	if (!prefix_matches(connection->view->connection_id, options->id_prefix, options->id_bits))
		return;
	if (atomic_fetch_add(&store->seen, 1) % options->every == 0)
		quicd_qlog_begin(connection);
}

void quicd_qlog_established(struct quicd_connection *connection)
{
	const struct quicd_qlog_options *options = options_of(connection);
	struct quicd_qlog_store *store = store_of(connection);
	if (!connection->qlog.on || !options->alpn[0])
		return;
	const uint8_t *alpn = NULL;
	const size_t bytes = qd_alpn(connection->quiche, &alpn);
	if (bytes == strlen(options->alpn) && memcmp(alpn, options->alpn, bytes) == 0)
		return;
	char name[NAME_BYTES];
	name_of(connection, connection->qlog.begun - 1, name);
	finish(connection);
	unlinkat(store->directory, name, 0);
	connection->worker->counters->qlogs_unwanted++;
	connection->qlog.begun--;
	atomic_fetch_add(&store->bytes_left, options->file_bytes);
	atomic_fetch_add(&store->files_left, 1);
}

uint64_t quicd_qlog_deadline(struct quicd_connection *connection, uint64_t deadline_ns)
{
	if (!connection->qlog.on || connection->dead)
		return deadline_ns;
	struct qd_qlog state = { 0 };
	qd_get_qlog(connection->quiche, &state);
	if (state.ended) {
		quicd_qlog_end(connection);
		return deadline_ns;
	}
	if (state.waiting_bytes == 0)
		connection->qlog.flush_ns = 0;
	else if (connection->qlog.flush_ns == 0)
		connection->qlog.flush_ns = connection->worker->now_ns + QUICD_QLOG_FLUSH_NS;
	if (connection->qlog.flush_ns == 0 || connection->qlog.flush_ns > deadline_ns)
		return deadline_ns;
	return connection->qlog.flush_ns;
}

void quicd_qlog_on_timer(struct quicd_connection *connection)
{
	if (connection->qlog.flush_ns == 0 ||
	    connection->qlog.flush_ns > connection->worker->now_ns)
		return;
	connection->qlog.flush_ns = 0;
	qd_flush_qlog(connection->quiche);
}
