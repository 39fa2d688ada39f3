/*
 * steer.bpf.c - which worker's socket a datagram goes to: SO_REUSEPORT's choice, made by connection
 * ID. Attached once for the whole group of sockets; steer.h says how a packet is read.
 *
 * It never drops: what it cannot place goes by the hash of addresses to a worker that takes new
 * connections, and that one forwards it or answers it. A train made by GRO or GSO comes here once
 * and goes by its first 25 octets.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "steer.h"

#define UDP_HEADER_BYTES 8
#define NEIGHBOURS 4 /* workers tried after the one that the hash names */

/* The maps, by name only: steer.c makes them and steer.h says what is in them. */
char sockets SEC("maps");
char state SEC("maps");
char counters SEC("maps");
/* Volatile: the zeros here are not what it will hold. */
const volatile struct quicd_steer_settings settings = {0};

static __always_inline void count(enum quicd_steer_class class)
{
	/*
	 * An entry for each: without CAP_PERFMON the verifier lets no variable be added to a
	 * pointer.
	 */
	const __u32 place = bpf_get_smp_processor_id() * QUICD_STEER_CLASSES +
			    (class & (QUICD_STEER_CLASSES - 1));
	__u64 *mine = bpf_map_lookup_elem(&counters, &place);
	if (mine)
		(*mine)++;
}

static __always_inline long select(struct sk_reuseport_md *ctx, __u32 generation, __u32 worker)
{
	__u32 slot = generation * QUICD_STEER_WORKERS + worker;
	return bpf_sk_select_reuseport(ctx, &sockets, &slot, 0);
}

/* Over the workers of the working generation. All gone: the kernel's own choice. */
static __always_inline void by_hash(struct sk_reuseport_md *ctx,
				    const struct quicd_steer_state *now)
{
	const __u32 workers = now->workers;
	if (workers == 0)
		return;
	__u32 worker = settings.mode == QUICD_STEER_SINGLE
			       ? 0
			       : (__u32)(((__u64)ctx->hash * workers) >> 32);
#pragma unroll
	for (int i = 0; i < NEIGHBOURS; i++) {
		if (select(ctx, now->working_generation, worker) == 0)
			return;
		worker = worker + 1 < workers ? worker + 1 : 0;
	}
}

static __always_inline __u32 measured(__u32 owner, __u32 workers)
{
	if (workers == 0)
		return owner;
	switch (settings.mode) {
	case QUICD_STEER_WRONG:
		return owner + 1 < workers ? owner + 1 : 0;
	case QUICD_STEER_SINGLE:
		return 0;
	case QUICD_STEER_RANDOM:
		return bpf_get_prandom_u32() % workers;
	default:
		return owner;
	}
}

SEC("sk_reuseport")
int quicd_steer(struct sk_reuseport_md *ctx)
{
	unsigned char head[QUICD_STEER_HEAD_BYTES] = {0};
	const struct quicd_cid_keys keys = {
		.sip = {settings.cid.sip.k0, settings.cid.sip.k1},
		.server_id = {settings.cid.server_id[0], settings.cid.server_id[1],
			      settings.cid.server_id[2], settings.cid.server_id[3],
			      settings.cid.server_id[4], settings.cid.server_id[5],
			      settings.cid.server_id[6], settings.cid.server_id[7]},
	};
	struct quicd_cid_route route = {0};
	__u32 zero = 0;
	const struct quicd_steer_state *now = bpf_map_lookup_elem(&state, &zero);
	if (!now)
		return SK_PASS;
	/* Direct access would miss trains: their payload lies outside the linear part. */
	__u32 bytes = 0;
	if (bpf_skb_load_bytes(ctx, UDP_HEADER_BYTES, head, QUICD_STEER_HEAD_BYTES) == 0)
		bytes = QUICD_STEER_HEAD_BYTES;
	else if (bpf_skb_load_bytes(ctx, UDP_HEADER_BYTES, head, QUICD_STEER_SHORT_BYTES) == 0)
		bytes = QUICD_STEER_SHORT_BYTES;
	enum quicd_steer_class class = quicd_steer_read(&keys, head, bytes, &route);
	if (class == QUICD_STEER_DECODED) {
		if (select(ctx, route.generation, measured(route.worker, now->workers)) == 0) {
			count(class);
			return SK_PASS;
		}
		class = QUICD_STEER_MISS;
	}
	count(class);
	by_hash(ctx, now);
	return SK_PASS;
}

/* bpf_sk_select_reuseport and the rest used here are open to any licence; this is ours. */
char _license[] SEC("license") = "MIT";
