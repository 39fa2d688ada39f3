/* receive.h - see receive.c. */
#pragma once
#include <stdint.h>
#include "quiche/quicd_quiche.h"

struct quicd_worker;
struct quicd_forwarded;

/* Every train of net.received: to its connections, then back to the pool. */
void quicd_receive_all(struct quicd_worker *worker);
/* One that another worker received; |bytes| is overwritten. */
void quicd_receive_forwarded(struct quicd_worker *worker, const struct quicd_forwarded *datagram,
			     uint8_t *bytes);
