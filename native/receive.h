/* receive.h - see receive.c. */
#pragma once
#include <stdint.h>
#include "quiche/quicd_quiche.h"

struct quicd_worker;

/* Every train of net.received: to its connections, then back to the pool. */
void quicd_receive_all(struct quicd_worker *worker);
/* One datagram; |bytes| is overwritten. */
void quicd_receive_datagram(struct quicd_worker *worker, uint8_t *bytes, uint32_t length,
			    const struct qd_address *from, const struct qd_address *to);
