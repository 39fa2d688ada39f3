/*
 * connect.h - opening connections, as the app threads of a client ask: one slot, one connection ID
 * of ours, a local address, and quiche's side of it.
 */
#pragma once
#include <stdint.h>
#include "abi.h"
#include "quiche/quicd_quiche.h"

struct quicd_worker;
struct quicd_link;

/*
 * Carries out CONNECT. |bytes| is the range that the command names, or NULL; JavaScript may write
 * to it meanwhile. Answers CONNECT_STARTED as the connection's first event, or CONNECT_REFUSED.
 */
void quicd_connect(struct quicd_worker *worker, const struct quicd_command *command,
		   const uint8_t *bytes, uint32_t app);
/*
 * The address that datagrams to |peer| leave from, with the shared socket's port. 0 or an errno.
 */
int quicd_connect_source(struct quicd_worker *worker, const struct qd_address *peer,
			 struct qd_address *local);
/* Refusals that met a full ring. */
void quicd_connect_tell_refusals(struct quicd_worker *worker, uint32_t app);
/* Drops them: nobody is there to be told. */
void quicd_connect_forget(struct quicd_link *link);
