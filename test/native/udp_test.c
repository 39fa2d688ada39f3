/*
 * udp_test.c - the worker's socket over real loopback: what a datagram's control messages say, and
 * that the answer leaves from the address it came to. IPv4 and dual stack; 127.0.0.2 stands for a
 * second address of the machine.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>
#include "check.h"
#include "udp.h"

static struct quicd_udp udp;

static bool open_udp(const char *host)
{
	char error[256] = "";
	struct quicd_options options = {.gro = true, .gso = true, .socket_buffer_bytes = 1 << 20};
	snprintf(options.host, sizeof(options.host), "%s", host);
	if (quicd_udp_open(&udp, &options, QUICD_PORT_ANY, false, error, sizeof(error)))
		return true;
	fprintf(stderr, "%s: %s\n", host, error);
	return false;
}

/* A plain client that sends to |to| at the server's port; its family is that of the text. */
static int client_to(const char *to, struct sockaddr_storage *server, socklen_t *bytes)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)server;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)server;
	memset(server, 0, sizeof(*server));
	if (inet_pton(AF_INET, to, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(udp.port);
		*bytes = sizeof(*v4);
	} else {
		REQUIRE(inet_pton(AF_INET6, to, &v6->sin6_addr) == 1);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(udp.port);
		*bytes = sizeof(*v6);
	}
	const int fd = socket(server->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	REQUIRE(fd >= 0);
	return fd;
}

struct arrived {
	uint8_t bytes[65536];
	ssize_t length;
	struct qd_address from;
	struct quicd_ancillary ancillary;
};
static struct arrived arrived;

static void receive(void)
{
	struct sockaddr_storage name;
	_Alignas(8) uint8_t control[QUICD_RECEIVE_CONTROL_BYTES];
	struct iovec iovec = {.iov_base = arrived.bytes, .iov_len = sizeof(arrived.bytes)};
	struct msghdr message = {.msg_name = &name,
				 .msg_namelen = sizeof(name),
				 .msg_iov = &iovec,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct pollfd wait = {.fd = udp.fd, .events = POLLIN};
	REQUIRE(poll(&wait, 1, 2000) == 1);
	arrived.length = recvmsg(udp.fd, &message, 0);
	REQUIRE(arrived.length >= 0);
	CHECK((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0);
	CHECK(quicd_address_from((struct sockaddr *)&name, &arrived.from));
	quicd_udp_read_ancillary(&udp, &message, &arrived.ancillary);
	arrived.ancillary.to.port = udp.port;
}

static ssize_t answer(uint8_t *bytes, uint32_t length, uint32_t segments)
{
	static struct quicd_outgoing out;
	const struct qd_train train = {.bytes = length,
				       .segment_bytes = segments > 1 ? length / segments : length,
				       .segments = segments,
				       .from = arrived.ancillary.to,
				       .to = arrived.from};
	quicd_udp_prepare(&udp, &out, bytes, &train);
	return sendmsg(udp.fd, &out.message, 0);
}

/* There and back: the unmapped addresses on our side, the same 4-tuple on the client's. */
static void round_trip(const char *to, uint8_t family)
{
	struct sockaddr_storage server, from = {0};
	socklen_t bytes, from_bytes = sizeof(from);
	const int fd = client_to(to, &server, &bytes);
	CHECK(sendto(fd, "ping", 4, 0, (struct sockaddr *)&server, bytes) == 4);
	receive();
	CHECK(arrived.length == 4 && memcmp(arrived.bytes, "ping", 4) == 0);
	struct qd_address expected;
	CHECK(quicd_address_from((struct sockaddr *)&server, &expected));
	CHECK(expected.family == family);
	CHECK(memcmp(&arrived.ancillary.to, &expected, sizeof(expected)) == 0);
	CHECK(arrived.from.family == family);
	CHECK(arrived.ancillary.segment_bytes == 0);
	uint8_t reply[] = "pong";
	CHECK(answer(reply, 4, 1) == 4);
	uint8_t got[16];
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	REQUIRE(poll(&wait, 1, 2000) == 1);
	CHECK(recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &from_bytes) == 4);
	CHECK(from_bytes == bytes && memcmp(&from, &server, bytes) == 0);
	close(fd);
}

static void ipv4_socket(void)
{
	REQUIRE(open_udp("0.0.0.0"));
	CHECK(udp.family == AF_INET);
	round_trip("127.0.0.1", 4);
	round_trip("127.0.0.2", 4);
	quicd_udp_close(&udp);
	quicd_udp_close(&udp); /* harmless */
}

static void dual_stack_socket(void)
{
	REQUIRE(open_udp("::"));
	CHECK(udp.family == AF_INET6);
	round_trip("127.0.0.1", 4);
	round_trip("127.0.0.2", 4);
	round_trip("::1", 6);
	quicd_udp_close(&udp);
}

/* UDP_SEGMENT takes a train apart for any receiver; UDP_GRO gives one of ours its size. */
static void trains(const char *to)
{
	static uint8_t train[5 * 1200];
	struct sockaddr_storage server;
	socklen_t bytes;
	const int fd = client_to(to, &server, &bytes);
	CHECK(sendto(fd, "go", 2, 0, (struct sockaddr *)&server, bytes) == 2);
	receive();
	for (size_t i = 0; i < sizeof(train); i++)
		train[i] = (uint8_t)(i / 1200);
	REQUIRE(udp.gso && udp.gro);
	CHECK(answer(train, sizeof(train), 5) == sizeof(train));
	for (int i = 0; i < 5; i++) {
		uint8_t got[65536];
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		REQUIRE(poll(&wait, 1, 2000) == 1);
		CHECK(recv(fd, got, sizeof(got), 0) == 1200);
		CHECK(got[0] == i && got[1199] == i);
	}
	/* To ourselves: both ends of the train in one socket. */
	arrived.from = arrived.ancillary.to;
	CHECK(answer(train, sizeof(train) - 100, 5) > 0);
	uint32_t total = 0;
	while (total < sizeof(train) - 100) {
		receive();
		total += (uint32_t)arrived.length;
		if (arrived.ancillary.segment_bytes == 0)
			CHECK(arrived.length <= 1180);
		else
			CHECK(arrived.ancillary.segment_bytes == 1180);
	}
	CHECK(total == sizeof(train) - 100);
	close(fd);
}

static void trains_both_families(void)
{
	REQUIRE(open_udp("::"));
	trains("127.0.0.2");
	trains("::1");
	quicd_udp_close(&udp);
}

/* RFC 9000 §13.4: a train has the mark that it is to have, whatever the socket does by itself. */
static void marks(const char *host, struct qd_address self, bool by_socket)
{
	static struct quicd_outgoing out;
	static uint8_t bytes[3 * 1200];
	char error[256] = "";
	struct quicd_options options = {
		.gso = true, .socket_buffer_bytes = 1 << 20, .ecn = by_socket};
	snprintf(options.host, sizeof(options.host), "%s", host);
	REQUIRE(quicd_udp_open(&udp, &options, QUICD_PORT_ANY, false, error, sizeof(error)));
	CHECK(udp.ecn == by_socket);
	self.port = udp.port;
	for (int i = 0; i < 4; i++) {
		const uint32_t segments = i < 2 ? 1 : 3;
		const struct qd_train train = {.bytes = segments * 1200,
					       .segment_bytes = 1200,
					       .segments = segments,
					       .ecn = i % 2 == 0,
					       .from = self,
					       .to = self};
		quicd_udp_prepare(&udp, &out, bytes, &train);
		CHECK(sendmsg(udp.fd, &out.message, 0) == train.bytes);
		for (uint32_t segment = 0; segment < segments; segment++) {
			receive();
			CHECK(arrived.length == 1200);
			CHECK(arrived.ancillary.ecn == (train.ecn ? QUICD_ECN_ECT0 : 0));
		}
	}
	quicd_udp_close(&udp);
}

static void marks_on_all_sockets(void)
{
	const struct qd_address v4 = {.family = 4, .ip = {127, 0, 0, 1}};
	const struct qd_address v6 = {.family = 6, .ip = {[15] = 1}};
	for (int by_socket = 0; by_socket < 2; by_socket++) {
		marks("127.0.0.1", v4, by_socket);
		marks("::1", v6, by_socket);
		marks("::", v4, by_socket);
		marks("::", v6, by_socket);
	}
}

static void mapped_addresses_are_unmapped(void)
{
	struct sockaddr_in6 mapped = {
		.sin6_family = AF_INET6, .sin6_port = htons(4433), .sin6_scope_id = 3};
	REQUIRE(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr) == 1);
	struct qd_address address;
	memset(&address, 0xa5, sizeof(address));
	CHECK(quicd_address_from((struct sockaddr *)&mapped, &address));
	const struct qd_address expected = {.family = 4, .port = 4433, .ip = {192, 0, 2, 7}};
	CHECK(memcmp(&address, &expected, sizeof(expected)) == 0);
	REQUIRE(inet_pton(AF_INET6, "fe80::1", &mapped.sin6_addr) == 1);
	CHECK(quicd_address_from((struct sockaddr *)&mapped, &address));
	CHECK(address.family == 6 && address.scope_id == 3 && address.ip[0] == 0xfe);
	const struct sockaddr other = {.sa_family = AF_UNIX};
	CHECK(!quicd_address_from(&other, &address));
}

/* Two of ours share the port; someone else's is told of, with what to do. */
static void a_taken_port_is_refused(void)
{
	REQUIRE(open_udp("127.0.0.1"));
	struct quicd_udp second;
	char error[256] = "";
	const struct quicd_options options = {.host = "127.0.0.1", .socket_buffer_bytes = 1 << 16};
	CHECK(!quicd_udp_open(&second, &options, udp.port, true, error, sizeof(error)));
	CHECK(strstr(error, "in use") != NULL);
	CHECK(quicd_udp_open(&second, &options, udp.port, false, error, sizeof(error)));
	CHECK(second.port == udp.port);
	quicd_udp_close(&second);
	const struct quicd_options named = {.host = "localhost"};
	CHECK(!quicd_udp_open(&second, &named, 0, false, error, sizeof(error)));
	CHECK(strstr(error, "no numeric address") != NULL);
	quicd_udp_close(&udp);
}

/*
 * Of 28,000 ports: left to the kernel, 500 sockets that share would have about four in common, and
 * none in 1 of 80 runs.
 */
static void any_port_is_nobody_elses(void)
{
	enum { SOCKETS = 500 };
	static struct quicd_udp all[SOCKETS];
	char error[256] = "";
	const struct quicd_options options = {.host = "127.0.0.1", .socket_buffer_bytes = 1 << 16};
	for (uint32_t i = 0; i < SOCKETS; i++) {
		REQUIRE(quicd_udp_open(&all[i], &options, QUICD_PORT_ANY, true, error,
				       sizeof(error)));
		for (uint32_t other = 0; other < i; other++)
			CHECK(all[other].port != all[i].port);
	}
	for (uint32_t i = 0; i < SOCKETS; i++)
		quicd_udp_close(&all[i]);
}

int main(void)
{
	check_case("mapped addresses are unmapped", mapped_addresses_are_unmapped);
	check_case("IPv4: the answer leaves from where it came to", ipv4_socket);
	check_case("dual stack: the answer leaves from where it came to", dual_stack_socket);
	check_case("trains out and in", trains_both_families);
	check_case("marks as each train says", marks_on_all_sockets);
	check_case("a taken port is refused, a shared one is not", a_taken_port_is_refused);
	check_case("any port is nobody else's", any_port_is_nobody_elses);
	return check_finish();
}
