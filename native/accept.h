/*
 * accept.h - a datagram for no connection we know: a new connection, a stateless answer, or
 * nothing.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "quic_header.h"
#include "quiche/quicd_quiche.h"

struct quicd_worker;
struct quicd_connection;

/* The connection that takes the datagram, or NULL when it was answered or dropped (and counted). */
struct quicd_connection *quicd_accept(struct quicd_worker *worker,
				      const struct quicd_packet_header *header,
				      uint32_t datagram_bytes, const struct qd_address *from,
				      const struct qd_address *to);
/* Another app thread takes the connection on, if there is one; for one that none has heard of. */
bool quicd_accept_hand_over(struct quicd_connection *connection);
/*
 * After the first Initial was received: a close with the code in |refuse| instead of a
 * handshake.
 */
void quicd_accept_refuse(struct quicd_connection *connection);
