/*
 * connection.h - a connection as its worker keeps it. This file adapts quiche; accepting, CIDs,
 * streams, events and sending have files of their own.
 *
 * Its lifecycle is in lifecycle.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"
#include "answer.h"
#include "lifecycle.h"
#include "limits.h"
#include "list.h"
#include "migrate.h"
#include "../bpf/cid.h"
#include "quic_header.h"
#include "quiche/quicd_quiche.h"

struct quicd_worker;

struct quicd_cid {
	uint8_t bytes[QUICD_LONG_CID_BYTES_MAX];
	uint8_t length;
};

/* A close that waits until everything written has arrived. */
struct quicd_goodbye {
	bool waiting;
	bool application;
	uint64_t error_code;
	uint64_t acknowledged_bytes; /* of the whole connection, when last looked at */
	uint64_t progress_ns;	     /* when they grew last */
	uint64_t arrived_ns;	     /* when first nothing was on its way; 0: not yet */
	uint64_t deadline_ns;	     /* look again, at the latest */
	uint32_t reason_bytes;
	uint8_t reason[64];
};

struct quicd_connection {
	struct quicd_worker *worker;
	struct qd_connection *quiche;
	struct quicd_connection_view *view;
	uint32_t index;
	uint32_t generation;
	enum quicd_connection_state state;
	uint32_t app;
	uint32_t pending;   /* enum quicd_connection_pending */
	uint32_t told;	    /* lifecycle events already emitted, same bits */
	struct quicd_answers answers;
	struct quicd_answers opens[2]; /* wait for MAX_STREAMS: bidirectional, unidirectional */
	uint32_t opens_waiting;	       /* in both */
	uint32_t events_out; /* in the ring, not consumed */
	uint32_t chunks_out; /* of this worker's slab, with the application */
	uint64_t chunk_bytes; /* in those buffers */
	uint64_t queued_bytes; /* written by the application, not taken by quiche */
	uint64_t referenced_bytes; /* of slab buffers that quiche holds until acknowledged */
	struct quicd_cid cids[QUICD_CIDS_PER_CONNECTION];
	uint32_t cid_count;
	uint32_t cid_bytes; /* of each that we issue: QUICD_CID_BYTES, or its _OWN_SOCKET */
	struct qd_address local, peer;
	struct quicd_node streams;  /* all of them */
	struct quicd_node readable; /* quicd_stream.readable */
	struct quicd_node lingering; /* quicd_stream.readable, of those that we stopped */
	struct quicd_node sendable; /* quicd_stream.sendable */
	struct quicd_node telling;  /* quicd_stream.telling */
	/* of the worker's lists; dying also of its spent slots */
	struct quicd_node dirty, flush, blocked, dying;
	uint64_t accepted_ns;
	uint64_t keep_alive_ns; /* interval, 0: off */
	uint64_t pace_until_ns; /* the pacer wants nothing sent before; 0: at once */
	uint64_t sent_ns;
	uint64_t pinged_ns; /* when a PING was last asked for to keep it alive */
	uint64_t received_ns;  /* 0: nothing yet */
	uint64_t refreshed_ns; /* the view's numbers */
	uint32_t received_since_send; /* datagrams */
	uint32_t received_bytes_since_send;
	uint8_t received_ecn; /* of the last datagram, as quiche knows it */
	/* accepted only to be told this, RFC 9000 §20.1: CONNECTION_REFUSED, INVALID_TOKEN; or 0 */
	uint32_t refuse;
	uint64_t prefix; /* of its network, while it is counted there */
	bool in_prefix;
	bool early_held; /* its 0-RTT may be a replay: told after the handshake */
	bool early; /* CONNECTED says EARLY: HANDSHAKE_DONE follows it */
	bool answer_expected; /* events went to the application in this turn */
	bool proved; /* the handshake was complete: the peer's address is its own */
	bool leaving; /* its CONNECTION_CLOSE goes out now or never */
	bool dead; /* quiche panicked or the app thread is gone: free without ceremony */
	struct quicd_goodbye goodbye;
	struct {
		bool on;
		uint32_t begun;	   /* logs of this connection */
		uint64_t flush_ns; /* what waits goes to the file then; 0: nothing waits */
	} qlog;
	uint64_t datagrams_told; /* to the application */
	uint32_t queued_segments;
	uint64_t next_id[2]; /* of streams that we open: bidirectional, unidirectional */
	/* Of a client. */
	uint32_t request_id; /* of CONNECT */
	uint32_t profile;
	uint32_t session_left; /* bytes of a session that was too large to be told, or 0 */
	struct quicd_move move; /* its sockets */
	uint64_t held_until_ns; /* nothing leaves before START, or this; 0: no more */
};

bool quicd_connections_create(struct quicd_worker *worker, uint32_t capacity);
void quicd_connections_destroy(struct quicd_worker *worker);
static inline bool quicd_connection_is_client(const struct quicd_connection *connection)
{
	return connection->view->flags & QUICD_CONNECTION_CLIENT;
}

/* A slot in state INITIAL, of the engine's role, or NULL when the table is full. */
struct quicd_connection *quicd_connection_new(struct quicd_worker *worker);
/*
 * Everything it holds goes back. The slot is used again only after the app thread has consumed the
 * last event about it, so that what the events refer to in the view still stands there.
 */
void quicd_connection_free(struct quicd_connection *connection);
/* NULL when the slot was reused or is free. */
struct quicd_connection *quicd_connection_of(struct quicd_worker *worker, uint32_t index,
					     uint32_t generation);

/* handshake.c */

/* INITIAL to ESTABLISHED, as far as quiche has come. */
void quicd_connection_follow_handshake(struct quicd_connection *connection);
/* It follows the path's MTU and the length of the peer's connection IDs. */
void quicd_connection_show_datagram_bytes(struct quicd_connection *connection);

/* After datagrams were received or a timer fired: state, CIDs, paths, then reading. */
void quicd_connection_process(struct quicd_connection *connection);
/* Looks whether quiche has closed or is closing, and notes what to tell. */
void quicd_connection_check_close(struct quicd_connection *connection);
/* Emits what is pending, reads what is readable. Blocked ones are listed to be tried again. */
void quicd_connection_deliver(struct quicd_connection *connection);
/* Takes the step of the table: state, view, counts, and what is to be told. */
void quicd_connection_advance(struct quicd_connection *connection,
			      enum quicd_lifecycle_input input);
/* Puts it on the list of those that may send. */
void quicd_connection_wants_flush(struct quicd_connection *connection);
/* From now on what is to be sent is sent. */
void quicd_connection_let_go(struct quicd_connection *connection);
/* Sends one train if there is one; false when no send buffer is free. */
bool quicd_connection_flush(struct quicd_connection *connection);
/* Writes the addresses as they are now into the view. */
void quicd_connection_show_addresses(struct quicd_connection *connection);
void quicd_connection_set_timer(struct quicd_connection *connection);
void quicd_connection_on_timer(struct quicd_connection *connection);
/*
 * Closes now if it waits to, and its time is up or all has arrived: nothing is in flight right
 * after a flush that left nothing to send (before one, quiche may have taken bytes and not sent
 * them), and a while has passed since.
 */
void quicd_connection_say_goodbye(struct quicd_connection *connection);
void quicd_connection_refresh_view(struct quicd_connection *connection);

/* cids.c: CIDs of ours in quiche, in the map, and in the connection's list. */
void quicd_cid_generate(struct quicd_worker *worker, uint8_t cid[QUICD_CID_BYTES]);
/* One of |connection->cid_bytes|, in the map and the list. False when those are full. */
bool quicd_connection_draw_cid(struct quicd_connection *connection, uint8_t cid[QUICD_CID_BYTES]);
bool quicd_connection_add_cid(struct quicd_connection *connection, const uint8_t *cid,
			      uint32_t bytes);
void quicd_connection_refill_cids(struct quicd_connection *connection);
void quicd_connection_drop_retired_cids(struct quicd_connection *connection);
void quicd_connection_forget_cids(struct quicd_connection *connection);
