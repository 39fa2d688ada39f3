/* chunk.c - see chunk.h. */
#include "chunk.h"
#include <assert.h>
#include "connection.h"
#include "memory.h"
#include "stream.h"
#include "worker.h"

uint32_t quicd_chunk_take(struct quicd_connection *connection, size_t bytes)
{
	struct quicd_worker *worker = connection->worker;
	struct quicd_slab *slab = &worker->slab;
	if (!quicd_memory_may_read(connection)) {
		worker->counters->memory_paused++;
		return QUICD_NONE;
	}
	enum quicd_buffer_class class =
		bytes > QUICD_SMALL_BUFFER_BYTES ? QUICD_BUFFER_LARGE : QUICD_BUFFER_SMALL;
	if (slab->free_count[class] == 0)
		class = class == QUICD_BUFFER_LARGE ? QUICD_BUFFER_SMALL : QUICD_BUFFER_LARGE;
	if (connection->chunks_out > slab->free_count[class]) {
		worker->counters->slab_empty++;
		return QUICD_NONE;
	}
	const uint32_t index = quicd_slab_take(slab, class);
	if (index == QUICD_NONE)
		worker->counters->slab_empty++;
	else
		worker->counters->chunks_live++;
	return index;
}

void quicd_chunk_give_back(struct quicd_worker *worker, uint32_t index)
{
	/*
	 * Never shown to anyone: straight through the return list, collected in this thread's
	 * next turn.
	 */
	worker->slab.buffers[index].connection = QUICD_NONE;
	quicd_slab_release(&worker->slab, index);
}

void quicd_chunk_lease(struct quicd_connection *connection, uint32_t index,
		       const struct quicd_stream *stream)
{
	struct quicd_buffer *buffer = &connection->worker->slab.buffers[index];
	buffer->leases = 1;
	buffer->lease_app = connection->app;
	buffer->connection = connection->index;
	buffer->connection_generation = connection->generation;
	buffer->stream = stream ? stream->index : QUICD_NONE;
	buffer->stream_generation = stream ? stream->generation : 0;
	connection->chunks_out++;
	const uint32_t bytes = quicd_slab_buffer_bytes(&connection->worker->slab, index);
	connection->chunk_bytes += bytes;
	connection->worker->chunk_bytes += bytes;
}

void quicd_chunk_returned(struct quicd_worker *worker, uint32_t index)
{
	const struct quicd_buffer *buffer = &worker->slab.buffers[index];
	worker->counters->chunks_live--;
	if (buffer->connection == QUICD_NONE)
		return;
	const uint32_t bytes = quicd_slab_buffer_bytes(&worker->slab, index);
	worker->chunk_bytes -= bytes;
	struct quicd_connection *connection =
		quicd_connection_of(worker, buffer->connection, buffer->connection_generation);
	if (!connection)
		return;
	assert(connection->chunks_out > 0);
	connection->chunks_out--;
	connection->chunk_bytes -= bytes;
	if (buffer->stream == QUICD_NONE)
		return;
	struct quicd_stream *stream =
		quicd_stream_of_command(connection, buffer->stream, buffer->stream_generation);
	if (!stream)
		return;
	assert(stream->chunks_out > 0);
	stream->chunks_out--;
	/* Resume at half, so that a slow reader costs no turn per chunk. */
	if (stream->receive_paused &&
	    stream->chunks_out <= worker->engine->options.stream_chunks / 2) {
		stream->receive_paused = false;
		worker->paused_streams--;
		if (!stream->receive_done)
			quicd_list_append(&connection->readable, &stream->readable);
		quicd_list_append(&worker->blocked, &connection->blocked);
	}
}
