/*
 * admission.h - who may open a connection now: what a client that has not proved its address gets
 * (RFC 9000 §8.1), by the worker's load and its network's.
 */
#pragma once
#include <stdbool.h>
#include "quic_header.h"
#include "quiche/quicd_quiche.h"
#include "token.h"

struct quicd_worker;
struct quicd_connection;

enum quicd_admission {
	QUICD_ADMIT = 0,	   /* a connection, its address unproved */
	QUICD_ADMIT_AFTER_RETRY,   /* its address is proved by the token of a Retry */
	QUICD_ADMIT_KNOWN,	   /* its address is proved by the token of a NEW_TOKEN */
	QUICD_ADMIT_TO_BE_REFUSED, /* only to be told INVALID_TOKEN (RFC 9000 §8.1.2) */
	QUICD_ADMIT_ASK,	   /* a Retry */
	QUICD_ADMIT_NOT,	   /* nothing: dropped, and counted but for receive_refused */
};

/*
 * |token| is filled after a Retry. A client that proved its address meets none of the bounds. While
 * the server is |draining| nobody is asked for a Retry.
 */
enum quicd_admission quicd_admit(struct quicd_worker *worker,
				 const struct quicd_packet_header *header,
				 const struct qd_address *from, bool draining,
				 struct quicd_token *token);
/* Counts a half-open connection of an unproved address for its network, until it leaves. */
void quicd_admission_enter(struct quicd_connection *connection);
void quicd_admission_leave(struct quicd_connection *connection);
/* Once it is established: a token for the client's next connection, in |version| of QUIC. */
void quicd_admission_give_token(struct quicd_connection *connection, uint32_t version);
