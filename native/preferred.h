/*
 * preferred.h - a server's preferred address (RFC 9000 §9.6): it announces one for each address
 * family, and each worker listens there with a socket of its own (sockets.h), unless the main
 * socket is bound to any address and has the port. Clients go there by migrating (migrate.h).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "quiche/quicd_quiche.h"

struct quicd_connection;
struct quicd_engine;
struct quicd_worker;

/* At start: the worker's sockets. False with cause and remedy in |error|. */
bool quicd_preferred_open(struct quicd_worker *worker, char *error, size_t error_bytes);
/*
 * A connection that has just been accepted tells its client. Where no connection ID is free it
 * stays at the address it has.
 */
void quicd_preferred_announce(struct quicd_connection *connection);
/*
 * Whether a server takes new connections that come to |to|: not at an address that only a
 * connection has told of, and is its alone (RFC 9000 §9.6.2).
 */
bool quicd_preferred_takes_new(const struct quicd_worker *worker, const struct qd_address *to);
/*
 * Whether a client of a server at |peer| goes to |preferred|: to no address that could not be a
 * server's, and not from the network to the machine or the link itself (RFC 9000 §21.5.6). It does
 * go to private addresses, as §21.5.6 wants.
 */
bool quicd_preferred_may_go(const struct qd_address *preferred, const struct qd_address *peer);
