/*
 * command.h - carrying out what app threads asked. JavaScript has no access to the
 * ring: commit copied what it wrote.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "abi.h"

struct quicd_worker;
struct quicd_link;
struct quicd_engine;

/* At most |limit| commands of the link; returns how many there were. */
uint32_t quicd_commands_run(struct quicd_worker *worker, struct quicd_link *link, uint32_t app,
			    uint32_t limit);
/* Does the range lie inside an existing buffer? For both sides of the ring. */
bool quicd_command_range_ok(const struct quicd_engine *engine, const struct quicd_command *command);
/*
 * WRITE with bytes, DATAGRAM, CLOSE with a reason, CONNECT: one lease on (slab, buffer) goes
 * along.
 */
bool quicd_command_carries_buffer(const struct quicd_command *command);
