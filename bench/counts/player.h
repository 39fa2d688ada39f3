/*
 * player.h - one app thread in C, of a client or of a server: does one kind of operation, a stated
 * number of times, through the same calls that JavaScript makes (quicd.h). A server serves all
 * kinds: the first byte of a stream says which.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"
#include "engine.h"
#include "options.h"

/* Streams of one worker at a time. */
#define PLAYER_FLOWS 4096
#define PLAYER_SESSION_BYTES 4096
#define PLAYER_REQUEST_BYTES 60
#define PLAYER_ANSWER_BYTES 13
#define PLAYER_ECHO_BYTES 16384
#define PLAYER_DATAGRAM_BYTES 1000

enum player_kind {
	PLAYER_REQUEST,	 /* PLAYER_REQUEST_BYTES there, PLAYER_ANSWER_BYTES back */
	PLAYER_DOWNLOAD, /* |bytes| back */
	PLAYER_UPLOAD,	 /* |bytes| there */
	PLAYER_ECHO,	 /* PLAYER_ECHO_BYTES there, the same chunks back by reference */
	PLAYER_DATAGRAM, /* PLAYER_DATAGRAM_BYTES there and back (RFC 9221) */
};

/* A stream, by its slot. */
struct player_flow {
	uint32_t slot, generation;
	uint32_t connection, connection_generation;
	uint64_t left; /* to be written, the last of them with FIN */
	uint32_t used; /* of the credit, modulo 2^32 */
	uint8_t kind;  /* first byte of the stream; 0: not seen yet */
	uint8_t head[8];
	uint32_t head_bytes;
};

struct player {
	struct quicd_engine *engine;
	uint32_t handle, head, profile, requests;
	bool client, kick;
	bool no_room; /* ring or slab is full: the bell rings when there is some */
	/* The client's connection, and what happened to it. */
	uint32_t connection, connection_generation;
	uint64_t connected, closed, sessions;
	uint8_t session[PLAYER_SESSION_BYTES];
	uint32_t session_bytes;
	/* What the client does. */
	enum player_kind kind;
	uint64_t bytes;
	uint32_t at_once, left, in_flight;
	uint64_t done, received_bytes;
	struct player_flow flows[PLAYER_FLOWS];
};

/* As a server and a client are configured by default (src/config/schema.ts), one worker each. */
struct quicd_options player_options(bool client);
void player_attach(struct player *player, struct quicd_engine *engine, bool client,
		   void (*bell)(void *context), void *context);
/* Takes all events, acts, kicks. True: parked, the bell will ring. */
bool player_run(struct player *player);
/* Client: |session| from an earlier connection, or none. */
void player_connect(struct player *player, const uint8_t ip[4], uint16_t port, bool resume);
void player_close(struct player *player);
/* Client: |count| operations, |at_once| of them under way. */
void player_begin(struct player *player, enum player_kind kind, uint32_t count, uint32_t at_once,
		  uint64_t bytes);
