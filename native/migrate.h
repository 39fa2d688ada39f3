/*
 * migrate.h - a client's connection and the sockets it goes by: the one that its worker shares, one
 * of its own, or another one after it has moved (RFC 9000 §9). A move tries the new path first;
 * only when it works does the connection go there, and for a while it still hears what comes by the
 * old one. By itself it moves at most once: to the server's preferred address (§9.6), as soon as
 * the handshake is confirmed.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "quiche/quicd_quiche.h"

struct quicd_connection;

enum quicd_move_stage {
	QUICD_MOVE_NONE,
	QUICD_MOVE_WAITS, /* for a confirmed handshake, or for a connection ID of the server's */
	QUICD_MOVE_TRIES,
};

/* Ports are of sockets that are this connection's alone; 0: the shared one, or none. */
struct quicd_move {
	uint16_t port;	    /* that it goes by */
	uint16_t next_port; /* that is tried */
	uint16_t left_port; /* that it has left, and still hears */
	enum quicd_move_stage stage;
	bool leaving; /* the last one's path, while the next move may be at any stage */
	bool confirmed; /* the handshake: before that no move (RFC 9000 §9) */
	bool preferred_seen; /* whether the server has a preferred address, or we do not want it */
	bool to_preferred; /* the one that is tried goes there; nobody waits for an answer */
	bool at_preferred; /* that was the last one, or one before it */
	bool queued; /* MIGRATE waits for the end of that */
	uint8_t asked; /* times, while it tries */
	uint32_t request_id; /* of MIGRATE */
	uint64_t begun_ns;   /* first try; 0: none yet. CLOCK_MONOTONIC, as are others */
	uint64_t asked_ns;   /* last */
	uint64_t followed_ns; /* when the server was first heard where it has moved; 0: not yet */
	struct qd_address next, left; /* our addresses */
	struct qd_address next_peer, left_peer;
};

/*
 * Carries out MIGRATE; the answer comes when the new path is validated or is not. One that comes
 * right after the handshake waits a while for the server's first NEW_CONNECTION_ID (RFC 9000 §9.5:
 * a new path takes an ID of its own).
 */
void quicd_migrate(struct quicd_connection *connection, uint32_t request_id);
/* What has become of a path. */
void quicd_migrate_follow(struct quicd_connection *connection, const struct qd_path_event *event);
/*
 * What is due: begins what waited, asks again for a path that is tried, gives up one that was
 * left.
 */
void quicd_migrate_go_on(struct quicd_connection *connection);
/* When that is; UINT64_MAX: never. */
uint64_t quicd_migrate_deadline(const struct quicd_connection *connection);
/* The connection ends: all its sockets are closed. */
void quicd_migrate_end(struct quicd_connection *connection);
