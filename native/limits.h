/*
 * limits.h - every fixed size of the native core, with its unit and the sum it follows from.
 */
#pragma once
#include <assert.h>
#include "abi.h"

#define QUICD_WORKERS_MAX 64
#define QUICD_APPS_MAX 64
#define QUICD_ENGINES_MAX 16
#define QUICD_SLABS_MAX (QUICD_WORKERS_MAX + QUICD_APPS_MAX)

/* App handles are engine * QUICD_APPS_MAX + app. */
#define QUICD_APP_HANDLES_MAX (QUICD_ENGINES_MAX * QUICD_APPS_MAX)

/*
 * A UDP_GRO train carries at most 65,507 bytes of payload; the kernel puts struct
 * io_uring_recvmsg_out (16), the peer's name (sockaddr_in6, 28) and the control messages (256)
 * before it.
 */
#define QUICD_TRAIN_BYTES_MAX 65507
#define QUICD_RECEIVE_NAME_BYTES 32
#define QUICD_RECEIVE_CONTROL_BYTES 256
#define QUICD_GRO_BUFFER_BYTES (68 * 1024)
#define QUICD_PLAIN_BUFFER_BYTES 2048
static_assert(16 + QUICD_RECEIVE_NAME_BYTES + QUICD_RECEIVE_CONTROL_BYTES + QUICD_TRAIN_BYTES_MAX <=
		      QUICD_GRO_BUFFER_BYTES,
	      "a whole train fits");
#define QUICD_RECEIVE_BUFFERS_MAX 32768 /* provided buffer ring, kernel limit */

/* UDP_SEGMENT takes at most 64 segments (UDP_MAX_SEGMENTS was 64 before Linux 6.9). */
#define QUICD_TRAIN_SEGMENTS_MAX 64
#define QUICD_SEND_BUFFERS 128
#define QUICD_SEND_BUFFER_BYTES 65536

/*
 * Slab of a worker: received data waiting for or held by applications. 8 MiB + 16 MiB, touched
 * only when used. JavaScript's collector counts the views of all slabs as its own memory and lets
 * that much garbage pile up in proportion: so no larger than they need to be.
 */
#define QUICD_WORKER_SMALL_BUFFERS 4096
#define QUICD_WORKER_LARGE_BUFFERS 1024
/* Slab of an app thread: data on its way to workers. 8 MiB + 32 MiB. */
#define QUICD_APP_SMALL_BUFFERS 4096
#define QUICD_APP_LARGE_BUFFERS 2048

/*
 * Entries of an event ring that only lifecycle events may use; so they are never behind data for
 * long.
 */
#define QUICD_RING_RESERVE 64
#define QUICD_EVENTS_PER_PEEK 256

/*
 * What one connection may have queued in the worker, in bytes; a stream's credit is cut to its
 * share of it.
 */
#define QUICD_CONNECTION_QUEUE_BYTES (4u << 20)
#define QUICD_STREAM_CREDIT_MAX (2u << 20)
#define QUICD_STREAM_CREDIT_MIN (64u << 10)
#define QUICD_STREAM_CREDIT_TIGHT (16u << 10)
/* Queued in one worker: above it new streams start with the tight credit. */
#define QUICD_WORKER_QUEUE_BYTES (64ull << 20)
/*
 * Slab memory that one worker may keep queued by reference, half an app thread's slab; above it,
 * and whenever less than a quarter of such a slab is free, the queue gets heap copies.
 */
#define QUICD_WORKER_QUEUE_SLAB_BYTES (20ull << 20)
/* By reference at most this much unacknowledged per connection; above it quiche gets copies. */
#define QUICD_REFERENCE_BYTES_MAX (1u << 20)
/* Below this a copy is cheaper than a pinned buffer. */
#define QUICD_REFERENCE_BYTES_MIN 1024

/*
 * Streams that an application has asked for and the peer does not allow yet: as many as a peer of
 * our own configuration allows at once (streams_bidi). 32 bytes each: 8 KiB per connection.
 */
#define QUICD_OPENS_WAITING_MAX 256

/*
 * CIDs of ours per connection: the limit given to the peer (at most 16), the handshake's and the
 * client's first one.
 */
#define QUICD_CIDS_PER_CONNECTION 18
/*
 * Of a connection ID where the socket already says whose a datagram is, a client's own: the 15
 * octets less are 1 % of all that comes. Not none: a client without could not go to another path
 * unlinked (RFC 9000 §9.5), and an observer that wants to help (Wireshark) would lose it there.
 */
#define QUICD_CID_BYTES_OWN_SOCKET 4

#define QUICD_DATAGRAM_BYTES_MIN 1200 /* RFC 9000 §14.1 */
#define QUICD_PORT_ANY 0

/* Announced to peers. ACKs are sent after four fifths of it, since timers may be late. */
#define QUICD_MAX_ACK_DELAY_MS 25
/*
 * The ACK of two packets and more may wait this long for an answer of the application to travel
 * with (RFC 9000 §13.2.2).
 */
#define QUICD_ACK_HOLD_NS 1000000ull
/*
 * ... but not when so much came since the last send: small requests wait, while a peer that uploads
 * never runs out of window, the first of which has ten full packets (RFC 9002 §7.2).
 */
#define QUICD_ACK_HOLD_BYTES (8 * QUICD_DATAGRAM_BYTES_MIN)
#define QUICD_ACK_HOLD_DATAGRAMS 32

/*
 * A connection that sends has its numbers in the view no older than this: seldom enough to cost
 * nothing that shows.
 */
#define QUICD_REFRESH_NS 50000000ull

/* A close that waits for acknowledgements waits at most this long for the next one. */
#define QUICD_GOODBYE_NS 2000000000ull
/*
 * ... and when all are there, until nothing was sent for so long: a client that acknowledged bytes
 * has them, but its application loses what it has not read when the connection closes.
 */
#define QUICD_GOODBYE_LINGER_NS 300000000ull

/*
 * A ring between two workers: 1 MiB, some 700 full datagrams, as long as all of them together stay
 * below 64 MiB (8 workers); then smaller. Touched only when used.
 */
#define QUICD_FORWARD_BYTES_MAX (1u << 20)
#define QUICD_FORWARD_BYTES_MIN (128u << 10)
#define QUICD_FORWARD_BYTES_ALL (64ull << 20)
/*
 * Initials that carry an ID of another worker: 1000 a second, and 100 at a time, to any one owner
 * from all others together.
 */
#define QUICD_FORWARD_INITIAL_NS 1000000ull
#define QUICD_FORWARD_INITIAL_BURST_NS 100000000ull

/*
 * Connections whose handshake is not complete, of those that a worker may have: from an eighth on
 * clients have to prove their address first (retry "under-load"), and whoever has not done so gets
 * none of the second half, so that an attacker with false addresses cannot take all places.
 */
#define QUICD_HALF_OPEN_RETRY_DIVISOR 8
#define QUICD_HALF_OPEN_MAX_DIVISOR 2
/*
 * The same for one network (prefix.h), so that it can't take the first eighth for itself: from a
 * 32nd of the connections on Retry, from an eighth on nothing. Behind a carrier's address
 * translation there may be some dozens of clients at once.
 */
#define QUICD_PREFIX_RETRY_DIVISOR 32
#define QUICD_PREFIX_RETRY_MIN 32
#define QUICD_PREFIX_MAX_DIVISOR 8
#define QUICD_PREFIX_MAX_MIN 64
/*
 * Handshakes that a worker does for unproved clients, a second, and how many it may have saved up:
 * one takes some 0.2 ms, so that a flood of them costs a fifth of a CPU.
 */
#define QUICD_HANDSHAKE_RATE 1000
#define QUICD_HANDSHAKE_BURST_NS 500000000ull

/*
 * ClientHellos with 0-RTT that a process remembers. TLS takes early data whose ticket is said to be
 * as old as it is, give or take 60 s: 120 s after the first time no copy passes, and clocks may
 * differ. 2^18 slots are 1700 connections a second for that long, and 2 MiB; beyond it early data
 * waits for the handshake.
 */
#define QUICD_HELLO_SECONDS 150
#define QUICD_HELLO_SLOTS (1u << 18)
/* Used tokens of NEW_TOKEN, for as long as they would be good: 2 MiB; beyond it they are none. */
#define QUICD_NEW_TOKEN_SECONDS (24 * 3600)
#define QUICD_SPENT_TOKEN_SLOTS (1u << 18)

#define QUICD_SIGNAL_REPEAT_NS 1000000000ull
