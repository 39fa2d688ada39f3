/*
 * event.h - putting events into an app thread's ring within the bounds: an eighth of the ring for
 * one connection, a reserve for lifecycle events. "No room" is a value; the caller keeps what it
 * wanted to say.
 */
#pragma once
#include <stdbool.h>
#include "abi.h"
#include "connection.h"
#include "stream.h"
#include "worker.h"

/* Room for one more event of this connection? */
bool quicd_event_room(struct quicd_connection *connection, bool lifecycle);
/* Fills in the connection's numbers and publishes; only after quicd_event_room said yes. */
void quicd_event_emit(struct quicd_connection *connection, struct quicd_event *event);
/* About no connection. False when the ring is full. */
bool quicd_event_emit_to(struct quicd_worker *worker, uint32_t app,
			 const struct quicd_event *event);
/* Fills in the stream's numbers; OPENED goes with the first event of a peer's stream. */
void quicd_event_of_stream(struct quicd_event *event, struct quicd_stream *stream);
/* Takes consumed events off their connections' counts. True if any were consumed. */
bool quicd_events_walk(struct quicd_worker *worker, struct quicd_link *link);
/* Is an app thread parked that got events since it was last woken? Forgets the others. */
bool quicd_events_would_ring(struct quicd_worker *worker);
/* Wakes the app threads that got events in this turn. */
void quicd_events_wake(struct quicd_worker *worker);
