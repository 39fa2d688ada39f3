/*
 * open.h - streams that the application asks for. Beyond what the peer allows they wait, oldest
 * first and each kind for itself (RFC 9000 §4.6), until MAX_STREAMS lets them go, the connection
 * ends, or the queue is full.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct quicd_connection;

/* OPEN: answered by STREAM_OPENED or OPEN_REFUSED, now or later. */
void quicd_open_stream(struct quicd_connection *connection, bool unidirectional,
		       uint32_t request_id);
/* MAX_STREAMS may have come. */
void quicd_open_waiting(struct quicd_connection *connection);
