/*
 * abi.h - every byte that C and TypeScript both read. The only description of it.
 *
 * native/gen/abi.ts reads this file and writes src/native/abi.gen.ts (offsets for TypeScript) and
 * native/abi_check.gen.h (the same numbers as static_asserts on offset and size, and the hash that
 * is compared at load). Subset understood by the generator: enums with explicit values, structs of
 * fixed-width scalars and arrays of them, #define of an integer. No bit-fields, no nesting, no
 * typedefs.
 *
 * A 64-bit field is read by TypeScript as two u32 (low at the offset, high at offset + 4).
 */
#pragma once
#include <stdint.h>

#define QUICD_NONE 0xffffffff /* no stream, no buffer, no slot */
#define QUICD_CACHE_LINE 64

/* Slab buffers come in two classes; |index| < the slab's small_count is a small one. */
#define QUICD_SMALL_BUFFER_BYTES 2048
#define QUICD_LARGE_BUFFER_BYTES 16384
enum quicd_buffer_class {
	QUICD_BUFFER_SMALL = 0,
	QUICD_BUFFER_LARGE = 1,
};

/* What an event says; the fields of quicd_event that each kind fills stand beside it. */
enum quicd_event_kind {
	QUICD_EVENT_INVALID = 0,	   /* a zeroed entry is never a valid one */
	/*
	 * handshake complete, or with flag EARLY: application data may flow as 0-RTT; the rest
	 * stands in quicd_connection_view
	 */
	QUICD_EVENT_CONNECTED = 1,
	QUICD_EVENT_STREAM_OPENED = 2,	   /* answer to OPEN: request_id, stream, stream_id */
	/* answer to OPEN: request_id, error_code (enum quicd_refusal) */
	QUICD_EVENT_OPEN_REFUSED = 3,
	/* stream, stream_id, flags, buffer (NONE if length 0), length */
	QUICD_EVENT_STREAM_DATA = 4,
	QUICD_EVENT_STREAM_RESET = 5,	   /* stream, flags, error_code: RESET_STREAM */
	QUICD_EVENT_STREAM_STOPPED = 6,	   /* stream, flags, error_code: STOP_SENDING */
	QUICD_EVENT_STREAM_WRITABLE = 7,   /* stream: the credit that was wanted is there */
	QUICD_EVENT_DATAGRAM = 8,	   /* buffer, length (RFC 9221) */
	/* answer to DATAGRAM: request_id, error_code (enum quicd_refusal) */
	QUICD_EVENT_DATAGRAM_OUTCOME = 9,
	QUICD_EVENT_PATH_CHANGED = 10,	   /* new addresses in the connection's view */
	/* why stands in quicd_connection_view; no more data either way */
	QUICD_EVENT_CLOSING = 11,
	/* the slot is free again; nothing follows for this generation */
	QUICD_EVENT_CLOSED = 12,
	/*
	 * answer to CONNECT: request_id, and connection, whose first event it is. What follows is
	 * CONNECTED, or CLOSING where the handshake fails
	 */
	QUICD_EVENT_CONNECT_STARTED = 13,
	/* answer to CONNECT: request_id, error_code (enum quicd_refusal), length: errno or 0 */
	QUICD_EVENT_CONNECT_REFUSED = 14,
	/* client: buffer, length: a session to resume from, opaque */
	QUICD_EVENT_SESSION = 15,
	/* after a CONNECTED with flag EARLY: complete now; flag EARLY: the early data was taken */
	QUICD_EVENT_HANDSHAKE_DONE = 16,
	/* answer to MIGRATE: request_id, error_code (enum quicd_refusal) */
	QUICD_EVENT_MIGRATE_OUTCOME = 17,
	QUICD_EVENT_COUNT = 18,
};

enum quicd_event_flag {
	QUICD_FLAG_FIN = 1,	       /* the last bytes of the stream */
	QUICD_FLAG_OPENED = 2,	       /* first event of a stream that the peer opened */
	QUICD_FLAG_UNIDIRECTIONAL = 4, /* with OPENED or OPEN */
	/* arrived as 0-RTT before the handshake was complete: may be a replay (RFC 9001 §9.2) */
	QUICD_FLAG_EARLY = 8,
	QUICD_FLAG_ANSWER = 16,	       /* DATAGRAM: an outcome event is wanted */
};

/* One entry of an event ring, worker to app thread. */
struct quicd_event {
	uint32_t kind;			/* enum quicd_event_kind */
	uint32_t connection;		/* slot in the worker's connection table */
	uint32_t connection_generation; /* stale if the slot was reused since */
	uint32_t stream;		/* slot in the worker's stream table, or QUICD_NONE */
	uint32_t stream_generation;
	uint32_t flags;	 /* enum quicd_event_flag */
	/* index in the worker's slab; the app thread owns one lease on it from here */
	uint32_t buffer;
	uint32_t length; /* bytes, from the start of the buffer */
	uint32_t request_id;
	uint32_t reserved0;
	uint64_t stream_id;  /* RFC 9000 §2.1 */
	uint64_t error_code; /* RFC 9000 §20, or the application's, or enum quicd_refusal */
	uint64_t reserved1;
};

/* What a command asks. */
enum quicd_command_kind {
	QUICD_COMMAND_NOP = 0,
	/* stream, flags (FIN), slab, buffer, offset, length; length 0 + FIN: no buffer */
	QUICD_COMMAND_WRITE = 1,
	/*
	 * stream, error_code, reliable_bytes: RESET_STREAM, or RESET_STREAM_AT where
	 * reliable_bytes is not 0 and the peer knows it
	 */
	QUICD_COMMAND_RESET = 2,
	QUICD_COMMAND_STOP = 3,	    /* stream, error_code: STOP_SENDING; drops what waits */
	QUICD_COMMAND_OPEN = 4,	    /* flags (UNIDIRECTIONAL), request_id */
	QUICD_COMMAND_DATAGRAM = 5, /* slab, buffer, offset, length, request_id, flags (ANSWER) */
	/* flags, error_code, slab, buffer, offset, length: reason; buffer may be NONE */
	QUICD_COMMAND_CLOSE = 6,
	QUICD_COMMAND_PRIORITY = 7, /* stream, length: urgency 0-255, flags: 1 incremental */
	QUICD_COMMAND_KEEP_ALIVE = 8, /* length: milliseconds between PINGs, 0 off */
	/*
	 * slab, buffer, offset, length: a struct quicd_connect and what follows it; request_id. Of
	 * no connection yet
	 */
	QUICD_COMMAND_CONNECT = 9,
	/*
	 * client: to another local port; request_id. FULL: an earlier one still runs, or no
	 * connection ID is left for it; UNSUPPORTED: the server forbids it (RFC 9000 §18.2)
	 */
	QUICD_COMMAND_MIGRATE = 10,
	QUICD_COMMAND_QLOG = 11, /* flags: 1 begin a log, 0 end it */
	QUICD_COMMAND_REFRESH = 12, /* the numbers in the view */
	/* new 1-RTT keys, as soon as allowed (RFC 9001 §6.1); counted in the view */
	QUICD_COMMAND_UPDATE_KEYS = 13,
	/*
	 * client, to a connection that is HELD: the application has had its turn, and |length|
	 * of its OPENs are not answered yet. If all of those wait for the peer, the first flight
	 * leaves
	 */
	QUICD_COMMAND_START = 14,
	QUICD_COMMAND_COUNT = 15,
};

enum quicd_connect_flag {
	QUICD_CONNECT_OWN_SOCKET = 1, /* else it shares its worker's */
	QUICD_CONNECT_EARLY = 2,      /* send 0-RTT if the session allows it */
	/* and then only after START, so that what is to go as 0-RTT goes with the first flight */
	QUICD_CONNECT_HELD = 4,
	QUICD_CONNECT_STAY = 8,	      /* does not go to the server's preferred address */
};

/* What CONNECT asks; the server's name and the session follow it, one after the other. */
struct quicd_connect {
	uint32_t profile; /* as addProfile gave it: TLS and transport parameters */
	uint32_t flags;	  /* enum quicd_connect_flag */
	uint8_t peer_ip[16]; /* IPv4 in the first 4 bytes */
	uint16_t peer_port;
	uint16_t family;	/* 4 or 6 */
	uint32_t scope_id;	/* IPv6 link-local, else 0 */
	uint32_t name_bytes;	/* for SNI and verification; at most 255 */
	uint32_t session_bytes; /* 0: none */
};

enum quicd_close_flag {
	QUICD_CLOSE_APPLICATION = 1, /* CONNECTION_CLOSE 0x1d, else 0x1c (RFC 9000 §19.19) */
	QUICD_CLOSE_LOCAL = 2,	     /* ours; else the peer's */
	QUICD_CLOSE_TIMEOUT = 4,     /* idle or handshake timeout: nothing was sent or received */
	/* of CLOSE: only once all that was written has been acknowledged */
	QUICD_CLOSE_DRAINED = 8,
	QUICD_CLOSE_RESET = 16, /* the peer has forgotten the connection (RFC 9000 §10.3) */
};

/*
 * One entry of a command ring, app thread to worker. WRITE, DATAGRAM, CLOSE and CONNECT hand
 * over one lease on the buffer.
 */
struct quicd_command {
	uint32_t kind; /* enum quicd_command_kind */
	uint32_t connection;
	uint32_t connection_generation;
	uint32_t stream;
	uint32_t stream_generation;
	uint32_t flags;
	uint32_t slab; /* worker w: slab w; app thread a: slab workers + a */
	uint32_t buffer;
	uint32_t offset; /* bytes from the start of the buffer */
	uint32_t length; /* bytes */
	uint32_t request_id;
	uint32_t reserved0;
	uint64_t error_code;
	uint64_t reliable_bytes; /* from the start of the stream: arrive all the same */
};

/* "Not yet" and "no" as values. */
enum quicd_refusal {
	QUICD_OK = 0,
	QUICD_REFUSED_FULL = 1,	      /* ring, queue or slab: try again after a wake-up */
	QUICD_REFUSED_LIMIT = 2,      /* the peer allows no more streams now */
	QUICD_REFUSED_CLOSED = 3,     /* connection or stream is gone */
	QUICD_REFUSED_TOO_LARGE = 4,  /* datagram above the current maximum */
	QUICD_REFUSED_UNSUPPORTED = 5, /* the peer does not take datagrams */
	/* index, lease or length out of range: a bug of the caller, counted */
	QUICD_REFUSED_INVALID = 6,
	QUICD_REFUSED_SYSTEM = 7, /* by the kernel: no route, no file descriptor, ... */
	QUICD_REFUSED_DROPPED = 8, /* datagram: the oldest of a full queue */
	QUICD_REFUSED_PATH = 9,	   /* MIGRATE: the new path was tried and does not work */
};

/* Per stream, beside the worker's own state: what the app thread may write. */
struct quicd_stream_view {
	/* total bytes the app thread may have written, modulo 2^32; atomic */
	uint32_t credit_limit;
	uint32_t want_writable; /* 1: an event is wanted when credit_limit moves; atomic */
	uint32_t generation;
	uint32_t reserved;
};

enum quicd_connection_state {
	QUICD_STATE_FREE = 0,
	QUICD_STATE_INITIAL = 1,     /* first datagram accepted */
	QUICD_STATE_HANDSHAKING = 2, /* the server's first flight is out */
	QUICD_STATE_ESTABLISHED = 3,
	QUICD_STATE_DRAINING = 4, /* CONNECTION_CLOSE sent or received (RFC 9000 §10.2) */
	QUICD_STATE_CLOSED = 5,
	QUICD_STATE_EARLY = 6, /* application data flows as 0-RTT, handshake not complete */
	QUICD_STATE_COUNT = 7,
};

enum quicd_connection_flag {
	QUICD_CONNECTION_CLIENT = 1,  /* we opened it */
	QUICD_CONNECTION_RESUMED = 2, /* from a session ticket (RFC 8446 §2.2) */
	QUICD_CONNECTION_EARLY = 4,   /* 0-RTT was taken (RFC 9001 §4.6) */
	/* the peer knows RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset) */
	QUICD_CONNECTION_RESETS_AT = 8,
	QUICD_CONNECTION_VERSION_2 = 16, /* of QUIC (RFC 9369) */
};

/*
 * Per connection: written by the worker before the event that refers to it, read by the app
 * thread.
 */
struct quicd_connection_view {
	uint32_t generation;
	uint32_t state;		   /* enum quicd_connection_state */
	uint8_t connection_id[16]; /* random, stable, for logs; never on the wire */
	uint32_t alpn; /* index in the configured list, or in the list of a client's profile */
	uint32_t app;		   /* app thread that owns it */
	uint8_t peer_ip[16];	   /* IPv4 in the first 4 bytes */
	uint8_t local_ip[16];
	uint16_t peer_port;
	uint16_t local_port;
	uint8_t family; /* 4 or 6 */
	uint8_t flags; /* enum quicd_connection_flag */
	uint16_t reason_bytes;
	uint32_t close_flags; /* enum quicd_close_flag */
	uint32_t datagram_max_bytes; /* that fit a packet now; 0: the peer takes none */
	uint64_t close_code;
	uint32_t round_trip_us;
	uint32_t rebindings; /* of the peer's address, since the start */
	uint64_t received_bytes;
	uint64_t sent_bytes;
	uint64_t received_packets;
	uint64_t sent_packets;
	uint64_t lost_packets;
	uint64_t dropped_datagrams; /* received ones, oldest first, when the queue was full */
	uint8_t server_name[64];    /* SNI, cut */
	uint8_t reason[64];	    /* of the close, cut */
	/* As of |refreshed_us| after the connection began, like the three numbers above them. */
	uint64_t refreshed_us;
	uint32_t minimum_round_trip_us; /* RFC 9002 §5.2; 0: none measured */
	uint32_t round_trip_variation_us;
	uint32_t path_mtu_bytes;
	uint32_t paths;
	uint32_t streams; /* open */
	uint32_t probe_timeouts; /* RFC 9002 §6.2 */
	uint64_t congestion_window_bytes;
	uint64_t in_flight_bytes;
	uint64_t delivery_rate; /* bytes per second, estimated */
	uint64_t lost_bytes;
	uint64_t retransmitted_packets;
	uint64_t retransmitted_bytes; /* of streams */
	uint64_t queued_bytes;	      /* written by the application, not sent */
	uint64_t datagrams_received;
	uint64_t datagrams_sent; /* DATAGRAM frames, RFC 9221 */
	uint64_t datagrams_lost;
	uint64_t acknowledged_bytes;
	uint64_t key_updates; /* of the 1-RTT keys, whoever initiated them (RFC 9001 §6) */
	uint64_t ecn_state; /* enum qd_ecn, of the path in use (RFC 9000 §A.4) */
	uint64_t ecn_sent;  /* packets marked ECT(0) */
	uint64_t ecn_ce;    /* of them, as the peer counts: marked by the network */
};

/* Per app thread. */
struct quicd_app_view {
	uint32_t signals;  /* SIGINT, SIGTERM seen so far (repeats within 1 s count once); atomic */
	uint32_t stopping; /* 1 from the first of them, or from stop(); atomic */
	uint32_t misuses;  /* commands and releases refused as QUICD_REFUSED_INVALID */
	uint32_t doorbells; /* rung so far */
	uint32_t command_ring_full; /* reserve answered "full" */
	uint32_t slab_empty; /* take answered "none" */
	uint32_t reserved[10];
};

/*
 * Counters of one worker, by stage; written by the worker only. What each has to do with the others
 * stands in src/telemetry/counter_relations.ts, and is held against real traffic by a test.
 */
struct quicd_counters {
	/* receive */
	uint64_t receive_calls;	    /* completions of the kernel that carried data */
	uint64_t receive_datagrams; /* after a GRO train is split */
	uint64_t receive_bytes;
	uint64_t receive_errors; /* of the kernel's */
	uint64_t receive_truncated;	  /* MSG_TRUNC: dropped */
	uint64_t receive_control_truncated; /* MSG_CTRUNC */
	uint64_t receive_malformed;	  /* no QUIC header in it */
	/* short header, CID not ours; of a client and at a preferred address: any such */
	uint64_t receive_unknown;
	uint64_t receive_forwarded;	  /* another worker's: given to it */
	uint64_t receive_forward_full;	  /* another worker's: dropped, its ring was full */
	/* Initials of live connections at the wrong worker, beyond what is forwarded */
	uint64_t receive_forward_limited;
	uint64_t receive_short_initial;	  /* Initial below 1200 bytes (RFC 9000 §14.1) */
	uint64_t receive_refused;	  /* no room for a connection: dropped */
	uint64_t receive_retried;	  /* answered with Retry (RFC 9000 §8.1.2) */
	/* answered with Version Negotiation, or dropped by its rate limit */
	uint64_t receive_version;
	uint64_t receive_pool_empty;	  /* multishot receive ended for lack of buffers */
	uint64_t forward_received;	  /* came from other workers, beside receive_datagrams */
	uint64_t forward_unknown; /* of them: for no connection (any more): dropped */
	uint64_t forward_wait_ns; /* sum of their times in the rings */
	uint64_t receive_ecn_ect0; /* trains by ECN field (RFC 3168); the rest had none */
	uint64_t receive_ecn_ect1;
	uint64_t receive_ecn_ce;
	uint64_t socket_drops; /* gauge: lost since the start, the socket's buffer was full */
	uint64_t connection_datagrams;	  /* given to a connection */
	uint64_t connection_rejected;	  /* of them: refused (decryption, frames) */
	/* accept */
	uint64_t accepted;
	uint64_t established;
	uint64_t closed;
	uint64_t handshake_timeouts;
	uint64_t resumed; /* of those established: from a session ticket (RFC 8446 §2.2) */
	/* of those accepted: took 0-RTT; of connects: could send some (RFC 9001 §4.6) */
	uint64_t early;
	uint64_t early_held; /* ... and others whose 0-RTT waits: seen before, or no memory left */
	uint64_t live_connections; /* gauge */
	uint64_t half_open;	   /* gauge: of them, handshake never complete */
	uint64_t retries;	   /* Retry packets sent, RFC 9000 §8.1.2 */
	uint64_t tokens_valid;	   /* Initials with a token of a Retry: made a connection */
	uint64_t tokens_invalid;   /* ... were told INVALID_TOKEN */
	uint64_t new_tokens; /* given to clients for next time (RFC 9000 §8.1.3) */
	uint64_t new_tokens_valid;   /* Initials with one: no Retry, no limit of three times */
	uint64_t new_tokens_refused; /* ... too old, used, or from elsewhere: as if without */
	uint64_t load_prefix; /* of receive_retried: for their network's sake */
	uint64_t load_rate;   /* ... for the handshakes a second */
	uint64_t refused_prefix;     /* of receive_refused: too many of one network */
	uint64_t live_streams;	   /* gauge */
	uint64_t rebindings;
	/* rings */
	uint64_t events;
	uint64_t event_ring_full; /* an event had to wait */
	uint64_t commands;
	uint64_t commands_stale;   /* for a connection or stream that is gone */
	uint64_t commands_invalid; /* index or length out of range */
	uint64_t chunks_live;	   /* gauge: buffers of this worker's slab in use */
	uint64_t slab_empty;	   /* reading had to wait for a buffer */
	uint64_t datagrams_dropped; /* RFC 9221, receive queue full: the oldest ones */
	uint64_t datagrams_send_dropped; /* RFC 9221, send queue full: the oldest ones */
	/* send */
	uint64_t send_calls; /* sendmsg */
	uint64_t send_datagrams;
	uint64_t send_bytes;
	uint64_t send_errors;
	uint64_t send_pool_empty;
	uint64_t send_resets; /* RFC 9000 §10.3: for connections that are no more */
	uint64_t send_copied_bytes;    /* stream bytes copied into quiche */
	uint64_t send_referenced_bytes; /* stream bytes lent to quiche */
	uint64_t receive_copied_bytes; /* stream bytes copied into chunks */
	/* loop */
	uint64_t turns;
	uint64_t waits;	    /* io_uring_enter or epoll_wait that could block */
	uint64_t system_calls; /* every one this worker made, waits included */
	uint64_t kicks;	    /* wake-ups by an app thread */
	uint64_t doorbells; /* app threads woken */
	uint64_t timeouts;
	uint64_t failures; /* times the worker lost its socket or ring and started again */
	uint64_t panics; /* caught in quiche's glue: the connection was dropped */
	/* client */
	uint64_t connects; /* begun; beside accepted */
	uint64_t connects_refused;
	uint64_t sessions; /* given to applications */
	uint64_t sessions_dropped; /* larger than a buffer */
	uint64_t resets_received; /* of receive_unknown: ended a connection (RFC 9000 §10.3) */
	uint64_t preferred_moves; /* to a server's preferred address (RFC 9000 §9.6) */
	uint64_t preferred_refused; /* nobody should be sent there (RFC 9000 §21.5.6) */
	/* logs */
	uint64_t qlogs;		 /* begun */
	uint64_t qlogs_unwanted; /* of them: deleted, another protocol than the filter's */
	uint64_t qlogs_refused;	 /* not begun: the directory's budget is used up */
	uint64_t qlog_failures;	 /* of the file system, at the beginning or in the midst */
	uint64_t gso_refused;	/* trains that a device refused; none are made after that */
	uint64_t opens_waiting; /* gauge: streams asked for beyond the peer's limit */
	uint64_t paced;		/* times a connection had to wait for its pacer */
	/* memory.h */
	uint64_t memory_bytes;	 /* gauge: held for connections */
	uint64_t memory_refused; /* of receive_refused: no memory for one more */
	uint64_t memory_paused;	 /* reading waited for the application to give chunks back */
	uint64_t receive_dead; /* for a connection that failed in the same turn: dropped */
	uint64_t accepted_refused; /* of those accepted: only to be told CONNECTION_REFUSED */
};

/*
 * What a connection waits for (native/why.c). In the order in which one is taken for the verdict
 * when several hold: what is out of the ordinary first. RFC 9000 unless said otherwise.
 */
enum quicd_cause {
	QUICD_CAUSE_CLOSING = 0,	/* it ends, §10.2 */
	QUICD_CAUSE_AMPLIFICATION = 1,	/* the peer has not proved its address, §8.1 */
	QUICD_CAUSE_HANDSHAKE = 2,	/* the peer's next handshake packets */
	QUICD_CAUSE_PEER_WINDOW = 3,	/* the peer's MAX_DATA, §4.1 */
	QUICD_CAUSE_PEER_STREAM_WINDOW = 4, /* the peer's MAX_STREAM_DATA of some streams, §4.1 */
	QUICD_CAUSE_RING = 5, /* the event ring is full: the app thread takes nothing out of it */
	QUICD_CAUSE_EVENTS = 6, /* the application has not taken as many events as it may have */
	QUICD_CAUSE_CHUNKS = 7, /* it has not read or released as many chunks of a stream */
	QUICD_CAUSE_SLAB = 8,	/* no buffer is left for what was received */
	QUICD_CAUSE_SEND_BUFFERS = 9, /* the kernel has all send buffers */
	QUICD_CAUSE_CONGESTION = 10,  /* the congestion window is full, RFC 9002 §7 */
	QUICD_CAUSE_PACING = 11,      /* the time of the next packet, RFC 9002 §7.7 */
	QUICD_CAUSE_SENDING = 12,     /* nothing: it is about to send */
	QUICD_CAUSE_UNREAD = 13, /* the application has not looked at the newest events yet */
	QUICD_CAUSE_ANSWER = 14, /* peers have finished streams, the application has not */
	QUICD_CAUSE_ACKNOWLEDGEMENT = 15, /* all is sent and on its way, §13.2 */
	QUICD_CAUSE_IDLE = 16,		  /* nothing to send, nothing to read */
	QUICD_CAUSE_COUNT = 17,
};

#define QUICD_WHY_STREAMS 8  /* of a connection that are told by name */
#define QUICD_WHY_ANSWERS 64 /* of one request */

/*
 * What a worker says of a connection on request, and the numbers that the causes follow from.
 * QUICD_WHY_STREAMS of struct quicd_why_stream follow it. Bytes and microseconds; UINT64_MAX where
 * nothing bounds.
 */
struct quicd_why {
	uint64_t connection;
	uint64_t generation;
	uint64_t state; /* enum quicd_connection_state */
	uint64_t cause; /* enum quicd_cause: the verdict */
	uint64_t causes; /* bit n: enum quicd_cause n holds */
	uint64_t client; /* 1: we opened it */
	uint64_t connection_id_head; /* 8 bytes of it as they stand, and the other 8 */
	uint64_t connection_id_tail;
	uint64_t age_us;
	uint64_t received_us; /* since the last datagram came; UINT64_MAX: none yet */
	uint64_t sent_us;     /* since the last one left */
	uint64_t timer_us;    /* until the next timer; UINT64_MAX: none */
	uint64_t round_trip_us;
	uint64_t congestion_window_bytes;
	uint64_t in_flight_bytes;
	uint64_t congestion_left_bytes;
	uint64_t amplification_left_bytes;
	uint64_t peer_data_left_bytes;
	uint64_t pacing_us;    /* until the next packet may leave; 0: now */
	uint64_t queued_bytes; /* written by the application, not taken by quiche */
	uint64_t unsent_bytes; /* taken by quiche, not sent */
	uint64_t datagrams_unsent;
	uint64_t packet_bytes; /* of a full packet on this path */
	uint64_t streams;
	uint64_t streams_queued;     /* have something to send */
	uint64_t streams_blocked;    /* of them: the peer's window is full */
	uint64_t streams_paused;     /* have all the chunks that they may have */
	uint64_t streams_unanswered; /* the peer has finished, the application has not */
	uint64_t streams_readable;   /* have something that is not delivered */
	uint64_t delivery_waits; /* 1: an event waits for room in the ring or for a buffer */
	uint64_t events_out; /* of this connection, not taken by the application */
	uint64_t events_max;
	uint64_t chunks_out; /* not released by the application */
	uint64_t stream_chunks_max;
	uint64_t ring_room;
	uint64_t ring_capacity;
	uint64_t buffers_free; /* of the worker's, for what is received */
	uint64_t send_buffer;  /* 1: the worker has one */
	uint64_t stream_count; /* of the following that are filled */
};

/* One of its streams that waits for something, or has something waiting; behind it. */
struct quicd_why_stream {
	uint64_t stream_id;
	uint64_t queued_bytes; /* written by the application, not taken by quiche */
	uint64_t window_bytes; /* what the peer still takes; UINT64_MAX: unknown */
	uint64_t chunks;       /* not released by the application */
};
