/*
 * quicd_quiche.h - the border between our C core and quiche (native/quiche/src, Rust).
 *
 * Why our own border and not quiche.h: the stock C API lacks by-reference send, absolute timeouts,
 * reset tokens per connection and certificates from memory. A qd_connection is a
 * quiche::Connection<our BufFactory>; it must never be given to a quiche_conn_* function.
 *
 * Threads: a qd_config and its connections belong to one thread. Nothing here blocks; nothing here
 * calls back, except qd_release, which may be called from inside any function that takes a
 * qd_connection and must not call back in.
 *
 * Results: >= 0 is success; QD_DONE means "nothing to do, or not yet"; other negative values are
 * QD_ERROR_*. A Rust panic inside a function is caught: the function returns QD_ERROR_PANIC and the
 * connection is dead; the caller frees it and forgets it (qd_free is safe then, every other
 * function returns QD_ERROR_PANIC at once).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QD_CID_BYTES 19
#define QD_RESET_TOKEN_BYTES 16
#define QD_NO_TIMEOUT UINT64_MAX

/* quiche::Error, numbered as quiche's own C API does, so that its documentation stays usable. */
enum qd_result {
	QD_DONE = -1,
	QD_ERROR_BUFFER_TOO_SHORT = -2,
	QD_ERROR_UNKNOWN_VERSION = -3,
	QD_ERROR_INVALID_FRAME = -4,
	QD_ERROR_INVALID_PACKET = -5,
	QD_ERROR_INVALID_STATE = -6,
	QD_ERROR_INVALID_STREAM_STATE = -7,
	QD_ERROR_INVALID_TRANSPORT_PARAM = -8,
	QD_ERROR_CRYPTO_FAIL = -9,
	QD_ERROR_TLS_FAIL = -10,
	QD_ERROR_FLOW_CONTROL = -11,
	QD_ERROR_STREAM_LIMIT = -12,
	QD_ERROR_FINAL_SIZE = -13,
	QD_ERROR_CONGESTION_CONTROL = -14,
	QD_ERROR_STREAM_STOPPED = -15, /* *error_code is the peer's STOP_SENDING code */
	QD_ERROR_STREAM_RESET = -16,   /* *error_code is the peer's RESET_STREAM code */
	QD_ERROR_ID_LIMIT = -17,
	QD_ERROR_OUT_OF_IDENTIFIERS = -18,
	QD_ERROR_KEY_UPDATE = -19,
	QD_ERROR_CRYPTO_BUFFER_EXCEEDED = -20,
	QD_ERROR_OTHER = -98,
	QD_ERROR_PANIC = -99,
};

/* An address as quiche sees it: never v4-mapped, the caller unmaps once. */
struct qd_address {
	uint8_t family; /* 4 or 6 */
	uint8_t reserved;
	uint16_t port;     /* host order */
	uint32_t scope_id; /* IPv6 link-local, else 0 */
	uint8_t ip[16];    /* network order; IPv4 in the first 4 bytes, rest zero */
};

/* Only BBR2 is paced; the last is for measuring what that brings. */
enum qd_congestion { QD_CUBIC = 0, QD_RENO = 1, QD_BBR2 = 2, QD_BBR2_UNPACED = 3 };

/* RFC 9369: 1 and 2, begun with 1 or the session's; 1 alone; a server moves to 2; begun with 2 */
enum qd_versions { QD_VERSIONS_ANY, QD_VERSIONS_1, QD_VERSIONS_PREFER_2, QD_VERSIONS_BEGIN_WITH_2 };

/* Every knob of a server or client configuration. Borrowed for the call. Zero it first. */
struct qd_config_options {
	const char *certificate_pem; /* chain, leaf first; NULL for a client without one */
	size_t certificate_pem_bytes;
	const char *private_key_pem;
	size_t private_key_pem_bytes;
	const char *ca_pem; /* client: trust anchors; NULL: the system's */
	size_t ca_pem_bytes;
	/* wire format: length byte, name, ...; preference is the client's order */
	const uint8_t *alpn;
	size_t alpn_bytes;
	const uint8_t *ticket_key; /* 48 bytes, the same for all workers; NULL: random */
	bool server;
	bool verify_peer;
	bool early_data;
	bool grease;
	bool log_keys; /* connections then accept qd_set_keylog_fd */
	bool disable_active_migration;
	bool discover_pmtu;
	bool ecn; /* trains say whether they are to be marked (RFC 9000 §13.4) */
	uint64_t max_idle_timeout_ms;
	uint64_t max_recv_udp_payload_bytes;
	uint64_t max_send_udp_payload_bytes;
	uint64_t initial_max_data;
	uint64_t initial_max_stream_data_bidi_local;
	uint64_t initial_max_stream_data_bidi_remote;
	uint64_t initial_max_stream_data_uni;
	uint64_t initial_max_streams_bidi;
	uint64_t initial_max_streams_uni;
	uint64_t max_connection_window;
	uint64_t max_stream_window;
	uint64_t active_connection_id_limit;
	uint64_t max_ack_delay_ms; /* ACKs wait four fifths of it; 0: for nothing */
	uint64_t datagram_receive_queue; /* datagrams; 0 and 0: the extension is not offered */
	uint64_t datagram_send_queue;
	uint64_t initial_window_packets;
	enum qd_congestion congestion;
	uint32_t ticket_seconds; /* server: how long a session ticket may be used; 0: two days */
	/*
	 * Server: what 0-RTT goes by beside the limits above, as the application's settings. From a
	 * session that was made under other ones it is refused.
	 */
	const uint8_t *early_context;
	size_t early_context_bytes;
	uint64_t amplification_factor; /* 0: three (RFC 9000 §8.1); tests break it by this */
	uint64_t initial_rtt_ms; /* before the first sample; 0: 333 ms (RFC 9002 §6.2.2) */
	/* TLS 1.3's numbers, most wanted first, and no others are used; none: as TLS has them */
	const uint16_t *ciphers;
	size_t cipher_count;
	/*
	 * Below the AEAD's limits, for tests; 0: these alone. Keys are updated after half of the
	 * packets; at either limit the connection ends (RFC 9001 §6.6).
	 */
	uint64_t packets_per_key, forged_packets_max;
	enum qd_versions versions;
};

struct qd_config;
struct qd_connection;

/*
 * Returns NULL and a readable reason in |error| (always terminated) when PEM, key or an option
 * is refused.
 */
struct qd_config *qd_config_new(const struct qd_config_options *options, char *error,
				size_t error_bytes);
/*
 * Server: |count| keys of 48 bytes (name, HMAC key, AES key). The first one seals tickets, all of
 * them open. Tickets are bound to the server name.
 */
#define QD_TICKET_KEY_BYTES 48
void qd_config_set_ticket_keys(struct qd_config *config, const uint8_t *keys, size_t count);
void qd_config_free(struct qd_config *config); /* its connections may outlive it */

/*
 * RFC 9000 §7. |retry_odcid| is NULL unless a Retry was sent and its token was verified by the
 * caller; then |retry_scid| is the CID that the Retry carried. NULL on failure with *error set.
 */
struct qd_connection *qd_accept(struct qd_config *config, const uint8_t scid[QD_CID_BYTES],
				const uint8_t reset_token[QD_RESET_TOKEN_BYTES],
				const uint8_t *retry_odcid, size_t retry_odcid_bytes,
				const uint8_t *retry_scid, size_t retry_scid_bytes,
				const struct qd_address *local, const struct qd_address *peer,
				int *error);
/*
 * Server, right after qd_accept: the client's address is validated, by a token of NEW_TOKEN (RFC
 * 9000 §8.1.3): no limit of three times what it sent (§8.1), and no sign of a Retry.
 */
int qd_set_address_validated(struct qd_connection *connection);
/*
 * Server, once established: a token for the client's next connection, in a NEW_TOKEN frame that is
 * repeated until it is acknowledged. The newest one takes the place of others.
 */
int qd_send_new_token(struct qd_connection *connection, const uint8_t *token, size_t bytes);
/*
 * |server_name|: for SNI, and what the certificate must be for where the configuration verifies
 * it. A numeric address, or NULL for the peer's, goes without SNI.
 */
struct qd_connection *qd_connect(struct qd_config *config, const char *server_name,
				 const uint8_t *scid, size_t scid_bytes,
				 const struct qd_address *local, const struct qd_address *peer,
				 int *error);
void qd_free(struct qd_connection *connection);

/*
 * Client: what the next connection to the same server can resume from (RFC 8446 §2.2), opaque.
 * Takes the newest into |out|; QD_DONE when there is none since the last call, and
 * QD_ERROR_BUFFER_TOO_SHORT, when it is then still there.
 */
#define QD_SESSION_BYTES_MAX 16384
ssize_t qd_take_session(struct qd_connection *connection, uint8_t *out, size_t capacity);
/* What it would take; QD_DONE. */
ssize_t qd_session_bytes(struct qd_connection *connection);
/*
 * Before anything is sent or received. An error leaves a connection that does not resume: what is
 * no session, or is one of another version. 0-RTT (qd_state.in_early_data after the first
 * qd_send_train) needs |early| and a configuration with early_data. What the server does not take
 * of it is sent again once the handshake is complete, but for datagrams; a server whose limits
 * have become lower meanwhile ends the connection with TRANSPORT_PARAMETER_ERROR.
 */
int qd_set_session(struct qd_connection *connection, const uint8_t *session, size_t bytes,
		   bool early);

/*
 * Decrypts |packet| in place (it is overwritten). QD_DONE: nothing in it was for us. Errors
 * close the connection.
 */
int qd_recv(struct qd_connection *connection, uint8_t *packet, size_t bytes,
	    const struct qd_address *from, const struct qd_address *to);

/*
 * ECN field (RFC 3168 §5) of what is given to qd_recv from here on, at first 0: counted for the
 * peer (RFC 9000 §13.4.1).
 */
void qd_set_received_ecn(struct qd_connection *connection, uint8_t ecn);

/* An ACK that is due by number alone waits until then (RFC 9000 §13.2.2); false: one may not. */
bool qd_hold_acks(struct qd_connection *connection, uint64_t until_ns);

/*
 * A datagram with a short header and an unknown connection ID, which may come from this
 * connection's peer: is it a stateless reset (RFC 9000 §10.3)? Then the connection is closed.
 */
bool qd_recv_reset(struct qd_connection *connection, const uint8_t *packet, size_t bytes);

/*
 * A train for one UDP_SEGMENT send: equal datagrams on one 4-tuple, only the last may be
 * shorter.
 */
struct qd_train {
	uint32_t bytes;
	uint32_t segment_bytes; /* of every datagram but the last */
	uint32_t segments;
	bool more; /* stopped by a limit, not because there was nothing left to send */
	bool ecn;  /* to be marked ECT(0), all of it */
	struct qd_address from;
	struct qd_address to;
	uint64_t release_ns; /* CLOCK_MONOTONIC; 0: at once. Only with pacing */
};

/*
 * Fills |out| with up to |max_segments| datagrams (at most 65,507 bytes, and |capacity|). Returns
 * the bytes written, QD_DONE when there is nothing to send. A packet that fits no train (other size
 * or path) is not lost: it is either the shorter last one, or starts the next train.
 */
ssize_t qd_send_train(struct qd_connection *connection, uint8_t *out, size_t capacity,
		      uint32_t max_segments, struct qd_train *train);
/*
 * The pacer wants the next packet not before this time; 0: now. qd_send_train does not look at
 * it but for where a train ends: whoever asks and waits keeps to the pace.
 */
uint64_t qd_release_ns(struct qd_connection *connection);

/*
 * Who gets memory back that was lent to qd_*_ref: called once for every successful lend, at ACK,
 * reset or free.
 */
typedef void (*qd_release)(void *owner, uint32_t slab, uint32_t index);
void qd_set_release(qd_release release); /* process-wide, before the first connection */

/*
 * Streams. Return bytes taken (0 .. bytes); fin is taken only together with the last byte. 0 <
 * bytes means that capacity ran out: qd_next_writable reports the stream when there is more.
 * QD_ERROR_STREAM_STOPPED sets *error_code. The _ref form lends the memory at |data| (inside buffer
 * |index| of |slab|) until qd_release(owner, slab, index): the caller takes one reference for the
 * call; when the result is not > 0 (or an empty fin) qd_release was already called. A partial take
 * keeps one lend for the taken part; the caller keeps its own reference for the tail.
 */
ssize_t qd_stream_send_copy(struct qd_connection *connection, uint64_t stream_id,
			    const uint8_t *data, size_t bytes, bool fin, uint64_t *error_code);
ssize_t qd_stream_send_ref(struct qd_connection *connection, uint64_t stream_id,
			   const uint8_t *data, size_t bytes, bool fin, void *owner, uint32_t slab,
			   uint32_t index, uint64_t *error_code);
/* Bytes that a send would take now; QD_ERROR_STREAM_STOPPED, QD_ERROR_INVALID_STREAM_STATE. */
ssize_t qd_stream_capacity(struct qd_connection *connection, uint64_t stream_id,
			   uint64_t *error_code);
/* Bytes read; QD_DONE: nothing to read; QD_ERROR_STREAM_RESET sets *error_code. */
ssize_t qd_stream_recv(struct qd_connection *connection, uint64_t stream_id, uint8_t *out,
		       size_t capacity, bool *fin, uint64_t *error_code);
/* Contiguous bytes ready now, 0 if none. */
size_t qd_stream_readable_bytes(struct qd_connection *connection, uint64_t stream_id);
bool qd_stream_is_readable(struct qd_connection *connection, uint64_t stream_id);
enum qd_direction { QD_SHUTDOWN_READ = 0, QD_SHUTDOWN_WRITE = 1 };
int qd_stream_shutdown(struct qd_connection *connection, uint64_t stream_id,
		       enum qd_direction direction, uint64_t error_code);
/*
 * RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset): resets, but the peer still gets the
 * first |reliable_bytes| of what was written. QD_ERROR_INVALID_STATE: the peer does not know it;
 * QD_ERROR_FINAL_SIZE: more than was written, or than an earlier call asked for.
 */
int qd_stream_reset_at(struct qd_connection *connection, uint64_t stream_id, uint64_t error_code,
		       uint64_t reliable_bytes);
int qd_stream_priority(struct qd_connection *connection, uint64_t stream_id, uint8_t urgency,
		       bool incremental);
bool qd_stream_finished(struct qd_connection *connection, uint64_t stream_id);
/* Edge-triggered; each fills at most |capacity| ids and returns how many. */
size_t qd_next_readable(struct qd_connection *connection, uint64_t *stream_ids, size_t capacity);
size_t qd_next_writable(struct qd_connection *connection, uint64_t *stream_ids, size_t capacity);
/* that we may still open */
uint64_t qd_streams_left(struct qd_connection *connection, bool bidirectional);

/*
 * Datagrams, RFC 9221. send: 0; 1 when the oldest that waited was dropped for it; QD_DONE when the
 * queue has no room at all, QD_ERROR_BUFFER_TOO_SHORT when larger than a packet,
 * QD_ERROR_INVALID_STATE when the peer has no support. _ref lends as the stream form does, on
 * success only; with a |request| other than 0 what became of it is told to qd_outcome.
 */
int qd_datagram_send_copy(struct qd_connection *connection, const uint8_t *data, size_t bytes);
int qd_datagram_send_ref(struct qd_connection *connection, const uint8_t *data, size_t bytes,
			 void *owner, uint32_t slab, uint32_t index, uint32_t request);
enum qd_datagram_outcome {
	QD_DATAGRAM_SENT = 0,	   /* put into a packet; it may still be lost on its way */
	QD_DATAGRAM_DROPPED = 1,   /* the oldest of a full queue */
	QD_DATAGRAM_TOO_LARGE = 2, /* packets became smaller while it waited */
	QD_DATAGRAM_CLOSED = 3,	   /* the connection was freed first */
};
/* Called once for each lent datagram with a request, before its memory is released. */
typedef void (*qd_outcome)(void *owner, uint32_t request, uint32_t outcome);
void qd_set_outcome(qd_outcome outcome); /* process-wide, before the first connection */
/* QD_DONE: none */
ssize_t qd_datagram_recv(struct qd_connection *connection, uint8_t *out, size_t capacity);
/* of the next one to receive; QD_DONE: none */
ssize_t qd_datagram_front_bytes(struct qd_connection *connection);
/* that fit now; QD_DONE: not supported */
ssize_t qd_datagram_max_bytes(struct qd_connection *connection);
size_t qd_datagram_send_queue(struct qd_connection *connection);   /* datagrams waiting */

/* Time. CLOCK_MONOTONIC nanoseconds of the next timeout, or QD_NO_TIMEOUT. */
uint64_t qd_timeout_ns(struct qd_connection *connection);
void qd_on_timeout(struct qd_connection *connection);
/*
 * The time (CLOCK_MONOTONIC nanoseconds, never earlier than the last one) that qd_recv,
 * qd_send_train and qd_on_timeout on this thread take for the current one, instead of reading the
 * clock once or twice per packet. Optional. Whoever calls it does so in every turn, and soon enough
 * that round-trip times stay true: a turn of more than about a millisecond sets it again. 0: read
 * the clock.
 */
void qd_set_now(uint64_t now_ns);

/* State. */
struct qd_state {
	bool established;
	bool in_early_data;
	bool resumed;
	bool readable;
	bool draining;
	bool closed;
	bool timed_out;
	bool early_accepted; /* 0-RTT was offered and taken (RFC 9001 §4.6.2) */
	bool reset; /* closed because the peer has forgotten it (RFC 9000 §10.3) */
	bool peer_resets_at; /* it knows RESET_STREAM_AT; qd_stream_reset_at will do */
	bool confirmed; /* from here on a client may migrate (RFC 9001 §4.1.2) */
	uint32_t version; /* of QUIC: of long headers; final once the handshake is complete */
};
void qd_get_state(struct qd_connection *connection, struct qd_state *state);
/* Of the ClientHello (RFC 8446 §4.1.2): no two have the same, unless one is a replay. */
#define QD_CLIENT_RANDOM_BYTES 32
void qd_client_random(struct qd_connection *connection, uint8_t random[QD_CLIENT_RANDOM_BYTES]);
/*
 * The negotiated ALPN; borrowed until the next call on the connection; 0 bytes before it is
 * known.
 */
size_t qd_alpn(struct qd_connection *connection, const uint8_t **alpn);
/* SNI, not terminated */
size_t qd_server_name(struct qd_connection *connection, const char **name);
struct qd_close_reason {
	bool application; /* else a transport error, RFC 9000 §20.1 */
	uint64_t error_code;
	const uint8_t *reason; /* borrowed */
	size_t reason_bytes;
};
/*
 * False when there is none. A certificate that was refused is told in words, which the peer does
 * not get.
 */
bool qd_peer_error(struct qd_connection *connection, struct qd_close_reason *reason);
bool qd_local_error(struct qd_connection *connection, struct qd_close_reason *reason);
int qd_close(struct qd_connection *connection, bool application, uint64_t error_code,
	     const uint8_t *reason, size_t reason_bytes);
/*
 * Client: TLS begins, without a packet. Then qd_get_state says whether 0-RTT may be written. What
 * goes wrong is told by the next qd_send_train.
 */
void qd_begin(struct qd_connection *connection);
/* PING at the next send if nothing ack-eliciting is pending. */
int qd_send_ack_eliciting(struct qd_connection *connection);
/*
 * New 1-RTT keys, with the first packet that is sent when RFC 9001 §6.1 and §6.5 allow it: the
 * handshake is confirmed, the last update acknowledged and three times the PTO old.
 */
void qd_update_keys(struct qd_connection *connection);

/* Connection IDs, RFC 9000 §5.1. */
size_t qd_scids_left(struct qd_connection *connection); /* that the peer still has room for */
/* As long as the first one. Returns the sequence number, or an error. */
int64_t qd_new_scid(struct qd_connection *connection, const uint8_t *scid, size_t scid_bytes,
		    const uint8_t reset_token[QD_RESET_TOKEN_BYTES], bool retire_if_needed);
/*
 * Pops one CID of ours that the peer retired, or that quiche dropped; false when there is none.
 * Drain every turn. One that is shorter than QD_CID_BYTES has zeros behind it.
 */
bool qd_retired_scid(struct qd_connection *connection, uint8_t scid[QD_CID_BYTES]);
/* Gives up one of the peer's; QD_ERROR_OUT_OF_IDENTIFIERS when it is the last. */
int qd_retire_dcid(struct qd_connection *connection, uint64_t sequence);

/* Whether a path bears marks: not to be tried, or as in RFC 9000 §A.4. */
enum qd_ecn { QD_ECN_OFF, QD_ECN_TESTING, QD_ECN_UNKNOWN, QD_ECN_CAPABLE, QD_ECN_FAILED };
/* Numbers. */
struct qd_stats {
	uint64_t received_packets, sent_packets, lost_packets, retransmitted_packets;
	uint64_t received_bytes, sent_bytes, lost_bytes, stream_retransmitted_bytes;
	uint64_t round_trip_ns, minimum_round_trip_ns, congestion_window_bytes, in_flight_bytes,
		delivery_rate;
	uint64_t paths, path_challenges_received, reset_streams_remote, stopped_streams_remote,
		path_mtu_bytes;
	/* RFC 9221; received: those dropped from a full queue too */
	uint64_t datagrams_received, datagrams_waiting, datagrams_sent, datagrams_lost;
	uint64_t spurious_lost_packets; /* of the lost ones: acknowledged after all */
	uint64_t round_trip_variation_ns;
	uint64_t probe_timeouts; /* RFC 9002 §6.2 */
	uint64_t acknowledged_bytes;
	uint64_t key_updates; /* of the 1-RTT keys, whoever initiated them */
	uint64_t ecn_state, ecn_sent, ecn_ce; /* qd_ecn; packets with ECT(0); of them with CE */
};
void qd_get_stats(struct qd_connection *connection, struct qd_stats *stats);

/* What bounds sending now, each bound by itself. Not for every packet: it asks the clock. */
struct qd_limits {
	uint64_t peer_data_left;      /* bytes, MAX_DATA (RFC 9000 §4.1) */
	uint64_t congestion_left;     /* bytes; UINT64_MAX while a probe may be sent */
	uint64_t amplification_left;  /* bytes (RFC 9000 §8.1); UINT64_MAX: not limited */
	uint64_t unsent_bytes;	      /* of streams, taken and not sent */
	uint64_t release_ns;	      /* pacing: CLOCK_MONOTONIC of the next packet; 0: now */
	uint64_t datagrams_unsent;
};
void qd_get_limits(struct qd_connection *connection, struct qd_limits *limits);
/* MAX_STREAM_DATA left, bytes; QD_DONE for a stream that is gone or was stopped by the peer. */
int64_t qd_stream_window_left(struct qd_connection *connection, uint64_t stream_id);

/* Transport parameters that the peer sent; zeroed before they are known. */
struct qd_peer_parameters {
	uint64_t max_idle_timeout_ms, max_udp_payload_bytes, initial_max_data,
		initial_max_streams_bidi;
	uint64_t initial_max_streams_uni, active_connection_id_limit;
	int64_t max_datagram_frame_bytes; /* -1: no datagrams */
	bool disable_active_migration;
};
void qd_get_peer_parameters(struct qd_connection *connection,
			    struct qd_peer_parameters *parameters);

/* Logs. The fd is duplicated; the caller keeps its own. */
int qd_set_keylog_fd(struct qd_connection *connection, int fd);
/*
 * qlog (JSON-SEQ, RFC 7464), whole records only, at most |limit_bytes| of them: the last record
 * then says so. Gathered in memory and written 64 KiB at a time, by flush, end and free. It ends by
 * itself when the connection is closed. |level| is enum qd_qlog_level. Again after an end: another
 * log.
 */
enum qd_qlog_level { QD_QLOG_CORE = 0, QD_QLOG_BASE = 1, QD_QLOG_EXTRA = 2 };
int qd_begin_qlog(struct qd_connection *connection, int fd, const char *title, uint32_t level,
		  uint64_t limit_bytes);
struct qd_qlog {
	uint64_t written_bytes; /* in the file */
	uint64_t waiting_bytes; /* for a flush */
	bool ended;		/* nothing more is written: the limit, an end, a failure */
	bool failed;		/* by the file system */
};
void qd_get_qlog(struct qd_connection *connection, struct qd_qlog *qlog);
void qd_flush_qlog(struct qd_connection *connection);
void qd_end_qlog(struct qd_connection *connection);

/* Stateless replies: bytes written, or an error. RFC 9000 §17.2.1 (enum qd_versions) and §17.2.5 */
ssize_t qd_negotiate_version(const uint8_t *scid, size_t scid_bytes, const uint8_t *dcid,
			     size_t dcid_bytes, uint32_t versions, uint8_t *out, size_t capacity);
ssize_t qd_retry(const uint8_t *scid, size_t scid_bytes, const uint8_t *dcid, size_t dcid_bytes,
		 const uint8_t new_scid[QD_CID_BYTES], const uint8_t *token, size_t token_bytes,
		 uint32_t version, uint8_t *out, size_t capacity);

/*
 * Memory. Rust's global allocator is these three functions of ours (native/alloc.c), so that live
 * bytes and objects of the whole native side are counted exactly and sanitizers see every block.
 * |align| is a power of two. Old sizes are always given. The crate links mimalloc's static library
 * (libmimalloc-sys) and exports mi_* for alloc.c to use.
 */
void *quicd_allocate(size_t bytes, size_t align, bool zeroed);
void *quicd_reallocate(void *pointer, size_t old_bytes, size_t align, size_t new_bytes);
void quicd_free(void *pointer, size_t bytes, size_t align);

#include "quicd_paths.h"
