/* conduct.c - what an end of a connection does by itself: opens, writes, stops, closes. */
#include <string.h>
#include "world.h"

#define DATAGRAM_GAP_NS (15 * QUICD_SIM_MS)

struct stream_end *end_stream(struct end *end, uint64_t id)
{
	for (uint32_t i = 0; i < end->stream_count; i++)
		if (end->streams[i].id == id)
			return &end->streams[i];
	return NULL;
}

struct stream_end *end_add_stream(struct end *end, const struct quicd_event *event)
{
	struct world *world = end->app->world;
	if (end->stream_count == WORLD_STREAMS || end_stream(end, event->stream_id)) {
		world_fail(world, "c%u: stream %lu is new twice, or one too many", end->number,
			   (unsigned long)event->stream_id);
		return NULL;
	}
	struct stream_end *stream = &end->streams[end->stream_count++];
	*stream = (struct stream_end){.id = event->stream_id,
				      .slot = event->stream,
				      .generation = event->stream_generation,
				      .plan = plan_stream_of(&world->plans[end->number],
							     event->stream_id)};
	return stream;
}

static struct quicd_command command_of(const struct end *end, enum quicd_command_kind kind,
				       const struct stream_end *stream)
{
	return (struct quicd_command){.kind = kind,
				      .connection = end->slot,
				      .connection_generation = end->generation,
				      .stream = stream ? stream->slot : QUICD_NONE,
				      .stream_generation = stream ? stream->generation : 0,
				      .buffer = QUICD_NONE};
}

bool end_command(struct end *end, struct quicd_command command)
{
	struct world *world = end->app->world;
	if (!app_commit(end->app, end->worker, &command))
		return false;
	world->coverage->commands[end->side][end->phase][command.kind]++;
	quicd_sim_hash(&world->sim, (uint64_t)command.kind << 48 | command.length);
	if (world->verbose)
		printf("%12.6f c%u %s command %u stream slot %d flags %x length %u code %lx\n",
		       (double)(world->sim.now_ns - world->sim.start_ns) / 1e6, end->number,
		       end->side == CLIENT ? "client" : "server", command.kind,
		       (int)command.stream, command.flags, command.length,
		       (unsigned long)command.error_code);
	return true;
}

static bool may_send(const struct end *end, const struct stream_end *stream)
{
	const enum side opener = stream->id & 1 ? SERVER : CLIENT;
	return !(stream->id & 2) || opener == end->side;
}

static bool may_receive(const struct end *end, const struct stream_end *stream)
{
	const enum side opener = stream->id & 1 ? SERVER : CLIENT;
	return !(stream->id & 2) || opener != end->side;
}

static bool send_ended(const struct end *end, const struct stream_end *stream)
{
	return !may_send(end, stream) || stream->fin_sent || stream->reset_sent || stream->stopped;
}

static bool receive_ended(const struct end *end, const struct stream_end *stream)
{
	return !may_receive(end, stream) || stream->fin_got || stream->reset_got ||
	       stream->stop_sent;
}

/* As much as the credit allows; asks to be told of more, and then looks no more before it is. */
static uint32_t credit_for(struct end *end, struct stream_end *stream)
{
	while (!stream->awaits_credit) {
		const uint32_t limit =
			quicd_stream_credit(end->app->handle, end->worker, stream->slot);
		if (limit != stream->used)
			return limit - stream->used;
		stream->awaits_credit = quicd_stream_want(end->app->handle, end->worker,
							  stream->slot, limit) == 0;
	}
	return 0;
}

/* False: not now. */
static bool write_piece(struct end *end, struct stream_end *stream)
{
	const struct plan *plan = &end->app->world->plans[end->number];
	const uint64_t total = stream->plan.bytes[end->side];
	const uint64_t reset_at = stream->plan.reset_at[end->side];
	struct quicd_command command = command_of(end, QUICD_COMMAND_WRITE, stream);
	uint8_t bytes[QUICD_LARGE_BUFFER_BYTES];
	uint64_t length = total - stream->sent;
	if (length > stream->plan.piece)
		length = stream->plan.piece;
	if (reset_at != QUICD_SIM_NEVER && length > reset_at - stream->sent)
		length = reset_at - stream->sent;
	if (length > 0) {
		const uint32_t room = credit_for(end, stream);
		if (room == 0)
			return false;
		length = length < room ? length : room;
		plan_fill(plan, stream->id, end->side, stream->sent, bytes, (uint32_t)length);
	}
	/* By every other plan FIN comes alone. */
	const bool last = stream->sent + length == total;
	if (last && (length == 0 || stream->plan.piece & 1))
		command.flags = QUICD_FLAG_FIN;
	if (length > 0 && !app_carry(end->app, &command, bytes, (uint32_t)length))
		return false;
	if (!end_command(end, command))
		return false;
	stream->sent += length;
	stream->used += (uint32_t)length;
	stream->fin_sent = command.flags & QUICD_FLAG_FIN;
	return true;
}

static void write_stream(struct end *end, struct stream_end *stream)
{
	while (!send_ended(end, stream)) {
		if (stream->sent == stream->plan.reset_at[end->side]) {
			struct quicd_command reset = command_of(end, QUICD_COMMAND_RESET, stream);
			reset.error_code = 0x52000000 | stream->id;
			stream->reset_sent = end_command(end, reset);
			return;
		}
		if (!write_piece(end, stream))
			return;
	}
}

static void stop_stream(struct end *end, struct stream_end *stream)
{
	if (receive_ended(end, stream) || stream->received < stream->plan.stop_at[end->side])
		return;
	struct quicd_command stop = command_of(end, QUICD_COMMAND_STOP, stream);
	stop.error_code = 0x53000000 | stream->id;
	stream->stop_sent = end_command(end, stop);
}

/* One after the other where the plan says so, else all at once. */
static uint64_t open_streams(struct end *end)
{
	const struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	if (world->sim.now_ns < end->open_again_ns)
		return end->open_again_ns;
	for (uint32_t kind = 0; kind < 2; kind++)
		while (end->asked[kind] < plan->opens[end->side][kind]) {
			struct quicd_command open = command_of(end, QUICD_COMMAND_OPEN, NULL);
			open.flags = kind ? QUICD_FLAG_UNIDIRECTIONAL : 0;
			open.request_id = kind;
			if (!end_command(end, open))
				return QUICD_SIM_NEVER;
			end->asked[kind]++;
			if (plan->open_gap_ns > 0) {
				end->open_again_ns = world->sim.now_ns + plan->open_gap_ns;
				return end->open_again_ns;
			}
		}
	return QUICD_SIM_NEVER;
}

static uint64_t send_datagrams(struct end *end)
{
	struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	uint8_t bytes[2048];
	if (end->datagrams_sent == plan->datagrams[end->side])
		return QUICD_SIM_NEVER;
	if (world->sim.now_ns < end->datagram_ns)
		return end->datagram_ns;
	struct quicd_command command = command_of(end, QUICD_COMMAND_DATAGRAM, NULL);
	plan_fill(plan, 1000000 + end->datagrams_sent, end->side, 0, bytes, plan->datagram_bytes);
	bytes[0] = (uint8_t)end->datagrams_sent;
	command.flags = end->datagrams_sent % 3 == 0 ? QUICD_FLAG_ANSWER : 0;
	command.request_id = 7;
	if (app_carry(end->app, &command, bytes, plan->datagram_bytes) &&
	    end_command(end, command))
		end->datagrams_sent++;
	end->datagram_ns = world->sim.now_ns + quicd_sim_below(&world->conduct, DATAGRAM_GAP_NS);
	return end->datagram_ns;
}

static bool all_done(const struct end *end)
{
	const struct plan *plan = &end->app->world->plans[end->number];
	for (int kind = 0; kind < 2; kind++)
		if (end->opened[kind] < plan->opens[end->side][kind] ||
		    end->seen[kind] < plan->opens[!end->side][kind])
			return false;
	for (uint32_t i = 0; i < end->stream_count; i++)
		if (!send_ended(end, &end->streams[i]) || !receive_ended(end, &end->streams[i]))
			return false;
	return end->datagrams_sent == plan->datagrams[end->side];
}

static void close_now(struct end *end)
{
	const struct plan *plan = &end->app->world->plans[end->number];
	static const char REASON[] = "the plan says so";
	struct quicd_command close = command_of(end, QUICD_COMMAND_CLOSE, NULL);
	close.flags = QUICD_CLOSE_APPLICATION | (plan->drained ? QUICD_CLOSE_DRAINED : 0);
	close.error_code = 0x100 + end->number;
	if (!app_carry(end->app, &close, REASON, sizeof(REASON) - 1))
		close.buffer = QUICD_NONE, close.length = 0;
	end->close_sent = end_command(end, close);
}

/* The closer closes when both have done what the plan says, or when it is fed up. */
static uint64_t consider_closing(struct end *end)
{
	struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	const struct end *other = &world->ends[end->number][!end->side];
	const uint64_t now_ns = world->sim.now_ns;
	const uint64_t begun_ns = world->sim.start_ns + plan->start_ns;
	if (end->side != plan->closer || end->close_sent)
		return QUICD_SIM_NEVER;
	uint64_t at_ns = QUICD_SIM_NEVER;
	if (plan->abort_ns != QUICD_SIM_NEVER)
		at_ns = begun_ns + plan->abort_ns;
	if (end->done && other->done) {
		const uint64_t last_ns =
			end->done_ns > other->done_ns ? end->done_ns : other->done_ns;
		if (last_ns + plan->linger_ns < at_ns)
			at_ns = last_ns + plan->linger_ns;
	}
	if (now_ns < at_ns)
		return at_ns;
	close_now(end);
	return end->close_sent ? QUICD_SIM_NEVER : now_ns + QUICD_SIM_MS;
}

/* Commands for a connection that is no more: they must touch nobody else. */
static uint64_t send_late(struct end *end)
{
	struct world *world = end->app->world;
	static const enum quicd_command_kind KINDS[] = {
		QUICD_COMMAND_CLOSE, QUICD_COMMAND_OPEN,     QUICD_COMMAND_RESET,
		QUICD_COMMAND_STOP,  QUICD_COMMAND_DATAGRAM, QUICD_COMMAND_WRITE};
	if (end->late == 0)
		return QUICD_SIM_NEVER;
	if (world->sim.now_ns < end->ended_ns)
		return end->ended_ns;
	struct stream_end *stream = end->stream_count > 0 ? &end->streams[0] : NULL;
	const enum quicd_command_kind kind = KINDS[quicd_sim_below(&world->conduct, 6)];
	struct quicd_command command = command_of(end, kind, stream);
	command.error_code = 0x1a7e;
	command.flags = kind == QUICD_COMMAND_CLOSE ? QUICD_CLOSE_APPLICATION : 0;
	if (kind == QUICD_COMMAND_DATAGRAM || kind == QUICD_COMMAND_WRITE) {
		if (!app_carry(end->app, &command, "late", 4))
			return QUICD_SIM_NEVER;
	}
	end_command(end, command);
	end->late--;
	end->ended_ns = world->sim.now_ns + quicd_sim_below(&world->conduct, 800) * QUICD_SIM_MS;
	return end->late > 0 ? end->ended_ns : QUICD_SIM_NEVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* To another port, by itself (RFC 9000 §9.2): an address changes like at a NAT's whim. */
static uint64_t move(struct end *end)
{
	struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	if (end->side != CLIENT || end->moves_asked == plan->migrations ||
	    end->moves_asked > end->moves_answered)
		return QUICD_SIM_NEVER;
	if (world->sim.now_ns < end->move_ns)
		return end->move_ns;
	world->rebound_ns = world->sim.now_ns;
	if (end_command(end, command_of(end, QUICD_COMMAND_MIGRATE, NULL)))
		end->moves_asked++;
	end->move_ns = world->sim.now_ns + plan->migrate_gap_ns;
	return end->move_ns;
}

/* Earlier than the last one may be repeated, now and then (RFC 9001 §6.5). */
static uint64_t update_keys(struct end *end)
{
	struct world *world = end->app->world;
	if (end->key_updates == world->plans[end->number].key_updates[end->side])
		return QUICD_SIM_NEVER;
	if (world->sim.now_ns >= end->key_update_ns &&
	    end_command(end, command_of(end, QUICD_COMMAND_UPDATE_KEYS, NULL))) {
		end->key_update_ns = world->sim.now_ns + 100 * QUICD_SIM_MS;
		end->key_updates++;
	}
	return end->key_update_ns;
}

uint64_t end_act(struct end *end)
{
	struct world *world = end->app->world;
	const struct plan *plan = &world->plans[end->number];
	if (end->phase == CLOSED)
		return send_late(end);
	if (end->phase != UP)
		return QUICD_SIM_NEVER;
	uint64_t next_ns = QUICD_SIM_NEVER;
	if (!end->close_sent) {
		if (end->side == CLIENT && plan->keep_alive_ms > 0 && !end->kept_alive) {
			struct quicd_command alive =
				command_of(end, QUICD_COMMAND_KEEP_ALIVE, NULL);
			alive.length = plan->keep_alive_ms;
			end->kept_alive = end_command(end, alive);
		}
		next_ns = earlier(open_streams(end), send_datagrams(end));
		next_ns = earlier(next_ns, move(end));
		next_ns = earlier(next_ns, update_keys(end));
		for (uint32_t i = 0; i < end->stream_count; i++) {
			stop_stream(end, &end->streams[i]);
			write_stream(end, &end->streams[i]);
		}
	}
	if (!end->done && all_done(end)) {
		struct end *other = &world->ends[end->number][!end->side];
		end->done = true;
		end->done_ns = world->sim.now_ns;
		if (other->app)
			quicd_sim_wake_actor(&other->app->actor, world->sim.now_ns);
	}
	return earlier(next_ns, consider_closing(end));
}
