/*
 * replay.h - what was seen before, for all workers of a process: ClientHellos that came with 0-RTT
 * (RFC 8446 §8.2), tokens that were used (RFC 9000 §8.1.4). Of fixed size and without locks; when
 * it is full, the answer is "seen", which costs a round trip and is never wrong.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../bpf/cid.h"

struct quicd_replay;

/*
 * |slots| is a power of two; each takes 8 bytes, and memory only once it is used. What was seen is
 * forgotten after |seconds|. NULL: no memory.
 */
struct quicd_replay *quicd_replay_create(uint32_t slots, uint32_t seconds,
					 struct quicd_sip_key key);
void quicd_replay_destroy(struct quicd_replay *replay);
/*
 * True for the first of all threads to show it within |seconds|. |now_s| may differ between callers
 * by what their clocks do.
 */
bool quicd_replay_first(struct quicd_replay *replay, const uint8_t *id, size_t bytes,
			uint64_t now_s);
