/*
 * steer.h - what the steering program (steer.bpf.c) and the server (native/steer.c) share: how a
 * packet is read, and the memory through which they talk. The reading is plain C, so it is tested
 * and fuzzed on the host.
 *
 * A program cannot tell a replayed connection ID from a client's second flight, and a client
 * chooses the one of its first: so Initial and 0-RTT packets always go by the kernel's hash of
 * addresses, which no one can aim (RFC 9000 §21.13). All others carry an ID that a worker drew.
 */
#pragma once
#include "cid.h"

/* First octet, version, length of the DCID, DCID: RFC 9000 §17.2. A short header is less. */
#define QUICD_STEER_HEAD_BYTES 25
#define QUICD_STEER_SHORT_BYTES 20

/* The program's maps: arrays but for the first, and all but that are mapped or read-only. */
enum quicd_steer_map {
	QUICD_STEER_MAP_SOCKETS = 0,  /* BPF_MAP_TYPE_REUSEPORT_SOCKARRAY */
	QUICD_STEER_MAP_STATE = 1,    /* one struct quicd_steer_state */
	/* struct quicd_steer_counters by CPU, not interrupted by itself */
	QUICD_STEER_MAP_COUNTERS = 2,
	QUICD_STEER_MAP_SETTINGS = 3, /* one struct quicd_steer_settings, read in place */
	QUICD_STEER_MAPS = 4,
};

/* Slots of the socket table: generation * QUICD_STEER_WORKERS + worker. */
#define QUICD_STEER_GENERATIONS 256
#define QUICD_STEER_WORKERS 64

/* Which counter a packet belongs to. */
enum quicd_steer_class {
	QUICD_STEER_DECODED = 0, /* to the worker that the CID names */
	QUICD_STEER_HASHED = 1,	 /* Initial, 0-RTT, other versions: by the hash */
	QUICD_STEER_FOREIGN = 2, /* a CID that is not ours: by the hash */
	QUICD_STEER_SHORT = 3,	 /* too short for a CID: by the hash */
	QUICD_STEER_MISS = 4,	 /* ours, but that worker has no socket: by the hash */
	QUICD_STEER_CLASSES = 8, /* a cache line for each CPU */
};

/* What the program does with a packet whose CID it could read; the last three are for measuring. */
enum quicd_steer_mode {
	QUICD_STEER_OWNER = 0,
	QUICD_STEER_WRONG = 1,	/* the worker after the owner */
	QUICD_STEER_SINGLE = 2, /* worker 0, Initials too */
	QUICD_STEER_RANDOM = 3, /* any */
};

/* Read-only data of the program, written before it is loaded. */
struct quicd_steer_settings {
	struct quicd_cid_keys cid;
	unsigned int mode; /* enum quicd_steer_mode */
};

/* The one entry of the map "state": written by the server at any time, read by the program. */
struct quicd_steer_state {
	unsigned int working_generation; /* takes new connections */
	unsigned int workers;		 /* of it */
};

/* An entry of the map "counters", one for each CPU. */
struct quicd_steer_counters {
	quicd_u64 packets[QUICD_STEER_CLASSES]; /* by enum quicd_steer_class; trains count once */
};

/* Keeps both branches' pointers constants of the stack, see count() in steer.bpf.c. */
#ifdef __BPF__
#define QUICD_OPAQUE(pointer) __asm__ volatile("" : "+r"(pointer))
#else
#define QUICD_OPAQUE(pointer) (void)(pointer)
#endif

/* One of our CIDs that names a place in the socket table. */
QUICD_INLINE enum quicd_steer_class quicd_steer_open(const struct quicd_cid_keys *keys,
						     const unsigned char *cid,
						     struct quicd_cid_route *route)
{
	struct quicd_cid_route found;
	QUICD_OPAQUE(cid);
	if (!quicd_cid_open(keys, cid, &found) || found.worker >= QUICD_STEER_WORKERS)
		return QUICD_STEER_FOREIGN;
	*route = found;
	return QUICD_STEER_DECODED;
}

/* Of a long header, in version 1 (RFC 9000 §17.2) or 2 (RFC 9369 §3.2): five octets. */
QUICD_INLINE int quicd_steer_is_handshake(const unsigned char *head)
{
	const unsigned int version = (unsigned int)head[1] << 24 | (unsigned int)head[2] << 16 |
				     (unsigned int)head[3] << 8 | head[4];
	const unsigned int type = head[0] & 0x30;
	return (version == 1 && type == 0x20) || (version == 0x6b3343cf && type == 0x30);
}

/*
 * |head| holds the first |bytes| octets of a UDP payload; none beyond them is read. Any number from
 * QUICD_STEER_HEAD_BYTES on says the same, and so does any from QUICD_STEER_SHORT_BYTES up to that.
 * |route| is filled for QUICD_STEER_DECODED, the only answer that names a worker.
 */
QUICD_INLINE enum quicd_steer_class quicd_steer_read(const struct quicd_cid_keys *keys,
						     const unsigned char *head, unsigned int bytes,
						     struct quicd_cid_route *route)
{
	if (bytes < QUICD_STEER_SHORT_BYTES)
		return QUICD_STEER_SHORT;
	if (!(head[0] & 0x80))
		return quicd_steer_open(keys, head + 1, route);
	/* Of the versions that are served, only Handshake packets have an ID of ours. */
	if (!quicd_steer_is_handshake(head))
		return QUICD_STEER_HASHED;
	if (bytes < QUICD_STEER_HEAD_BYTES)
		return QUICD_STEER_SHORT;
	if (head[5] != QUICD_CID_BYTES)
		return QUICD_STEER_FOREIGN;
	return quicd_steer_open(keys, head + 6, route);
}
