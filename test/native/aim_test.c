/*
 * aim_test.c - an attacker chooses the connection IDs of his Initials and cannot choose the worker
 * (RFC 9000 §21.13). A whole server, with each way of routing, gets each Initial from a 4-tuple of
 * its own; what counts is at which worker's socket it arrived.
 *
 * Three kinds: random DCIDs; DCIDs that name worker 0, sealed with the server's own keys, which is
 * more than an attacker can have, and chosen so that a plain hash of them leads to worker 0, too;
 * and the live connection ID of a connection of his own. The same numbers are worked out for a
 * server that trusts the DCID, and measured for one that leads everything to worker 0: both must
 * stand out.
 */
#include <math.h>
#include "check.h"
#include "client.h"
#include "counters.h"
#include "echo_app.h"
#include "echo_client.h"
#include "prng.h"
#include "server_options.h"
#include "steer.h"

#define INITIAL_BYTES 1200u
#define PORTS 16u
#define BATCH 32u
#define UNDER_WAY 128u /* sent and not yet seen by a worker; a socket of 208 KiB holds 180 */
#define CHUNK 20000u   /* then the live connection says something */
#define DEVIATION_MAX 0.02
#define WORKERS_MOST 4u

#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))
#define BRIEF true
#else
#define BRIEF false
#endif

enum kind { RANDOM_IDS, GROUND_IDS, REPLAYED_ID, KINDS };
static const char *const KIND_NAMES[] = {"random", "ground", "replayed"};

/*
 * The relative deviation of a worker's share has the standard deviation sqrt((W - 1) / N). With 2
 * workers 2 % are 6.3 of them, with 4 and these numbers 5.6: a fair split fails in 1 of 10^7
 * measurements.
 */
static uint32_t initials_for(uint32_t workers)
{
	return workers == 2 ? 100000 : 240000;
}

static struct quicd_engine *engine;
static struct echo_app *app;
static struct client attacker; /* his live connection */
static uint8_t own_id[QUICD_CID_BYTES];
static int ports[PORTS];
static uint32_t next_tuple;
static struct prng prng;

/* What one kind came to. */
struct result {
	uint32_t sent;
	uint64_t elapsed_ns;
	uint64_t trusted[WORKERS_MOST], hashed[WORKERS_MOST]; /* if the DCID decided, two ways */
	struct quicd_counters workers[WORKERS_MOST];	      /* what was added to them */
};

static uint64_t seen_by_workers(void)
{
	return TOTAL(engine, receive_datagrams);
}

static void wait_for(uint64_t datagrams)
{
	const uint64_t deadline = client_now_ns() + 30000000000ull;
	while (seen_by_workers() < datagrams) {
		REQUIRE(client_now_ns() < deadline && "every Initial arrives");
		usleep(50);
	}
}

static uint32_t plain_hash(const uint8_t *cid, uint32_t bytes)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (uint32_t i = 0; i < bytes; i++)
		hash = (hash ^ cid[i]) * 16777619u;
	return hash >> 16;
}

static uint32_t draw_id(enum kind kind, uint8_t cid[QUICD_CID_BYTES])
{
	const uint32_t workers = engine->options.workers;
	switch (kind) {
	case RANDOM_IDS:
		prng_fill(&prng, cid, QUICD_CID_BYTES);
		return 8 + prng_below(&prng, QUICD_CID_BYTES - 7);
	case GROUND_IDS:
		do {
			prng_fill(&prng, cid, QUICD_CID_BYTES);
			quicd_cid_seal(&engine->keys.cid, (struct quicd_cid_route){0}, cid);
		} while (plain_hash(cid, QUICD_CID_BYTES) % workers != 0);
		return QUICD_CID_BYTES;
	default:
		memcpy(cid, own_id, QUICD_CID_BYTES);
		return QUICD_CID_BYTES;
	}
}

/* RFC 9000 §17.2.2; what would be encrypted is noise. */
static void make_initial(enum kind kind, uint8_t packet[INITIAL_BYTES], struct result *result)
{
	struct quicd_cid_route route = {0};
	uint8_t cid[QUICD_CID_BYTES];
	const uint32_t workers = engine->options.workers, bytes = draw_id(kind, cid);
	result->hashed[plain_hash(cid, bytes) % workers]++;
	if (bytes == QUICD_CID_BYTES && quicd_cid_open(&engine->keys.cid, cid, &route))
		result->trusted[route.worker % workers]++;
	uint8_t *out = packet;
	*out++ = 0xc3;
	memcpy(out, "\0\0\0\1", 4);
	out += 4;
	*out++ = (uint8_t)bytes;
	memcpy(out, cid, bytes);
	out += bytes;
	*out++ = 8; /* the client's own */
	prng_fill(&prng, out, 8);
	out += 8;
	*out++ = 0; /* no token */
	const uint32_t rest = INITIAL_BYTES - (uint32_t)(out - packet) - 2;
	*out++ = (uint8_t)(0x40 | rest >> 8);
	*out++ = (uint8_t)rest;
	prng_fill(&prng, out, 32); /* packet number and the first of the payload */
}

/* From an address each of 127/8 and one of 16 ports: no 4-tuple twice. */
static void send_batch(enum kind kind, uint32_t count, struct result *result)
{
	static uint8_t packets[BATCH][INITIAL_BYTES];
	_Alignas(8) static uint8_t controls[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct mmsghdr messages[BATCH];
	struct iovec iovecs[BATCH];
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(engine->port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (uint32_t i = 0; i < count; i++) {
		make_initial(kind, packets[i], result);
		iovecs[i] = (struct iovec){packets[i], INITIAL_BYTES};
		messages[i].msg_hdr = (struct msghdr){.msg_name = &to,
						      .msg_namelen = sizeof(to),
						      .msg_iov = &iovecs[i],
						      .msg_iovlen = 1,
						      .msg_control = controls[i],
						      .msg_controllen = sizeof(controls[i])};
		const struct in_pktinfo from = {.ipi_spec_dst.s_addr =
							htonl(0x7f010000 + next_tuple++)};
		struct cmsghdr *header = CMSG_FIRSTHDR(&messages[i].msg_hdr);
		header->cmsg_level = IPPROTO_IP;
		header->cmsg_type = IP_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof(from));
		memcpy(CMSG_DATA(header), &from, sizeof(from));
	}
	const int fd = ports[prng_below(&prng, PORTS)];
	for (uint32_t sent = 0; sent < count;) {
		const int got = sendmmsg(fd, messages + sent, count - sent, 0);
		REQUIRE(got > 0);
		sent += (uint32_t)got;
	}
	result->sent += count;
}

static void add_counters(struct result *result, const struct quicd_counters *before)
{
	for (uint32_t i = 0; i < engine->options.workers; i++) {
		const uint64_t *from = (const uint64_t *)&before[i];
		const uint64_t *now = (const uint64_t *)engine->workers[i].counters;
		uint64_t *sum = (uint64_t *)&result->workers[i];
		for (size_t n = 0; n < sizeof(*before) / sizeof(uint64_t); n++)
			sum[n] += now[n] - from[n];
	}
}

/* |count| Initials of one kind; between chunks the live connection is kept so, uncounted. */
static struct result measure(enum kind kind, uint32_t count)
{
	struct result result = {0};
	struct quicd_counters before[WORKERS_MOST];
	while (result.sent < count) {
		engine_settle(engine);
		for (uint32_t i = 0; i < engine->options.workers; i++)
			before[i] = *engine->workers[i].counters;
		const uint64_t seen = seen_by_workers(), begun = client_now_ns();
		uint32_t sent = 0;
		const uint32_t chunk = count - result.sent < CHUNK ? count - result.sent : CHUNK;
		while (sent < chunk) {
			const uint32_t batch = chunk - sent < BATCH ? chunk - sent : BATCH;
			send_batch(kind, batch, &result);
			sent += batch;
			if (sent > UNDER_WAY)
				wait_for(seen + sent - UNDER_WAY);
		}
		wait_for(seen + sent);
		engine_settle(engine);
		result.elapsed_ns += client_now_ns() - begun;
		add_counters(&result, before);
		if (attacker.quiche) {
			qd_send_ack_eliciting(attacker.quiche);
			for (int i = 0; i < 5; i++)
				client_turn(&attacker, 1);
		}
	}
	return result;
}

/* The largest relative deviation of a share, and whether it is at all sockets within the bound. */
static double deviation(const struct result *result)
{
	const double workers = engine->options.workers;
	double worst = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++) {
		const double share = (double)result->workers[i].receive_datagrams / result->sent;
		worst = fmax(worst, fabs(share * workers - 1));
	}
	return worst;
}

static void print_result(enum kind kind, const struct result *result)
{
	const uint32_t workers = engine->options.workers;
	printf("     %-8s %u from %u 4-tuples: ", KIND_NAMES[kind], result->sent, result->sent);
	for (uint32_t i = 0; i < workers; i++)
		printf("%llu ", (unsigned long long)result->workers[i].receive_datagrams);
	printf("(%.2f %% off, sigma %.2f %%); by DCID ", 100 * deviation(result),
	       100 * sqrt((workers - 1.0) / result->sent));
	for (uint32_t i = 0; i < workers; i++)
		printf("%llu%s", (unsigned long long)result->trusted[i],
		       i + 1 < workers ? "/" : "; by its hash ");
	for (uint32_t i = 0; i < workers; i++)
		printf("%llu%s", (unsigned long long)result->hashed[i],
		       i + 1 < workers ? "/" : "\n");
}

/* What came to the owner through the rings is bounded, and each of the others is accounted for. */
static void check_forwarding(const struct result *result, uint32_t owner)
{
	const uint64_t most = (result->elapsed_ns + QUICD_FORWARD_INITIAL_BURST_NS *
							    (1 + result->sent / CHUNK)) /
				      QUICD_FORWARD_INITIAL_NS +
			      1;
	uint64_t forwarded = 0, limited = 0;
	for (uint32_t i = 0; i < engine->options.workers; i++) {
		const struct quicd_counters *c = &result->workers[i];
		if (i == owner)
			continue;
		CHECK(c->receive_forwarded <= most);
		CHECK(c->receive_forwarded + c->receive_forward_limited + c->receive_forward_full ==
		      c->receive_datagrams);
		CHECK(c->accepted == 0);
		forwarded += c->receive_forwarded;
		limited += c->receive_forward_limited;
	}
	CHECK(result->workers[owner].forward_received == forwarded);
	CHECK(forwarded > 0 && limited > 0);
	printf("     owner %u: %llu through the rings in %.2f s (at most %llu from each), %llu "
	       "refused by the rate\n",
	       owner, (unsigned long long)forwarded, (double)result->elapsed_ns / 1e9,
	       (unsigned long long)most, (unsigned long long)limited);
}

/* Its packets carry it, in the clear: RFC 9000 §17.3.1. */
static uint32_t learn_own_id(void)
{
	static uint8_t out[65536];
	struct qd_train train;
	struct quicd_cid_route route = {0};
	qd_send_ack_eliciting(attacker.quiche);
	const ssize_t bytes = qd_send_train(attacker.quiche, out, sizeof(out), 1, &train);
	REQUIRE(bytes > QUICD_CID_BYTES && (out[0] & 0x80) == 0);
	REQUIRE(send(attacker.fd, out, (size_t)bytes, 0) == bytes);
	memcpy(own_id, out + 1, QUICD_CID_BYTES);
	REQUIRE(quicd_cid_open(&engine->keys.cid, own_id, &route));
	return route.worker;
}

static void begin(uint32_t workers, enum quicd_routing routing)
{
	char error[512] = "";
	struct quicd_options options = default_options(workers);
	options.routing = routing;
	options.handshake_timeout_ms = 60000; /* the table fills once; then all are refused */
	engine = quicd_engine_start(&options, error, sizeof(error));
	if (!engine)
		fprintf(stderr, "start: %s\n", error);
	REQUIRE(engine != NULL);
	app = echo_start(engine);
	next_tuple = 0;
	for (uint32_t i = 0; i < PORTS; i++) {
		struct sockaddr_in any = {.sin_family = AF_INET};
		ports[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		REQUIRE(ports[i] >= 0);
		REQUIRE(bind(ports[i], (struct sockaddr *)&any, sizeof(any)) == 0);
	}
	memset(&attacker, 0, sizeof(attacker));
}

static void end(void)
{
	for (uint32_t i = 0; i < PORTS; i++)
		close(ports[i]);
	echo_stop(app);
	free(app);
	quicd_engine_stop(engine);
}

static void check_fair(enum kind kind, const struct result *result)
{
	uint64_t arrived = 0;
	print_result(kind, result);
	for (uint32_t i = 0; i < engine->options.workers; i++)
		arrived += result->workers[i].receive_datagrams;
	CHECK(arrived == result->sent);
	CHECK(deviation(result) <= DEVIATION_MAX);
}

static void cannot_be_aimed(uint32_t workers, enum quicd_routing routing)
{
	begin(workers, routing);
	const uint32_t count = initials_for(workers);
	client_open(&attacker, engine->port);
	REQUIRE(client_handshake(&attacker));
	CHECK(echo_stream(&attacker, 0, 1000, 0, NULL));
	const uint32_t owner = learn_own_id();

	const struct result replayed = measure(REPLAYED_ID, count);
	check_fair(REPLAYED_ID, &replayed);
	check_forwarding(&replayed, owner);
	CHECK(replayed.workers[owner].accepted == 0); /* they are the live connection's */
	CHECK(replayed.workers[owner].forward_unknown == 0);
	CHECK(replayed.workers[owner].connection_datagrams ==
	      replayed.workers[owner].receive_datagrams + replayed.workers[owner].forward_received);
	CHECK(echo_stream(&attacker, 4, 100000, 0, NULL)); /* which is none the worse for it */

	const struct result ground = measure(GROUND_IDS, count);
	check_fair(GROUND_IDS, &ground);
	check_forwarding(&ground, 0);
	/* Who came by the rings opened nothing; who came by himself did while there was room. */
	CHECK(ground.workers[0].forward_unknown == ground.workers[0].forward_received);
	CHECK(ground.workers[0].accepted > 0);
	CHECK(ground.workers[0].accepted + ground.workers[0].receive_refused ==
	      ground.workers[0].receive_datagrams);
	/* The control: by DCID, or by a hash that the attacker can compute, all went to one. */
	CHECK(ground.trusted[0] == count && ground.hashed[0] == count);

	const struct result random = measure(RANDOM_IDS, count);
	check_fair(RANDOM_IDS, &random);
	client_close(&attacker);
	end();
}

static void ebpf_2_workers(void)
{
	cannot_be_aimed(2, QUICD_ROUTING_EBPF);
}

static void forward_2_workers(void)
{
	cannot_be_aimed(2, QUICD_ROUTING_FORWARD);
}

static void ebpf_4_workers(void)
{
	cannot_be_aimed(4, QUICD_ROUTING_EBPF);
}

static void forward_4_workers(void)
{
	cannot_be_aimed(4, QUICD_ROUTING_FORWARD);
}

/* A server that leads all to worker 0, by the same measure. */
static void one_sided_routing_is_seen(void)
{
	begin(2, QUICD_ROUTING_SINGLE);
	const struct result random = measure(RANDOM_IDS, 20000);
	print_result(RANDOM_IDS, &random);
	CHECK(random.workers[0].receive_datagrams == random.sent);
	CHECK(deviation(&random) > DEVIATION_MAX);
	end();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
		bool ebpf, long_one; /* these are for the full tier */
	} CASES[] = {
		{"one-sided routing is seen", one_sided_routing_is_seen, true, false},
		{"cannot be aimed: ebpf, 2 workers", ebpf_2_workers, true, false},
		{"cannot be aimed: forward, 2 workers", forward_2_workers, false, false},
		{"cannot be aimed: ebpf, 4 workers", ebpf_4_workers, true, true},
		{"cannot be aimed: forward, 4 workers", forward_4_workers, false, true},
	};
	char reason[512] = "";
	const char *tier = getenv("QUICD_TIER");
	const bool brief = BRIEF || (tier && strcmp(tier, "default") == 0);
	const bool usable = quicd_steer_usable(reason, sizeof(reason));
	check_filter = argc > 1 ? argv[1] : NULL;
	prng = prng_start();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		if (CASES[i].long_one && brief)
			continue;
		if (CASES[i].ebpf && !usable)
			check_skip(CASES[i].name, reason);
		else
			check_case(CASES[i].name, CASES[i].run);
	}
	return check_finish();
}
