/*
 * stream.h - a stream as its worker keeps it, in a table of slots with generations. quiche owns the
 * protocol; here are the order of what is to be sent, the bounds of what is to be read, and what
 * the application has still to be told.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "list.h"
#include "segment.h"

struct quicd_worker;
struct quicd_connection;

/* Events that wait for ring room, emitted in this order. */
enum quicd_stream_pending {
	QUICD_STREAM_PENDING_OPENED = 1,
	QUICD_STREAM_PENDING_RESET = 2,
	QUICD_STREAM_PENDING_STOPPED = 4,
	QUICD_STREAM_PENDING_WRITABLE = 8,
};

struct quicd_stream {
	uint64_t id;
	uint32_t index;
	uint32_t generation;
	uint32_t connection; /* slot */
	uint32_t bucket_next; /* index + 1; also of the free list */
	uint32_t pending;     /* enum quicd_stream_pending */
	uint32_t request_id;  /* of OPEN */
	uint64_t reset_code;
	uint64_t stopped_code;
	struct quicd_node all;	    /* of the connection's streams */
	/* of those with something to read, or to end; or of those that linger */
	struct quicd_node readable;
	struct quicd_node sendable; /* of those that quiche may take bytes of */
	struct quicd_node telling;  /* of those with pending events */
	/* Receive side. */
	uint32_t chunks_out; /* chunks the application has or will have */
	bool receive_done;   /* FIN or reset delivered, or stopped by us */
	/*
	 * the slot stays until the peer ended its side: else its last frames would look like a
	 * new stream
	 */
	bool stopped_by_us;
	bool receive_paused; /* at its bound of chunks: resumes when one comes back */
	bool announced;	     /* the application knows the stream */
	bool early;	     /* opened before the handshake was complete */
	/* Send side. */
	struct quicd_segment *head, *tail;
	uint32_t queued_bytes;
	uint32_t written_bytes; /* by the application, modulo 2^32 */
	uint32_t left_bytes;	/* of them, what waits no longer, modulo 2^32 */
	uint32_t credit_limit;	/* as published */
	uint64_t taken_bytes;	/* by quiche: from here on it is queued */
	uint64_t reset_at;	/* once resetting: how much is delivered before it */
	uint64_t reset_at_code;
	bool resetting; /* when quiche has taken all up to reset_at */
	bool fin_queued;
	bool send_done; /* FIN taken by quiche, reset, or stopped by the peer */
};

static inline bool quicd_stream_is_unidirectional(uint64_t id)
{
	return id & 2; /* RFC 9000 §2.1 */
}

/* Did we open it? */
bool quicd_stream_is_local(const struct quicd_connection *connection, uint64_t id);
bool quicd_streams_create(struct quicd_worker *worker, uint32_t capacity);
void quicd_streams_destroy(struct quicd_worker *worker);
/* NULL when the table is full: a value, try later. */
struct quicd_stream *quicd_stream_new(struct quicd_connection *connection, uint64_t id);
struct quicd_stream *quicd_stream_find(struct quicd_connection *connection, uint64_t id);
/* By a command's numbers; NULL if the stream is gone or is another connection's. */
struct quicd_stream *quicd_stream_of_command(struct quicd_connection *connection, uint32_t index,
					     uint32_t generation);
/*
 * Streams that we stopped and whose peer has not ended its side yet: quiche does not say when it
 * does, so some are looked at when packets came.
 */
void quicd_streams_settle_lingering(struct quicd_connection *connection);
/* Both sides done and everything told: frees the slot. */
void quicd_stream_settle(struct quicd_stream *stream, struct quicd_connection *connection);
void quicd_stream_free(struct quicd_stream *stream, struct quicd_connection *connection);

/* stream_read.c */

/*
 * Moves what quiche has into chunks and events, until it is drained or a bound is met. False:
 * the connection waits for ring room or chunks.
 */
bool quicd_streams_read(struct quicd_connection *connection);
/* Collects the streams that quiche calls readable. */
void quicd_streams_note_readable(struct quicd_connection *connection);
/* STOP_SENDING, and what is buffered is dropped. */
void quicd_stream_stop(struct quicd_stream *stream, struct quicd_connection *connection,
		       uint64_t error_code);

/* stream_send.c */

/* Queues the segment behind what is there. */
void quicd_stream_queue(struct quicd_stream *stream, struct quicd_connection *connection,
			struct quicd_segment *segment);
/* Gives quiche what it takes of every sendable stream. */
void quicd_streams_pump(struct quicd_connection *connection);
/* Collects the streams that quiche calls writable again. */
void quicd_streams_note_writable(struct quicd_connection *connection);
void quicd_stream_reset(struct quicd_stream *stream, struct quicd_connection *connection,
			uint64_t error_code, uint64_t reliable_bytes);
void quicd_stream_drop_queue(struct quicd_stream *stream, struct quicd_connection *connection);
