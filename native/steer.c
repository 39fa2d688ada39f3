/* steer.c - see steer.h. The program's instructions are part of this file; the rest is bpf(2). */
#include "steer.h"
#include <assert.h>
#include <errno.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "engine.h"
#include "worker.h"

/* An instruction that names a map, and where in the map's section the name stands. */
struct steer_relocation {
	uint32_t instruction;
	enum quicd_steer_map map;
	uint32_t value;
};
#include "steer.gen.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LOAD_TRIES 20
#define LOG_BYTES (1 << 20) /* all that the verifier may say; its last lines tell why */

static_assert(QUICD_STEER_WORKERS == QUICD_WORKERS_MAX, "a slot for each worker");

struct quicd_steer {
	int maps[QUICD_STEER_MAPS]; /* -1: not made */
	int program;
	uint32_t generation;
	uint32_t cpus;
	struct quicd_steer_state *state;       /* mapped */
	struct quicd_steer_counters *counters; /* mapped, by CPU */
	struct quicd_steer *next; /* of the next group of sockets: a port and address of its own */
};

static int bpf(enum bpf_cmd command, union bpf_attr *attributes)
{
	return (int)syscall(SYS_bpf, command, attributes, sizeof(*attributes));
}

static int make_map(enum bpf_map_type type, uint32_t entries, size_t value_bytes, uint32_t flags)
{
	union bpf_attr attributes = { .map_type = type,
				      .key_size = sizeof(uint32_t),
				      .value_size = (uint32_t)value_bytes,
				      .max_entries = entries,
				      .map_flags = flags };
	return bpf(BPF_MAP_CREATE, &attributes);
}

static bool put(int map, uint32_t key, const void *value)
{
	union bpf_attr attributes = { .map_fd = (uint32_t)map,
				      .key = (uint64_t)(uintptr_t)&key,
				      .value = (uint64_t)(uintptr_t)value,
				      .flags = BPF_ANY };
	return bpf(BPF_MAP_UPDATE_ELEM, &attributes) == 0;
}

static size_t pages(size_t bytes)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (bytes + page - 1) / page * page;
}

static void *map_memory(int map, size_t bytes)
{
	void *memory = mmap(NULL, pages(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

static bool make_maps(struct quicd_steer *steer, const struct quicd_steer_settings *settings)
{
	int *maps = steer->maps;
	maps[QUICD_STEER_MAP_SOCKETS] =
		make_map(BPF_MAP_TYPE_REUSEPORT_SOCKARRAY,
			 QUICD_STEER_GENERATIONS * QUICD_STEER_WORKERS, sizeof(uint64_t), 0);
	maps[QUICD_STEER_MAP_STATE] =
		make_map(BPF_MAP_TYPE_ARRAY, 1, sizeof(*steer->state), BPF_F_MMAPABLE);
	maps[QUICD_STEER_MAP_COUNTERS] =
		make_map(BPF_MAP_TYPE_ARRAY, steer->cpus * QUICD_STEER_CLASSES,
			 sizeof(steer->counters->packets[0]), BPF_F_MMAPABLE);
	/* Frozen, so that the verifier knows the keys and the mode as constants. */
	maps[QUICD_STEER_MAP_SETTINGS] =
		make_map(BPF_MAP_TYPE_ARRAY, 1, sizeof(*settings), BPF_F_RDONLY_PROG);
	for (uint32_t i = 0; i < QUICD_STEER_MAPS; i++)
		if (maps[i] < 0)
			return false;
	union bpf_attr freeze = { .map_fd = (uint32_t)maps[QUICD_STEER_MAP_SETTINGS] };
	if (!put(maps[QUICD_STEER_MAP_SETTINGS], 0, settings) ||
	    bpf(BPF_MAP_FREEZE, &freeze) != 0)
		return false;
	steer->state = map_memory(maps[QUICD_STEER_MAP_STATE], sizeof(*steer->state));
	steer->counters = map_memory(maps[QUICD_STEER_MAP_COUNTERS],
				     steer->cpus * sizeof(*steer->counters));
	return steer->state && steer->counters;
}

/* What the verifier has against it, its last words only. */
static void ask_verifier(union bpf_attr *attributes, char *words, size_t words_bytes)
{
	char *log = calloc(1, LOG_BYTES);
	if (!log)
		return;
	attributes->log_level = 1;
	attributes->log_size = LOG_BYTES;
	attributes->log_buf = (uint64_t)(uintptr_t)log;
	const int program = bpf(BPF_PROG_LOAD, attributes);
	if (program >= 0)
		close(program); /* it changed its mind: nothing to tell */
	/* The last line is a count of instructions; the one before it is the reason. */
	char *end = strstr(log, "\nprocessed ");
	if (end)
		*end = 0;
	const char *line = strrchr(log, '\n');
	snprintf(words, words_bytes, "%s", line ? line + 1 : log);
	free(log);
}

/* |words| is filled when the verifier has something against it; errno says why in any case. */
static bool load_program(struct quicd_steer *steer, char *words, size_t words_bytes)
{
	struct bpf_insn program[COUNT(STEER_PROGRAM)];
	static_assert(sizeof(program) == sizeof(STEER_PROGRAM), "8 bytes each");
	memcpy(program, STEER_PROGRAM, sizeof(program));
	for (size_t i = 0; i < COUNT(STEER_RELOCATIONS); i++) {
		const struct steer_relocation *relocation = &STEER_RELOCATIONS[i];
		struct bpf_insn *load = &program[relocation->instruction];
		assert(load->code == (BPF_LD | BPF_IMM | BPF_DW));
		if (relocation->map == QUICD_STEER_MAP_SETTINGS) {
			load[0].src_reg = BPF_PSEUDO_MAP_VALUE;
			load[1].imm = load[0].imm; /* the offset of the field */
		} else {
			load[0].src_reg = BPF_PSEUDO_MAP_FD;
		}
		load[0].imm = steer->maps[relocation->map];
	}
	union bpf_attr attributes = { .prog_type = BPF_PROG_TYPE_SK_REUSEPORT,
				      .expected_attach_type = BPF_SK_REUSEPORT_SELECT,
				      .insns = (uint64_t)(uintptr_t)program,
				      .insn_cnt = COUNT(program),
				      .license = (uint64_t)(uintptr_t)"MIT",
				      .prog_name = "quicd_steer" };
	/*
	 * The verifier stops for signals, and for work that a closed io_uring left to this
	 * thread.
	 */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int tries = 0; tries < LOAD_TRIES; tries++) {
		steer->program = bpf(BPF_PROG_LOAD, &attributes);
		if (steer->program >= 0 || errno != EAGAIN)
			break;
	}
	const int code = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (steer->program < 0 && code != EPERM)
		ask_verifier(&attributes, words, words_bytes);
	errno = code;
	return steer->program >= 0;
}

static void explain(char *error, size_t error_bytes, const char *what, int code, const char *words)
{
	/* EACCES with words is the verifier's, and a bug of ours; without them it is like EPERM. */
	if (code == EPERM || (code == EACCES && !words[0]))
		snprintf(error, error_bytes,
			 "routing \"ebpf\" needs CAP_BPF (which a process drops after its first "
			 "server), and a seccomp profile that allows bpf(2): systemd "
			 "AmbientCapabilities=CAP_BPF; or use routing \"forward\": it needs none");
	else
		snprintf(error, error_bytes,
			 "routing \"ebpf\": %s: %s%s%.100s; or use routing \"forward\"",
			 what, strerror(code), words[0] ? ": " : "", words);
}

/* NULL with the reason in |error|. */
static struct quicd_steer *load(const struct quicd_steer_settings *settings, char *error,
				size_t error_bytes)
{
	struct quicd_steer *steer = calloc(1, sizeof(*steer));
	assert(steer);
	memset(steer->maps, -1, sizeof(steer->maps));
	steer->program = -1;
	steer->cpus = (uint32_t)sysconf(_SC_NPROCESSORS_CONF);
	char words[128] = "";
	if (make_maps(steer, settings) && load_program(steer, words, sizeof(words)))
		return steer;
	explain(error, error_bytes, "the program could not be loaded", errno, words);
	quicd_steer_free(steer);
	return NULL;
}

static bool enter(struct quicd_steer *steer, uint32_t worker, int fd)
{
	const uint32_t slot = steer->generation * QUICD_STEER_WORKERS + worker;
	const uint64_t value = (uint64_t)fd;
	return put(steer->maps[QUICD_STEER_MAP_SOCKETS], slot, &value);
}

bool quicd_steer_replace(struct quicd_steer *steer, uint32_t worker, uint32_t slot, int fd)
{
	for (uint32_t i = 0; slot != QUICD_NONE && i <= slot; i++)
		steer = steer->next;
	return enter(steer, worker, fd);
}

static int fd_of(const struct quicd_engine *engine, uint32_t worker, uint32_t slot)
{
	const struct quicd_net *net = &engine->workers[worker].net;
	return slot == QUICD_NONE ? net->udp.fd : quicd_socket_at(&net->sockets, slot)->udp.fd;
}

/* For the group of sockets that are in |slot| of each worker, or are the main ones. */
static struct quicd_steer *attach(struct quicd_engine *engine, uint32_t slot,
				  enum quicd_steer_mode mode, char *error, size_t error_bytes)
{
	const uint32_t workers = engine->options.workers;
	const struct quicd_steer_settings settings = { .cid = engine->keys.cid, .mode = mode };
	struct quicd_steer *steer = load(&settings, error, error_bytes);
	if (!steer)
		return NULL;
	for (uint32_t i = 0; i < workers; i++) {
		if (enter(steer, i, fd_of(engine, i, slot)))
			continue;
		explain(error, error_bytes, "a socket could not be entered in the table", errno,
			"");
		quicd_steer_free(steer);
		return NULL;
	}
	steer->state->working_generation = steer->generation;
	steer->state->workers = workers;
	/*
	 * Once, and through one member: attaching again would take the program from under the
	 * others.
	 */
	if (setsockopt(fd_of(engine, 0, slot), SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF,
		       &steer->program, sizeof(steer->program)) != 0) {
		explain(error, error_bytes, "the program could not be attached", errno, "");
		quicd_steer_free(steer);
		return NULL;
	}
	return steer;
}

struct quicd_steer *quicd_steer_attach(struct quicd_engine *engine, enum quicd_steer_mode mode,
				       char *error, size_t error_bytes)
{
	struct quicd_steer *first = attach(engine, QUICD_NONE, mode, error, error_bytes);
	struct quicd_steer *last = first;
	/* A program selects only from the sockets of one group. */
	for (uint32_t slot = 0; last && slot < engine->workers[0].net.sockets.listening; slot++) {
		last->next = attach(engine, slot, mode, error, error_bytes);
		last = last->next;
	}
	if (last)
		return first;
	quicd_steer_free(first);
	return NULL;
}

void quicd_steer_free(struct quicd_steer *steer)
{
	if (!steer)
		return;
	quicd_steer_free(steer->next);
	if (steer->state)
		munmap(steer->state, pages(sizeof(*steer->state)));
	if (steer->counters)
		munmap(steer->counters, pages(steer->cpus * sizeof(*steer->counters)));
	for (uint32_t i = 0; i < QUICD_STEER_MAPS; i++)
		if (steer->maps[i] >= 0)
			close(steer->maps[i]);
	if (steer->program >= 0)
		close(steer->program);
	free(steer);
}

void quicd_steer_read_counters(const struct quicd_steer *steer, struct quicd_steer_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (; steer; steer = steer->next)
		for (uint32_t cpu = 0; cpu < steer->cpus; cpu++)
			for (uint32_t i = 0; i < QUICD_STEER_CLASSES; i++)
				sum->packets[i] += __atomic_load_n(
					&steer->counters[cpu].packets[i], __ATOMIC_RELAXED);
}

void quicd_steer_read_cost(const struct quicd_steer *steer, struct quicd_steer_cost *cost)
{
	*cost = (struct quicd_steer_cost){ 0 };
	for (; steer; steer = steer->next) {
		struct bpf_prog_info info = { 0 };
		union bpf_attr attributes = { .info = { .bpf_fd = (uint32_t)steer->program,
							.info_len = sizeof(info),
							.info = (uint64_t)(uintptr_t)&info } };
		if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attributes) != 0)
			continue;
		cost->runs += info.run_cnt;
		cost->ns += info.run_time_ns;
	}
}

bool quicd_steer_usable(char *error, size_t error_bytes)
{
	const struct quicd_steer_settings settings = { 0 };
	struct quicd_steer *steer = load(&settings, error, error_bytes);
	quicd_steer_free(steer);
	return steer != NULL;
}
