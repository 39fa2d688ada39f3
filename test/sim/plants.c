/*
 * plants.c - see plants.h. Each __wrap_ stands between the core and a function of another file of
 * it, and does that function's work wrongly now and then if its number was chosen.
 */
#include "plants.h"
#include "cid_map.h"
#include "connection.h"
#include "event.h"
#include "forward.h"
#include "stream.h"
#include "timer.h"
#include "worker.h"

static uint32_t chosen;
static uint32_t calls;

const struct plant plants[PLANTS + 1] = {
	[1] = {"FIN is forgotten after a partial write", 20},
	[2] = {"a chunk is released twice", 5},
	[3] = {"the tail of a partial write is forgotten", 20},
	[4] = {"a timer is not set again after it fired", 20},
	[5] = {"a forwarded datagram is lost and counted as received", 60},
	[6] = {"three times what came may be a hundred times", 100},
	[7] = {"a retired connection ID stays in the map", 20},
	[8] = {"a late command reaches the next connection of its slot", 100},
	[9] = {"a WRITABLE event is lost", 60},
	[10] = {"a datagram's buffer is retained once too often", 20},
	[11] = {"PATH_CHANGED is not told", 60},
	[12] = {"bytes count twice against a stream's credit", 20},
	[13] = {"a worker's wake-up is lost", 20},
	[14] = {"an application's doorbell is lost", 20},
};

void plants_choose(uint32_t number)
{
	chosen = number;
	calls = 0;
}

/* Every |period|-th time, if |number| is the one. */
static bool strikes(uint32_t number, uint32_t period)
{
	return chosen == number && ++calls % period == 0;
}

static struct qd_connection *partial_connection;
static uint64_t partial_stream;

static ssize_t note_partial(struct qd_connection *connection, uint64_t stream_id, size_t bytes,
			    ssize_t taken)
{
	if (chosen != 1 && chosen != 3)
		return taken;
	if (taken >= 0 && (size_t)taken < bytes) {
		partial_connection = connection;
		partial_stream = stream_id;
		if (chosen == 3 && taken > 0)
			return (ssize_t)bytes;
	}
	return taken;
}

static bool forgets_fin(struct qd_connection *connection, uint64_t stream_id)
{
	return chosen == 1 && connection == partial_connection && stream_id == partial_stream;
}

ssize_t __real_qd_stream_send_copy(struct qd_connection *connection, uint64_t stream_id,
				   const uint8_t *data, size_t bytes, bool fin,
				   uint64_t *error_code);
ssize_t __wrap_qd_stream_send_copy(struct qd_connection *connection, uint64_t stream_id,
				   const uint8_t *data, size_t bytes, bool fin,
				   uint64_t *error_code)
{
	fin = fin && !forgets_fin(connection, stream_id);
	return note_partial(connection, stream_id, bytes,
			    __real_qd_stream_send_copy(connection, stream_id, data, bytes, fin,
						       error_code));
}

ssize_t __real_qd_stream_send_ref(struct qd_connection *connection, uint64_t stream_id,
				  const uint8_t *data, size_t bytes, bool fin, void *owner,
				  uint32_t slab, uint32_t index, uint64_t *error_code);
ssize_t __wrap_qd_stream_send_ref(struct qd_connection *connection, uint64_t stream_id,
				  const uint8_t *data, size_t bytes, bool fin, void *owner,
				  uint32_t slab, uint32_t index, uint64_t *error_code)
{
	fin = fin && !forgets_fin(connection, stream_id);
	return note_partial(connection, stream_id, bytes,
			    __real_qd_stream_send_ref(connection, stream_id, data, bytes, fin,
						      owner, slab, index, error_code));
}

void __real_quicd_slab_release(struct quicd_slab *slab, uint32_t index);
void __wrap_quicd_slab_release(struct quicd_slab *slab, uint32_t index)
{
	__real_quicd_slab_release(slab, index);
	if (strikes(2, 50))
		__real_quicd_slab_release(slab, index);
}

static uint32_t popped = QUICD_NONE;
uint32_t __real_quicd_timers_pop(struct quicd_timers *timers, uint64_t now_ns);
uint32_t __wrap_quicd_timers_pop(struct quicd_timers *timers, uint64_t now_ns)
{
	const uint32_t connection = __real_quicd_timers_pop(timers, now_ns);
	if (connection != QUICD_NONE)
		popped = connection;
	return connection;
}

void __real_quicd_timers_set(struct quicd_timers *timers, uint32_t connection,
			     uint64_t deadline_ns);
void __wrap_quicd_timers_set(struct quicd_timers *timers, uint32_t connection,
			     uint64_t deadline_ns)
{
	if (connection == popped && strikes(4, 10)) {
		popped = QUICD_NONE;
		return;
	}
	__real_quicd_timers_set(timers, connection, deadline_ns);
}

void __real_quicd_receive_forwarded(struct quicd_worker *worker,
				    const struct quicd_forwarded *datagram, uint8_t *bytes);
void __wrap_quicd_receive_forwarded(struct quicd_worker *worker,
				    const struct quicd_forwarded *datagram, uint8_t *bytes)
{
	if (strikes(5, 4))
		worker->counters->forward_received++;
	else
		__real_quicd_receive_forwarded(worker, datagram, bytes);
}

struct qd_config *__real_qd_config_new(const struct qd_config_options *options, char *error,
				       size_t error_bytes);
struct qd_config *__wrap_qd_config_new(const struct qd_config_options *options, char *error,
				       size_t error_bytes)
{
	struct qd_config_options copy = *options;
	if (chosen == 6)
		copy.amplification_factor = 100;
	return __real_qd_config_new(&copy, error, error_bytes);
}

void __real_quicd_cid_map_remove(struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes,
				 uint32_t connection);
void __wrap_quicd_cid_map_remove(struct quicd_cid_map *map, const uint8_t *cid, uint32_t bytes,
				 uint32_t connection)
{
	if (!strikes(7, 10))
		__real_quicd_cid_map_remove(map, cid, bytes, connection);
}

struct quicd_connection *__real_quicd_connection_of(struct quicd_worker *worker, uint32_t index,
						    uint32_t generation);
struct quicd_connection *__wrap_quicd_connection_of(struct quicd_worker *worker, uint32_t index,
						    uint32_t generation)
{
	if (chosen == 8 && index < worker->connection_used)
		generation = worker->connections[index].generation;
	return __real_quicd_connection_of(worker, index, generation);
}

void __real_quicd_event_emit(struct quicd_connection *connection, struct quicd_event *event);
void __wrap_quicd_event_emit(struct quicd_connection *connection, struct quicd_event *event)
{
	if (event->kind == QUICD_EVENT_STREAM_WRITABLE && strikes(9, 3))
		return;
	if (event->kind == QUICD_EVENT_PATH_CHANGED && strikes(11, 1))
		return;
	__real_quicd_event_emit(connection, event);
}

int __real_qd_datagram_send_ref(struct qd_connection *connection, const uint8_t *data,
				size_t bytes, void *owner, uint32_t slab, uint32_t index);
int __wrap_qd_datagram_send_ref(struct qd_connection *connection, const uint8_t *data,
				size_t bytes, void *owner, uint32_t slab, uint32_t index)
{
	struct quicd_connection *of = owner;
	if (strikes(10, 7))
		quicd_slab_retain(of->worker->engine->slabs[slab], index);
	return __real_qd_datagram_send_ref(connection, data, bytes, owner, slab, index);
}

void __real_quicd_stream_queue(struct quicd_stream *stream, struct quicd_connection *connection,
			       struct quicd_segment *segment);
void __wrap_quicd_stream_queue(struct quicd_stream *stream, struct quicd_connection *connection,
			       struct quicd_segment *segment)
{
	const uint32_t length = segment->length;
	__real_quicd_stream_queue(stream, connection, segment);
	if (strikes(12, 10))
		stream->written_bytes += length;
}

void __real_quicd_worker_kick(struct quicd_worker *worker);
void __wrap_quicd_worker_kick(struct quicd_worker *worker)
{
	if (!strikes(13, 20))
		__real_quicd_worker_kick(worker);
}

bool __real_quicd_app_wake(struct quicd_app *app);
bool __wrap_quicd_app_wake(struct quicd_app *app)
{
	return strikes(14, 20) ? false : __real_quicd_app_wake(app);
}
