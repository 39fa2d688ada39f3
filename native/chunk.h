/*
 * chunk.h - buffers of a worker's own slab on their way to an application: taken, leased, and
 * counted against stream and connection until they come back.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct quicd_worker;
struct quicd_connection;
struct quicd_stream;

/*
 * A buffer for |bytes| that wait, or QUICD_NONE. A connection may hold as many chunks as are left
 * free: so the last ones are always for those that hold few, and one that never reads cannot starve
 * the others.
 */
uint32_t quicd_chunk_take(struct quicd_connection *connection, size_t bytes);
/* From here the application holds one lease on it. |stream| is NULL for a datagram. */
void quicd_chunk_lease(struct quicd_connection *connection, uint32_t index,
		       const struct quicd_stream *stream);
/* Taken but never leased. */
void quicd_chunk_give_back(struct quicd_worker *worker, uint32_t index);
/*
 * It came back from whoever held it last: |index| is about to be free. Streams paused at their
 * bound resume.
 */
void quicd_chunk_returned(struct quicd_worker *worker, uint32_t index);
