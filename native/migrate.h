/*
 * migrate.h - a client's connection and the sockets it goes by: the one that its worker shares, one
 * of its own, or another one after it has moved (RFC 9000 §9). A move tries the new path first;
 * only when it works does the connection go there, and for a while it still hears what comes by the
 * old one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "quiche/quicd_quiche.h"

struct quicd_connection;

/* Ports are of sockets that are this connection's alone; 0: the shared one, or none. */
struct quicd_move {
	uint16_t port;	    /* that it goes by */
	uint16_t next_port; /* that is tried */
	uint16_t left_port; /* that it has left, and still hears */
	bool trying;
	bool leaving;
	uint8_t asked; /* times, while it is trying */
	uint32_t request_id; /* of MIGRATE */
	uint64_t asked_ns;   /* last; CLOCK_MONOTONIC, as are others */
	uint64_t left_ns;
	struct qd_address next, left; /* our addresses */
};

/* Carries out MIGRATE; the answer comes when the new path is validated or is not. */
void quicd_migrate(struct quicd_connection *connection, uint32_t request_id);
/* What has become of a path. */
void quicd_migrate_follow(struct quicd_connection *connection, const struct qd_path_event *event);
/* Gives up the path that was left, once its time is over; asks again for one that is tried. */
void quicd_migrate_leave(struct quicd_connection *connection);
/* When that is; UINT64_MAX: never. */
uint64_t quicd_migrate_deadline(const struct quicd_connection *connection);
/* The connection ends: all its sockets are closed. */
void quicd_migrate_end(struct quicd_connection *connection);
