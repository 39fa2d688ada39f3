/* quicd_paths.h - the part of quicd_quiche.h that is about paths, RFC 9000 §9. */
#pragma once
#include "quicd_quiche.h"

enum qd_path_event_kind {
	QD_PATH_NEW = 0,
	QD_PATH_VALIDATED = 1,
	QD_PATH_FAILED = 2,
	QD_PATH_CLOSED = 3,
	QD_PATH_REUSED_SCID = 4,
	QD_PATH_PEER_MIGRATED = 5,
	QD_PATH_PMTU_UPDATED = 6,
};
struct qd_path_event {
	enum qd_path_event_kind kind;
	struct qd_address local;
	struct qd_address peer;
};
/*
 * Client. probe: whether the path works is a QD_PATH_VALIDATED or QD_PATH_FAILED later; migrate:
 * what is sent goes that way from now on; leave: gives up a path that is not the active one, what
 * was on its way there is sent again. QD_ERROR_OUT_OF_IDENTIFIERS: the peer has offered no
 * connection ID that could be used there (RFC 9000 §9.5), or we none; later perhaps.
 */
int qd_probe_path(struct qd_connection *connection, const struct qd_address *local,
		  const struct qd_address *peer);
int qd_migrate(struct qd_connection *connection, const struct qd_address *local,
	       const struct qd_address *peer);
int qd_leave_path(struct qd_connection *connection, const struct qd_address *local,
		  const struct qd_address *peer);
/*
 * Server, right after qd_accept: tells the client of addresses to migrate to (RFC 9000 §9.6); NULL
 * for none of that family. |scid| gets the sequence number 1, without qd_new_scid.
 */
int qd_set_preferred_address(struct qd_connection *connection, const struct qd_address *ipv4,
			     const struct qd_address *ipv6, const uint8_t scid[QD_CID_BYTES],
			     const uint8_t reset_token[QD_RESET_TOKEN_BYTES]);
/*
 * Client: the server's address of |family|, 4 or 6; false while the handshake is not confirmed, and
 * where there is none.
 */
bool qd_preferred_address(struct qd_connection *connection, uint8_t family,
			  struct qd_address *address);
/* Whether the peer sends there too, more than probes. */
bool qd_peer_uses_path(struct qd_connection *connection, const struct qd_address *local,
		       const struct qd_address *peer);
/* drain every turn */
bool qd_path_event_next(struct qd_connection *connection, struct qd_path_event *event);
