/* memory.c - see memory.h. */
#include "memory.h"
#include "alloc.h"
#include "connection.h"
#include "worker.h"

uint64_t quicd_memory_held(const struct quicd_worker *worker)
{
	/* What was made on one thread and freed on another can make a thread's sum negative. */
	const int64_t heap = quicd_memory_of_thread();
	return (heap > 0 ? (uint64_t)heap : 0) + worker->chunk_bytes + worker->queued_slab_bytes;
}

uint64_t quicd_memory_held_by(const struct quicd_connection *connection)
{
	return connection->chunk_bytes + connection->queued_bytes + connection->referenced_bytes;
}

bool quicd_memory_is_ample(const struct quicd_worker *worker)
{
	const uint64_t budget = worker->engine->options.worker_memory_bytes;
	return budget == 0 || quicd_memory_held(worker) < budget - budget / 8;
}

bool quicd_memory_may_read(const struct quicd_connection *connection)
{
	const struct quicd_worker *worker = connection->worker;
	const struct quicd_options *o = &worker->engine->options;
	if (connection->chunk_bytes == 0)
		return true;
	if (o->connection_memory_bytes != 0 &&
	    quicd_memory_held_by(connection) >= o->connection_memory_bytes)
		return false;
	return o->worker_memory_bytes == 0 || quicd_memory_held(worker) < o->worker_memory_bytes;
}
