/*
 * qlog.h - which connections write a qlog, and how much of them the disk gets. A file of JSON-SEQ
 * records for each, named by the connection's ID in hex: DIRECTORY/ID.sqlog, readable by its owner
 * alone. A second log of one connection is ID-1.sqlog, and so on.
 *
 * The directory has a budget of files and bytes for all workers together. A log takes the most that
 * it may grow to out of it before it begins, and gives back what it did not need: so the sum of
 * all files never exceeds the budget, with no counting while packets are written.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quicd_connection;

/* Of an engine. Owned by it; the budget is of all threads. */
struct quicd_qlog_store {
	int directory; /* fd, or -1: no qlog */
	_Atomic uint64_t bytes_left;
	_Atomic uint64_t files_left;
	_Atomic uint64_t seen; /* connections that pass the filter of addresses and IDs */
};

/* How long records may wait in memory, nanoseconds: what a killed process takes along. */
#define QUICD_QLOG_FLUSH_NS 1000000000ull

struct quicd_options;

/* What lies in the directory already counts. False with cause and remedy in |error|. */
bool quicd_qlog_open(struct quicd_qlog_store *store, const struct quicd_options *options,
		     char *error, size_t error_bytes);
void quicd_qlog_close(struct quicd_qlog_store *store);

/* Begins a log if this connection is to have one. The handshake is part of it. */
void quicd_qlog_accepted(struct quicd_connection *connection);
/* The protocol is known now: a log that the filter does not want is deleted. */
void quicd_qlog_established(struct quicd_connection *connection);
/* On demand, whatever the filter says; false when there is no directory or no budget. */
bool quicd_qlog_begin(struct quicd_connection *connection);
/* Writes the rest and gives the budget back. Fine without a log. */
void quicd_qlog_end(struct quicd_connection *connection);
/* |deadline_ns| or the earlier time at which what waits goes to the file. */
uint64_t quicd_qlog_deadline(struct quicd_connection *connection, uint64_t deadline_ns);
void quicd_qlog_on_timer(struct quicd_connection *connection);
