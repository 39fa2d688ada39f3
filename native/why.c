/* why.c - see why.h. */
#include "why.h"
#include <assert.h>
#include <string.h>
#include "connection.h"
#include "pages.h"
#include "slab.h"
#include "stream.h"
#include "worker.h"

/* Stream bytes or datagrams that only wait to leave. */
static bool has_to_send(const struct quicd_why *why)
{
	return why->queued_bytes > 0 || why->unsent_bytes > 0 || why->datagrams_unsent > 0;
}

static bool is_open(const struct quicd_why *why)
{
	return quicd_state_is_open((enum quicd_connection_state)why->state);
}

static bool closing(const struct quicd_why *why)
{
	return why->state == QUICD_STATE_DRAINING || why->state == QUICD_STATE_CLOSED ||
	       why->state == QUICD_STATE_FREE;
}

static bool amplification(const struct quicd_why *why)
{
	return !closing(why) && why->amplification_left_bytes < why->packet_bytes;
}

static bool handshake(const struct quicd_why *why)
{
	return quicd_state_is_half_open((enum quicd_connection_state)why->state);
}

static bool peer_window(const struct quicd_why *why)
{
	return is_open(why) && why->queued_bytes > 0 && why->peer_data_left_bytes == 0;
}

static bool peer_stream_window(const struct quicd_why *why)
{
	return is_open(why) && why->streams_blocked > 0;
}

static bool events(const struct quicd_why *why)
{
	return is_open(why) && why->events_out >= why->events_max;
}

static bool ring(const struct quicd_why *why)
{
	return is_open(why) && why->delivery_waits && !events(why) &&
	       why->ring_room <= QUICD_RING_RESERVE;
}

static bool chunks(const struct quicd_why *why)
{
	return is_open(why) && why->streams_paused > 0;
}

/* A connection may hold as many as are left (chunk.c). */
static bool slab(const struct quicd_why *why)
{
	return is_open(why) && why->delivery_waits && !events(why) && !ring(why) &&
	       why->chunks_out > why->buffers_free;
}

static bool send_buffers(const struct quicd_why *why)
{
	return is_open(why) && has_to_send(why) && !why->send_buffer;
}

static bool congestion(const struct quicd_why *why)
{
	return is_open(why) && has_to_send(why) && why->congestion_left_bytes < why->packet_bytes;
}

static bool pacing(const struct quicd_why *why)
{
	return is_open(why) && has_to_send(why) && why->pacing_us > 0;
}

static bool sending(const struct quicd_why *why)
{
	/* What is queued on blocked streams alone is not about to leave. */
	return is_open(why) && (why->streams_queued > why->streams_blocked ||
				why->unsent_bytes > 0 || why->datagrams_unsent > 0);
}

static bool unread(const struct quicd_why *why)
{
	return is_open(why) && why->events_out > 0;
}

static bool answer(const struct quicd_why *why)
{
	return is_open(why) && why->streams_unanswered > 0;
}

static bool acknowledgement(const struct quicd_why *why)
{
	return is_open(why) && why->in_flight_bytes > 0;
}

static bool always(const struct quicd_why *why)
{
	(void)why;
	return true;
}

uint32_t quicd_why_causes(const struct quicd_why *why)
{
	static bool (*const RULES[QUICD_CAUSE_COUNT])(const struct quicd_why *) = {
		[QUICD_CAUSE_CLOSING] = closing,
		[QUICD_CAUSE_AMPLIFICATION] = amplification,
		[QUICD_CAUSE_HANDSHAKE] = handshake,
		[QUICD_CAUSE_PEER_WINDOW] = peer_window,
		[QUICD_CAUSE_PEER_STREAM_WINDOW] = peer_stream_window,
		[QUICD_CAUSE_RING] = ring,
		[QUICD_CAUSE_EVENTS] = events,
		[QUICD_CAUSE_CHUNKS] = chunks,
		[QUICD_CAUSE_SLAB] = slab,
		[QUICD_CAUSE_SEND_BUFFERS] = send_buffers,
		[QUICD_CAUSE_CONGESTION] = congestion,
		[QUICD_CAUSE_PACING] = pacing,
		[QUICD_CAUSE_SENDING] = sending,
		[QUICD_CAUSE_UNREAD] = unread,
		[QUICD_CAUSE_ANSWER] = answer,
		[QUICD_CAUSE_ACKNOWLEDGEMENT] = acknowledgement,
		[QUICD_CAUSE_IDLE] = always,
	};
	uint32_t causes = 0;
	for (uint32_t cause = 0; cause < QUICD_CAUSE_COUNT; cause++)
		if (RULES[cause](why))
			causes |= 1u << cause;
	/* It is idle only if nothing else is. */
	return causes == 1u << QUICD_CAUSE_IDLE ? causes : causes & ~(1u << QUICD_CAUSE_IDLE);
}

static uint64_t since_us(const struct quicd_worker *worker, uint64_t then_ns)
{
	if (then_ns == 0)
		return UINT64_MAX;
	return worker->now_ns > then_ns ? (worker->now_ns - then_ns) / 1000 : 0;
}

static uint64_t until_us(const struct quicd_worker *worker, uint64_t then_ns)
{
	if (then_ns == UINT64_MAX)
		return UINT64_MAX;
	return then_ns > worker->now_ns ? (then_ns - worker->now_ns) / 1000 : 0;
}

/* Of the class that is shorter; one that is empty is stood in for by the other (chunk.c). */
static uint32_t buffers_free(const struct quicd_slab *slab)
{
	const uint32_t small = slab->free_count[QUICD_BUFFER_SMALL];
	const uint32_t large = slab->free_count[QUICD_BUFFER_LARGE];
	if (small == 0 || large == 0)
		return small + large;
	return small < large ? small : large;
}

static void examine_quiche(struct quicd_connection *connection, struct quicd_why *why)
{
	const struct quicd_worker *worker = connection->worker;
	struct qd_stats stats;
	struct qd_limits limits;
	qd_get_stats(connection->quiche, &stats);
	qd_get_limits(connection->quiche, &limits);
	why->round_trip_us = stats.round_trip_ns / 1000;
	why->congestion_window_bytes = stats.congestion_window_bytes;
	why->in_flight_bytes = stats.in_flight_bytes;
	why->packet_bytes = stats.path_mtu_bytes;
	why->congestion_left_bytes = limits.congestion_left;
	why->amplification_left_bytes = limits.amplification_left;
	why->peer_data_left_bytes = limits.peer_data_left;
	why->unsent_bytes = limits.unsent_bytes;
	why->datagrams_unsent = limits.datagrams_unsent;
	if (connection->pace_until_ns != 0)
		why->pacing_us = until_us(worker, connection->pace_until_ns);
	why->timer_us = until_us(worker, qd_timeout_ns(connection->quiche));
}

static void examine_streams(struct quicd_connection *connection, struct quicd_why_answer *answer)
{
	struct quicd_why *why = &answer->why;
	struct quicd_node *node = connection->streams.next;
	for (; node != &connection->streams; node = node->next) {
		const struct quicd_stream *stream = QUICD_ELEMENT(node, struct quicd_stream, all);
		const int64_t window = qd_stream_window_left(connection->quiche, stream->id);
		const bool blocked = stream->queued_bytes > 0 && window == 0;
		const bool unanswered = stream->receive_done && stream->announced &&
					!stream->send_done && !stream->fin_queued &&
					!quicd_stream_is_unidirectional(stream->id);
		why->streams++;
		why->streams_queued += stream->head != NULL;
		why->streams_blocked += blocked;
		why->streams_paused += stream->receive_paused;
		why->streams_readable += quicd_node_linked(&stream->readable);
		why->streams_unanswered += unanswered;
		if (why->stream_count < QUICD_WHY_STREAMS &&
		    (stream->head || stream->receive_paused || unanswered))
			answer->streams[why->stream_count++] = (struct quicd_why_stream){
				.stream_id = stream->id,
				.queued_bytes = stream->queued_bytes,
				.window_bytes = window < 0 ? UINT64_MAX : (uint64_t)window,
				.chunks = stream->chunks_out,
			};
	}
}

void quicd_why_examine(struct quicd_connection *connection, struct quicd_why_answer *answer)
{
	struct quicd_why *why = &answer->why;
	struct quicd_worker *worker = connection->worker;
	struct quicd_link *link = &worker->engine->apps[connection->app].links[worker->index];
	*why = (struct quicd_why){
		.connection = connection->index,
		.generation = connection->generation,
		.state = connection->state,
		.client = (connection->view->flags & QUICD_CONNECTION_CLIENT) != 0,
		.age_us = since_us(worker, connection->accepted_ns),
		.received_us = since_us(worker, connection->received_ns),
		.sent_us = since_us(worker, connection->sent_ns),
		.timer_us = UINT64_MAX,
		.congestion_left_bytes = UINT64_MAX,
		.amplification_left_bytes = UINT64_MAX,
		.peer_data_left_bytes = UINT64_MAX,
		.queued_bytes = connection->queued_bytes,
		.delivery_waits = quicd_node_linked(&connection->blocked),
		.events_out = connection->events_out,
		.events_max = worker->engine->options.connection_events,
		.chunks_out = connection->chunks_out,
		.stream_chunks_max = worker->engine->options.stream_chunks,
		.ring_room = quicd_ring_room(&link->events, link->events.capacity),
		.ring_capacity = link->events.capacity,
		.buffers_free = buffers_free(&worker->slab),
		.send_buffer = quicd_net_send_buffer(worker) != NULL,
	};
	const uint8_t *id = connection->view->connection_id;
	memcpy(&why->connection_id_head, id, sizeof(why->connection_id_head));
	memcpy(&why->connection_id_tail, id + 8, sizeof(why->connection_id_tail));
	if (!connection->dead) {
		examine_quiche(connection, why);
		examine_streams(connection, answer);
	}
	why->causes = quicd_why_causes(why);
	why->cause = (uint64_t)__builtin_ctzll(why->causes);
}

bool quicd_why_create(struct quicd_why_desk *desk)
{
	desk->answers = quicd_pages_map(QUICD_WHY_ANSWERS * sizeof(*desk->answers));
	return desk->answers != NULL;
}

bool quicd_why_ask(struct quicd_worker *worker, uint32_t first, uint32_t generation, uint32_t most)
{
	struct quicd_why_desk *desk = &worker->why;
	uint32_t phase = QUICD_WHY_FREE;
	if (!atomic_compare_exchange_strong(&desk->phase, &phase, QUICD_WHY_TAKEN))
		return false;
	desk->first = first;
	desk->generation = generation;
	desk->most = most < QUICD_WHY_ANSWERS ? most : QUICD_WHY_ANSWERS;
	/* seq_cst, and before the kick: a worker about to park sees it (worker.c, park). */
	atomic_store(&desk->phase, QUICD_WHY_ASKED);
	quicd_worker_kick(worker);
	return true;
}

bool quicd_why_answered(const struct quicd_worker *worker)
{
	return atomic_load_explicit(&worker->why.phase, memory_order_acquire) ==
	       QUICD_WHY_ANSWERED;
}

void quicd_why_done(struct quicd_worker *worker)
{
	uint32_t phase = QUICD_WHY_ANSWERED;
	atomic_compare_exchange_strong(&worker->why.phase, &phase, QUICD_WHY_FREE);
}

void quicd_why_answer(struct quicd_worker *worker)
{
	struct quicd_why_desk *desk = &worker->why;
	if (atomic_load_explicit(&desk->phase, memory_order_acquire) != QUICD_WHY_ASKED)
		return;
	desk->count = 0;
	uint32_t slot = desk->first;
	/* A generation is that of one slot. */
	const uint32_t end = desk->generation != 0 && slot < worker->connection_used
				     ? slot + 1
				     : worker->connection_used;
	for (; slot < end && desk->count < desk->most; slot++) {
		struct quicd_connection *connection = &worker->connections[slot];
		if (connection->state == QUICD_STATE_FREE)
			continue;
		if (desk->generation != 0 && connection->generation != desk->generation)
			continue;
		quicd_why_examine(connection, &desk->answers[desk->count++]);
	}
	desk->next = slot < worker->connection_used ? slot : QUICD_NONE;
	atomic_store_explicit(&desk->phase, QUICD_WHY_ANSWERED, memory_order_release);
}
