/* leave.h - taking back what a vanished app thread held. */
#pragma once
struct quicd_worker;
/*
 * For every app thread that left since the last look: closes its connections, runs out its
 * commands, ends its leases.
 */
void quicd_leave_check(struct quicd_worker *worker);
/* Closes every connection at once: CONNECTION_CLOSE is sent once, nobody is told. */
void quicd_close_all(struct quicd_worker *worker, unsigned long long error_code);
