/*
 * tickets.h - the keys of TLS session tickets (RFC 8446 §4.6.1). From the secret and the time, so
 * that all workers, and all machines with one secret, agree without a word: epoch N has the key
 * HKDF(ticket secret, N). A worker seals with the present epoch's key and also opens what the last
 * epoch sealed, and the next one, whose machine's clock is ahead. Or from a file, as it is.
 */
#pragma once
#include <stdint.h>
#include "keys.h"

struct quicd_engine;
struct quicd_worker;

/*
 * How long a key seals, and how long a ticket may be used: one that was sealed last thing in an
 * epoch ends with the next one, whose key is then forgotten.
 */
#define QUICD_TICKET_EPOCH_S (12 * 3600)

/* The keys of an epoch: present, previous, next. */
void quicd_tickets_derive(const struct quicd_keys *keys, uint64_t epoch,
			  uint8_t out[3 * QD_TICKET_KEY_BYTES]);
/* Once a turn: a look at the clock every 100 ms, and the keys of a new epoch for the worker. */
void quicd_tickets_follow(struct quicd_worker *worker);
/* CLOCK_REALTIME in seconds, as other machines must agree on it. */
uint64_t quicd_wall_s(const struct quicd_engine *engine);
