/*
 * probe.c - see probe.h. A device's features come from the ioctls behind the program ethtool: their
 * names once for each device, then two words of bits for every 32 of them.
 */
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
/* <limits.h> is our own here, and the next header wants this of the system's. */
#ifndef INT_MAX
#define INT_MAX __INT_MAX__
#endif
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "udp.h"

/* Far beyond the 66 that Linux 6.18 has; a count is the kernel's, and still not believed. */
#define FEATURES_MAX 512
#define WORDS_MAX (FEATURES_MAX / 32)

bool quicd_probe_socket(uint32_t buffer_bytes, struct quicd_probe_socket *out, char *error,
			size_t error_bytes)
{
	/* IPv4, which is there everywhere; these options do not depend on the address. */
	const struct quicd_options options = {
		.host = "127.0.0.1", .gro = true, .gso = true, .socket_buffer_bytes = buffer_bytes
	};
	struct quicd_udp udp;
	if (!quicd_udp_open(&udp, &options, QUICD_PORT_ANY, false, error, error_bytes))
		return false;
	*out = (struct quicd_probe_socket){ .gro = udp.gro,
					    .gso = udp.gso,
					    .receive_buffer_bytes = udp.receive_buffer_bytes,
					    .send_buffer_bytes = udp.send_buffer_bytes };
	quicd_udp_close(&udp);
	return true;
}

/* As udp.c reads it: what it refuses must not be found good here. */
static socklen_t parse(const char *host, uint16_t port, struct sockaddr_storage *name)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)name;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
	memset(name, 0, sizeof(*name));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

int quicd_probe_port(const char *host, uint16_t port)
{
	struct sockaddr_storage name;
	const socklen_t bytes = parse(host, port, &name);
	if (bytes == 0)
		return EINVAL;
	const int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	const int off = 0;
	if (name.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	const int result = bind(fd, (const struct sockaddr *)&name, bytes) == 0 ? 0 : errno;
	close(fd);
	return result;
}

/* One device at a time; |request| names it. */
struct probe {
	int fd;
	struct ifreq request;
	uint32_t count; /* of features */
	char (*names)[ETH_GSTRING_LEN];
	struct ethtool_get_features_block words[WORDS_MAX];
};

static bool ask(struct probe *probe, void *command)
{
	probe->request.ifr_data = command;
	return ioctl(probe->fd, SIOCETHTOOL, &probe->request) == 0;
}

static bool read_count(struct probe *probe)
{
	union {
		struct ethtool_sset_info info;
		uint8_t bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
	} sets = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };
	if (!ask(probe, &sets) || sets.info.sset_mask == 0)
		return false;
	probe->count = sets.info.data[0];
	return probe->count > 0 && probe->count <= FEATURES_MAX;
}

/* |strings| has room for FEATURES_MAX names. */
static bool read_features(struct probe *probe, struct ethtool_gstrings *strings)
{
	probe->count = 0;
	if (!read_count(probe))
		return false;
	*strings = (struct ethtool_gstrings){ .cmd = ETHTOOL_GSTRINGS,
					      .string_set = ETH_SS_FEATURES,
					      .len = probe->count };
	union {
		struct ethtool_gfeatures head;
		uint8_t bytes[sizeof(struct ethtool_gfeatures) + sizeof(probe->words)];
	} features = { .head = { .cmd = ETHTOOL_GFEATURES, .size = (probe->count + 31) / 32 } };
	if (!ask(probe, strings) || !ask(probe, &features))
		return false;
	probe->names = (char(*)[ETH_GSTRING_LEN])strings->data;
	memcpy(probe->words, features.head.features, sizeof(probe->words));
	return true;
}

static enum quicd_offload offload(const struct probe *probe, const char *name)
{
	for (uint32_t i = 0; i < probe->count; i++) {
		if (strncmp(probe->names[i], name, ETH_GSTRING_LEN) != 0)
			continue;
		const struct ethtool_get_features_block *word = &probe->words[i / 32];
		const uint32_t bit = 1u << i % 32;
		if (word->active & bit)
			return QUICD_OFFLOAD_ON;
		const uint32_t deaf = word->never_changed | word->requested | ~word->available;
		return deaf & bit ? QUICD_OFFLOAD_FIXED : QUICD_OFFLOAD_OFF;
	}
	return QUICD_OFFLOAD_UNKNOWN;
}

static enum quicd_offload better(enum quicd_offload one, enum quicd_offload other)
{
	/* ON < OFF < FIXED, and what is unknown says nothing. */
	if (one == QUICD_OFFLOAD_UNKNOWN)
		return other;
	return other != QUICD_OFFLOAD_UNKNOWN && other < one ? other : one;
}

/* A device computes checksums of all protocols, or of each that it knows. */
static enum quicd_offload checksum(const struct probe *probe)
{
	const enum quicd_offload any = offload(probe, "tx-checksum-ip-generic");
	const enum quicd_offload ipv4 = better(any, offload(probe, "tx-checksum-ipv4"));
	const enum quicd_offload ipv6 = better(any, offload(probe, "tx-checksum-ipv6"));
	return ipv4 > ipv6 ? ipv4 : ipv6;
}

static void read_driver(struct probe *probe, struct quicd_probe_device *device)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	if (ask(probe, &info))
		snprintf(device->driver, sizeof(device->driver), "%.31s", info.driver);
}

/* False for a device that is down. */
static bool read_device(struct probe *probe, const char *name, struct ethtool_gstrings *strings,
			struct quicd_probe_device *device)
{
	memset(&probe->request, 0, sizeof(probe->request));
	snprintf(probe->request.ifr_name, IFNAMSIZ, "%s", name);
	if (ioctl(probe->fd, SIOCGIFFLAGS, &probe->request) != 0 ||
	    !(probe->request.ifr_flags & IFF_UP))
		return false;
	*device = (struct quicd_probe_device){ .loopback =
						       probe->request.ifr_flags & IFF_LOOPBACK };
	snprintf(device->name, sizeof(device->name), "%s", name);
	read_driver(probe, device);
	if (!read_features(probe, strings))
		return true;
	device->segmentation = offload(probe, "tx-udp-segmentation");
	device->gro = offload(probe, "rx-gro");
	device->checksum = checksum(probe);
	return true;
}

uint32_t quicd_probe_devices(struct quicd_probe_device *devices, uint32_t capacity)
{
	uint32_t count = 0;
	struct probe probe = { .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	struct if_nameindex *names = if_nameindex();
	struct ethtool_gstrings *strings =
		malloc(sizeof(*strings) + (size_t)FEATURES_MAX * ETH_GSTRING_LEN);
	struct quicd_probe_device device;
	for (const struct if_nameindex *i = names; i && strings && i->if_name; i++) {
		if (!read_device(&probe, i->if_name, strings, &device))
			continue;
		if (count < capacity)
			devices[count] = device;
		count++;
	}
	free(strings);
	if (names)
		if_freenameindex(names);
	if (probe.fd >= 0)
		close(probe.fd);
	return count;
}
