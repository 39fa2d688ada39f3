/*
 * probe_test.c - what probe.h finds, against what the kernel was told: sockets, ports, and devices
 * of a network namespace of our own, whose offloads the program ethtool turns off and on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"
#include "probe.h"

#define DEVICES_MAX 16

static void a_socket_is_granted_what_it_asks(void)
{
	struct quicd_probe_socket socket;
	char error[256] = "";
	REQUIRE(quicd_probe_socket(1 << 17, &socket, error, sizeof(error)));
	/* Linux 5.10, the oldest that is supported, has both. */
	CHECK(socket.gro && socket.gso);
	CHECK(socket.receive_buffer_bytes == 1 << 17);
	CHECK(socket.send_buffer_bytes == 1 << 17);
}

static void without_descriptors_the_reason_is_told(void)
{
	struct rlimit before;
	REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = before.rlim_max };
	struct quicd_probe_socket socket;
	struct quicd_probe_device device;
	char error[256] = "";
	REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
	const bool opened = quicd_probe_socket(1 << 17, &socket, error, sizeof(error));
	const int port = quicd_probe_port("127.0.0.1", 0);
	const uint32_t devices = quicd_probe_devices(&device, 1);
	REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK(!opened);
	CHECK(strstr(error, strerror(EMFILE)) != NULL);
	CHECK(port == EMFILE);
	CHECK(devices == 0);
}

/* Bound to |address|, whatever its port; shares it when asked to. */
static int taken_port(bool shared, in_addr_t address, uint16_t *port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = address };
	socklen_t bytes = sizeof(name);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int on = shared;
	REQUIRE(fd >= 0);
	REQUIRE(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
	REQUIRE(bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0);
	REQUIRE(getsockname(fd, (struct sockaddr *)&name, &bytes) == 0);
	*port = ntohs(name.sin_port);
	return fd;
}

static void a_taken_port_is_seen(void)
{
	for (int shared = 0; shared < 2; shared++) {
		uint16_t port = 0;
		const int fd = taken_port(shared, htonl(INADDR_LOOPBACK), &port);
		CHECK(quicd_probe_port("127.0.0.1", port) == EADDRINUSE);
		CHECK(quicd_probe_port("0.0.0.0", port) == EADDRINUSE);
		/* The dual-stack address covers IPv4, and ::1 does not. */
		CHECK(quicd_probe_port("::", port) == EADDRINUSE);
		CHECK(quicd_probe_port("::1", port) == 0);
		CHECK(quicd_probe_port("127.0.0.2", port) == 0);
		close(fd);
		CHECK(quicd_probe_port("::", port) == 0);
		CHECK(quicd_probe_port("::", port) == 0); /* asking took nothing */
	}
}

static void a_wrong_host_is_seen(void)
{
	CHECK(quicd_probe_port("localhost", 0) == EINVAL);
	CHECK(quicd_probe_port("", 0) == EINVAL);
	CHECK(quicd_probe_port("2001:db8::1", 0) == EADDRNOTAVAIL);
	CHECK(quicd_probe_port("192.0.2.200", 0) == EADDRNOTAVAIL);
}

static struct quicd_probe_device devices[DEVICES_MAX];

static const struct quicd_probe_device *device(const char *name)
{
	const uint32_t count = quicd_probe_devices(devices, DEVICES_MAX);
	for (uint32_t i = 0; i < count && i < DEVICES_MAX; i++)
		if (strcmp(devices[i].name, name) == 0)
			return &devices[i];
	return NULL;
}

static bool run(const char *command)
{
	return system(command) == 0;
}

static void offloads_of_loopback(void)
{
	CHECK(quicd_probe_devices(devices, DEVICES_MAX) == 0); /* there, but down */
	REQUIRE(run("ip link set lo up"));
	const struct quicd_probe_device *lo = device("lo");
	REQUIRE(lo);
	CHECK(lo->loopback && lo->driver[0] == 0);
	CHECK(lo->segmentation == QUICD_OFFLOAD_ON && lo->gro == QUICD_OFFLOAD_ON);
	CHECK(lo->checksum == QUICD_OFFLOAD_ON); /* fixed, but on */
	REQUIRE(run("ethtool -K lo tx-udp-segmentation off gro off >/dev/null"));
	lo = device("lo");
	REQUIRE(lo);
	CHECK(lo->segmentation == QUICD_OFFLOAD_OFF && lo->gro == QUICD_OFFLOAD_OFF);
	CHECK(lo->checksum == QUICD_OFFLOAD_ON);
	REQUIRE(run("ethtool -K lo tx-udp-segmentation on gro on >/dev/null"));
	lo = device("lo");
	REQUIRE(lo);
	CHECK(lo->segmentation == QUICD_OFFLOAD_ON && lo->gro == QUICD_OFFLOAD_ON);
}

/* Without checksums there is no segmentation either, though it is still asked for. */
static void offloads_of_veth(void)
{
	REQUIRE(run("ip link add probe0 type veth peer name probe1 && ip link set probe0 up"));
	const struct quicd_probe_device *veth = device("probe0");
	REQUIRE(veth);
	CHECK(!veth->loopback && strcmp(veth->driver, "veth") == 0);
	CHECK(veth->segmentation == QUICD_OFFLOAD_ON && veth->checksum == QUICD_OFFLOAD_ON);
	CHECK(!device("probe1"));
	REQUIRE(run("ethtool -K probe0 tx off >/dev/null"));
	veth = device("probe0");
	REQUIRE(veth);
	CHECK(veth->checksum == QUICD_OFFLOAD_OFF);
	CHECK(veth->segmentation == QUICD_OFFLOAD_FIXED);
	CHECK(quicd_probe_devices(devices, 1) == 2); /* more than there is room for: lo, probe0 */
}

/* After what needs the machine's own network. */
static void devices_of_a_namespace(void)
{
	if (unshare(CLONE_NEWNET) != 0 ||
	    !run("ip -V >/dev/null 2>&1 && ethtool --version >/dev/null 2>&1")) {
		check_skip("devices", "network devices: needs root, ip and ethtool");
		return;
	}
	check_case("offloads of loopback", offloads_of_loopback);
	check_case("offloads of a veth", offloads_of_veth);
}

int main(void)
{
	check_case("a socket is granted what it asks for", a_socket_is_granted_what_it_asks);
	check_case("without descriptors: the reason", without_descriptors_the_reason_is_told);
	check_case("a taken port is seen", a_taken_port_is_seen);
	check_case("a wrong host is seen", a_wrong_host_is_seen);
	devices_of_a_namespace();
	return check_finish();
}
