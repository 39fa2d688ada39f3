/*
 * steer.h - the steering program (bpf/steer.bpf.c) of an engine: loaded and attached once for each
 * group of sockets that share a port and address, read without privilege after that.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../bpf/steer.h"

struct quicd_engine;
struct quicd_steer;

/* Of the kernel; 0 unless sysctl kernel.bpf_stats_enabled is 1. */
struct quicd_steer_cost {
	uint64_t runs; /* trains count once */
	uint64_t ns;
};

/*
 * For an engine whose sockets are all bound. NULL with cause and remedy in |error|: no CAP_BPF, or
 * a kernel or a seccomp profile that refuses.
 */
struct quicd_steer *quicd_steer_attach(struct quicd_engine *engine, enum quicd_steer_mode mode,
				       char *error, size_t error_bytes);
/* NULL is allowed. The program stays with the sockets until the last of them is closed. */
void quicd_steer_free(struct quicd_steer *steer);
/*
 * Worker |worker| has a new socket, bound to the same port, in |slot| of its own or as its main one
 * (QUICD_NONE): it takes the old one's place in the table.
 */
bool quicd_steer_replace(struct quicd_steer *steer, uint32_t worker, uint32_t slot, int fd);
/* The sum over all CPUs and groups. */
void quicd_steer_read_counters(const struct quicd_steer *steer, struct quicd_steer_counters *sum);
void quicd_steer_read_cost(const struct quicd_steer *steer, struct quicd_steer_cost *cost);

/*
 * Whether this process may load the program, without attaching it to anything; else cause and
 * remedy. For `quicd doctor`.
 */
bool quicd_steer_usable(char *error, size_t error_bytes);
