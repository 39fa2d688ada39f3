/*
 * steer_kernel_test.c - the steering program in the kernel against bpf/steer.h on the host: four
 * real sockets, generated datagrams and trains from loopback. For each the host says which counter
 * moves and which socket receives; what goes by the hash goes where a datagram of one byte from the
 * same address went.
 */
#include <netinet/udp.h>
#include <poll.h>
#include <unistd.h>
#include "check.h"
#include "client.h"
#include "engine.h"
#include "server_options.h"
#include "steer.h"
#include "steer_packet.h"
#include "worker.h"

#define WORKERS 4u
#define SOURCES 64u
#define NOWHERE 99u

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

struct group {
	struct quicd_engine engine;
	struct quicd_steer *steer;
	bool open[WORKERS];
	int sources[SOURCES];
	uint32_t hashed_to[SOURCES];
	uint32_t arrived[WORKERS]; /* of all cases: that each socket was needed */
};
static struct group group;
static struct prng prng;

static int *fd_of(uint32_t worker)
{
	return &group.engine.workers[worker].net.udp.fd;
}

/* Waits for |bytes| in all, at least one datagram: the one socket that has them, or NOWHERE. */
static uint32_t receive(size_t bytes)
{
	static uint8_t buffer[65536];
	struct pollfd fds[WORKERS];
	uint32_t place = NOWHERE;
	size_t got = 0;
	bool any = false;
	while (!any || got < bytes) {
		for (uint32_t i = 0; i < WORKERS; i++)
			fds[i] = (struct pollfd){.fd = *fd_of(i), .events = POLLIN};
		if (poll(fds, WORKERS, 2000) <= 0)
			return NOWHERE;
		for (uint32_t i = 0; i < WORKERS; i++) {
			const ssize_t part = fds[i].revents & POLLIN
						     ? recv(*fd_of(i), buffer, sizeof(buffer), 0)
						     : -1;
			if (part < 0)
				continue;
			if (any && place != i)
				return NOWHERE;
			place = i;
			any = true;
			got += (size_t)part;
		}
	}
	group.arrived[place]++;
	return place;
}

/* As one datagram, or as a train of |segment| bytes each. */
static void send_train(uint32_t source, const uint8_t *bytes, size_t length, uint16_t segment)
{
	_Alignas(8) uint8_t control[CMSG_SPACE(sizeof(segment))] = {0};
	struct iovec iovec = {.iov_base = (void *)bytes, .iov_len = length};
	struct msghdr message = {.msg_iov = &iovec, .msg_iovlen = 1};
	if (segment > 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = IPPROTO_UDP;
		header->cmsg_type = UDP_SEGMENT;
		header->cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(header), &segment, sizeof(segment));
	}
	REQUIRE(sendmsg(group.sources[source], &message, 0) == (ssize_t)length);
}

/* Which counter moved, by one; NOWHERE for none or several. */
static uint32_t moved(const struct quicd_steer_counters *before)
{
	struct quicd_steer_counters after;
	uint32_t class = NOWHERE, steps = 0;
	quicd_steer_read_counters(group.steer, &after);
	for (uint32_t i = 0; i < QUICD_STEER_CLASSES; i++) {
		if (after.packets[i] == before->packets[i])
			continue;
		class = i;
		steps += (uint32_t)(after.packets[i] - before->packets[i]);
	}
	return steps == 1 ? class : NOWHERE;
}

/* The table's entries are the group's; what the CID says is cut to the table's size. */
static uint32_t socket_of(struct quicd_cid_route route)
{
	const uint32_t worker = route.worker;
	return route.generation == 0 && worker < WORKERS && group.open[worker] ? worker : NOWHERE;
}

/* Sends it and compares. The program cannot see where a train's first datagram ends. */
static uint32_t compare(uint32_t source, const uint8_t *bytes, size_t length, uint16_t segment)
{
	struct quicd_cid_route route = {0};
	struct quicd_steer_counters before;
	uint32_t class = quicd_steer_read(&group.engine.keys.cid, bytes, (uint32_t)length, &route);
	uint32_t place = group.hashed_to[source];
	if (class == QUICD_STEER_DECODED) {
		if (socket_of(route) == NOWHERE)
			class = QUICD_STEER_MISS;
		else
			place = socket_of(route);
	}
	quicd_steer_read_counters(group.steer, &before);
	send_train(source, bytes, length, segment);
	const uint32_t arrived = receive(length);
	const uint32_t counted = moved(&before);
	if ((arrived != place || counted != class) && check_case_failures < 5)
		fprintf(stderr, "%zu bytes in segments of %u, %02x%02x%02x%02x%02x%02x...: "
				"class %u at %u, wanted %u at %u\n",
			length, segment, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5],
			counted, arrived, class, place);
	CHECK(arrived == place && counted == class);
	return class;
}

/* Where the hash leads each source: a byte is no QUIC packet. */
static void ask_the_hash(void)
{
	for (uint32_t i = 0; i < SOURCES; i++) {
		send_train(i, (const uint8_t *)"", 1, 0);
		group.hashed_to[i] = receive(1);
		REQUIRE(group.hashed_to[i] < WORKERS);
	}
}

static void open_socket(uint32_t worker, uint16_t port)
{
	char error[256] = "";
	struct quicd_udp *udp = &group.engine.workers[worker].net.udp;
	const struct quicd_options options = default_options(WORKERS);
	if (!quicd_udp_open(udp, &options, port, false, error, sizeof(error)))
		fprintf(stderr, "%s\n", error);
	REQUIRE(udp->fd >= 0);
	group.open[worker] = true;
}

static void open_group(enum quicd_steer_mode mode)
{
	char error[512] = "";
	memset(&group, 0, sizeof(group));
	group.engine.options = default_options(WORKERS);
	prng_fill(&prng, &group.engine.keys, sizeof(group.engine.keys));
	group.engine.workers = calloc(WORKERS, sizeof(*group.engine.workers));
	REQUIRE(group.engine.workers != NULL);
	for (uint32_t i = 0; i < WORKERS; i++)
		open_socket(i, group.engine.workers[0].net.udp.port);
	group.steer = quicd_steer_attach(&group.engine, mode, error, sizeof(error));
	if (!group.steer)
		fprintf(stderr, "%s\n", error);
	REQUIRE(group.steer != NULL);
	for (uint32_t i = 0; i < SOURCES; i++) {
		struct qd_address unused;
		group.sources[i] = client_socket(group.engine.workers[0].net.udp.port, &unused);
	}
	ask_the_hash();
}

static void close_group(void)
{
	for (uint32_t i = 0; i < SOURCES; i++)
		close(group.sources[i]);
	for (uint32_t i = 0; i < WORKERS; i++)
		quicd_udp_close(&group.engine.workers[i].net.udp);
	quicd_steer_free(group.steer);
	free(group.engine.workers);
}

static void print_classes(const uint32_t classes[QUICD_STEER_CLASSES])
{
	printf("     decoded %u, hashed %u, foreign %u, short %u, miss %u; at the sockets",
	       classes[0], classes[1], classes[2], classes[3], classes[4]);
	for (uint32_t i = 0; i < WORKERS; i++)
		printf(" %u", group.arrived[i]);
	printf("\n");
}

/* |count| generated datagrams, some of them as long as a path takes. */
static void compare_datagrams(uint32_t count)
{
	static uint8_t bytes[1472];
	uint32_t classes[QUICD_STEER_CLASSES] = {0};
	for (uint32_t i = 0; i < count; i++) {
		uint32_t length =
			steer_packet(&prng, &group.engine.keys.cid, WORKERS, bytes);
		if (length == STEER_PACKET_BYTES && prng_below(&prng, 2))
			length = STEER_PACKET_BYTES +
				 prng_below(&prng, sizeof(bytes) - STEER_PACKET_BYTES + 1);
		classes[compare(prng_below(&prng, SOURCES), bytes, length, 0)]++;
	}
	print_classes(classes);
	for (uint32_t i = 0; i <= QUICD_STEER_MISS; i++)
		CHECK(classes[i] > count / 200);
}

static void datagrams_go_as_the_host_says(void)
{
	open_group(QUICD_STEER_OWNER);
	compare_datagrams(20000);
	for (uint32_t i = 0; i < WORKERS; i++)
		CHECK(group.arrived[i] > 1000);
	close_group();
}

/*
 * Of 2 to 40 datagrams, each generated by itself. Where the first is shorter than a head, what is
 * read as its end belongs to the next; whoever gets the train looks at each datagram anyway.
 */
static void trains_go_by_their_first_octets(void)
{
	static uint8_t bytes[40 * 1472];
	uint32_t classes[QUICD_STEER_CLASSES] = {0};
	open_group(QUICD_STEER_OWNER);
	for (uint32_t i = 0; i < 6000; i++) {
		uint8_t packet[STEER_PACKET_BYTES];
		const uint32_t count = 2 + prng_below(&prng, 39);
		uint16_t segment = (uint16_t)(1 + prng_below(&prng, 1400));
		if (prng_below(&prng, 3) == 0)
			segment = (uint16_t)(20 + prng_below(&prng, 8)); /* near a head's */
		for (uint32_t n = 0; n < count; n++) {
			steer_packet(&prng, &group.engine.keys.cid, WORKERS, packet);
			memcpy(bytes + n * segment, packet,
			       segment < sizeof(packet) ? segment : sizeof(packet));
		}
		const size_t last = 1 + prng_below(&prng, segment);
		const size_t length = (count - 1) * (size_t)segment + last;
		classes[compare(prng_below(&prng, SOURCES), bytes, length, segment)]++;
	}
	print_classes(classes);
	for (uint32_t i = 0; i <= QUICD_STEER_MISS; i++)
		CHECK(i == QUICD_STEER_SHORT || classes[i] > 60);
	close_group();
}

static void compare_ids_of(uint32_t worker, enum quicd_steer_class wanted)
{
	for (uint32_t i = 0; i < 500; i++) {
		uint8_t packet[STEER_PACKET_BYTES] = {0x40};
		steer_cid(&prng, &group.engine.keys.cid,
			  (struct quicd_cid_route){.worker = (unsigned char)worker}, packet + 1);
		CHECK(compare(prng_below(&prng, SOURCES), packet, sizeof(packet), 0) == wanted);
	}
}

/*
 * Every generation and worker there can be, sealed as one with our key would; and every value of
 * the two octets that say so, under an ID whose check is for one of them.
 */
static void every_route_and_every_forgery(void)
{
	uint32_t sealed[QUICD_STEER_CLASSES] = {0}, forged[QUICD_STEER_CLASSES] = {0};
	open_group(QUICD_STEER_OWNER);
	uint8_t packet[STEER_PACKET_BYTES] = {0x40}, altered[STEER_PACKET_BYTES];
	uint8_t *id = packet + 1, *masked = altered + 1 + QUICD_CID_MASKED;
	steer_cid(&prng, &group.engine.keys.cid, (struct quicd_cid_route){.worker = 1}, id);
	memcpy(altered, packet, sizeof(altered));
	for (uint32_t value = 0; value < 1 << 16; value++) {
		const struct quicd_cid_route route = {.generation = (unsigned char)(value >> 8),
						      .worker = (unsigned char)value};
		quicd_cid_seal(&group.engine.keys.cid, route, id);
		sealed[compare(value % SOURCES, packet, sizeof(packet), 0)]++;
		masked[0] = (uint8_t)(value >> 8);
		masked[1] = (uint8_t)value;
		forged[compare(value % SOURCES, altered, sizeof(altered), 0)]++;
	}
	print_classes(sealed);
	print_classes(forged);
	CHECK(sealed[QUICD_STEER_DECODED] == WORKERS);
	/* 256 generations of as many workers as there can be; no ID names others. */
	CHECK(sealed[QUICD_STEER_MISS] == 256 * QUICD_WORKERS_MAX - WORKERS);
	CHECK(sealed[QUICD_STEER_FOREIGN] == 256 * (256 - QUICD_WORKERS_MAX));
	/* The true value, and one in 65536 of the others by chance. */
	CHECK(forged[QUICD_STEER_DECODED] + forged[QUICD_STEER_MISS] <= 8);
	CHECK(forged[QUICD_STEER_FOREIGN] >= (1 << 16) - 8);
	close_group();
}

/* The kernel takes a closed socket out of the table; a new one takes its slot. */
static void a_closed_socket_is_missed(void)
{
	const uint32_t closed = 2;
	uint32_t before[SOURCES], moved_on = 0;
	open_group(QUICD_STEER_OWNER);
	memcpy(before, group.hashed_to, sizeof(before));
	compare_ids_of(closed, QUICD_STEER_DECODED);
	quicd_udp_close(&group.engine.workers[closed].net.udp);
	group.open[closed] = false;
	ask_the_hash();
	for (uint32_t i = 0; i < SOURCES; i++) {
		/* Nobody else's addresses move; those of the closed one go to the next. */
		CHECK(group.hashed_to[i] == (before[i] == closed ? closed + 1 : before[i]));
		moved_on += before[i] == closed;
	}
	CHECK(moved_on > 0);
	compare_ids_of(closed, QUICD_STEER_MISS);
	compare_datagrams(5000);
	open_socket(closed, group.engine.workers[0].net.udp.port);
	CHECK(quicd_steer_replace(group.steer, closed, QUICD_NONE, *fd_of(closed)));
	ask_the_hash();
	CHECK(memcmp(before, group.hashed_to, sizeof(before)) == 0);
	compare_ids_of(closed, QUICD_STEER_DECODED);
	compare_datagrams(5000);
	close_group();
}

/* One after the other down to a single one: nothing is dropped as long as one is left. */
static void the_last_socket_takes_all(void)
{
	open_group(QUICD_STEER_OWNER);
	for (uint32_t i = 0; i < WORKERS - 1; i++) {
		quicd_udp_close(&group.engine.workers[i].net.udp);
		group.open[i] = false;
		ask_the_hash();
		compare_datagrams(1000);
	}
	for (uint32_t i = 0; i < SOURCES; i++)
		CHECK(group.hashed_to[i] == WORKERS - 1);
	close_group();
}

/* The modes for measuring: only packets whose ID was read are led elsewhere, SINGLE leads all. */
static void modes_for_measuring(void)
{
	static const enum quicd_steer_mode MODES[] = {QUICD_STEER_WRONG, QUICD_STEER_SINGLE,
						      QUICD_STEER_RANDOM};
	for (uint32_t m = 0; m < sizeof(MODES) / sizeof(MODES[0]); m++) {
		uint32_t at[WORKERS] = {0};
		open_group(MODES[m]);
		for (uint32_t i = 0; i < SOURCES; i++)
			CHECK(MODES[m] != QUICD_STEER_SINGLE || group.hashed_to[i] == 0);
		for (uint32_t i = 0; i < 2000; i++) {
			uint8_t packet[STEER_PACKET_BYTES] = {0x40};
			const uint32_t owner = i % WORKERS;
			steer_cid(&prng, &group.engine.keys.cid,
				  (struct quicd_cid_route){.worker = (unsigned char)owner},
				  packet + 1);
			send_train(i % SOURCES, packet, sizeof(packet), 0);
			const uint32_t place = receive(sizeof(packet));
			REQUIRE(place < WORKERS);
			at[(place + WORKERS - owner) % WORKERS]++;
			CHECK(MODES[m] != QUICD_STEER_SINGLE || place == 0);
			CHECK(MODES[m] != QUICD_STEER_WRONG || place == (owner + 1) % WORKERS);
		}
		/* 500 each, with a standard deviation of 19. */
		for (uint32_t i = 0; i < WORKERS && MODES[m] == QUICD_STEER_RANDOM; i++)
			CHECK(at[i] > 380 && at[i] < 620);
		close_group();
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} CASES[] = {
		{"datagrams go as the host says", datagrams_go_as_the_host_says},
		{"every route, and every forgery", every_route_and_every_forgery},
		{"trains go by their first octets", trains_go_by_their_first_octets},
		{"a closed socket is missed, a new one found", a_closed_socket_is_missed},
		{"the last socket takes all", the_last_socket_takes_all},
		{"modes for measuring", modes_for_measuring},
	};
	char reason[512] = "";
	const bool usable = quicd_steer_usable(reason, sizeof(reason));
	check_filter = argc > 1 ? argv[1] : NULL;
	prng = prng_start();
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		if (usable)
			check_case(CASES[i].name, CASES[i].run);
		else
			check_skip(CASES[i].name, reason);
	}
	return check_finish();
}
