/* udp.c - see udp.h. */
#include "udp.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static bool fail(char *error, size_t error_bytes, const char *what, const char *remedy)
{
	snprintf(error, error_bytes, "%s: %s%s%s", what, strerror(errno), remedy[0] ? "; " : "",
		 remedy);
	return false;
}

static bool parse_host(const char *host, uint16_t port, struct sockaddr_storage *name,
		       socklen_t *bytes)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)name;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
	memset(name, 0, sizeof(*name));
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*bytes = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		*bytes = sizeof(*v6);
		return true;
	}
	return false;
}

static bool set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* Larger than rmem_max only with CAP_NET_ADMIN; what was granted is read back and shown. */
static uint32_t set_buffer(int fd, int option, int force_option, uint32_t bytes)
{
	if (!set(fd, SOL_SOCKET, force_option, (int)bytes))
		set(fd, SOL_SOCKET, option, (int)bytes);
	int granted = 0;
	socklen_t size = sizeof(granted);
	getsockopt(fd, SOL_SOCKET, option, &granted, &size);
	return (uint32_t)granted / 2; /* the kernel doubles it for its own bookkeeping */
}

/* The ECN field of what is sent: of IPv6, and of IPv4, which a dual-stack socket sends too. */
static bool mark_all(const struct quicd_udp *udp, int ecn)
{
	return (udp->family == AF_INET || set(udp->fd, IPPROTO_IPV6, IPV6_TCLASS, ecn)) &&
	       set(udp->fd, IPPROTO_IP, IP_TOS, ecn);
}

static bool configure(struct quicd_udp *udp, const struct quicd_options *options, char *error,
		      size_t error_bytes)
{
	const int fd = udp->fd;
	if (options->role == QUICD_ROLE_SERVER && !set(fd, SOL_SOCKET, SO_REUSEPORT, 1))
		return fail(error, error_bytes, "SO_REUSEPORT", "");
	if (udp->family == AF_INET6) {
		if (!set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) ||
		    !set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1))
			return fail(error, error_bytes, "dual-stack socket options",
				    "use an IPv4 host instead");
		set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	} else if (!set(fd, IPPROTO_IP, IP_PKTINFO, 1)) {
		return fail(error, error_bytes, "IP_PKTINFO", "");
	}
	/*
	 * On a dual-stack socket this holds for the IPv4 datagrams. PROBE: set DF, ignore the
	 * kernel's path MTU (RFC 9000 §14.3).
	 */
	set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	set(fd, IPPROTO_IP, IP_RECVTOS, 1);
	udp->gro = options->gro && set(fd, IPPROTO_UDP, UDP_GRO, 1);
	/* A size of 0 asks nothing; a kernel without UDP_SEGMENT refuses the option. */
	udp->gso = options->gso && set(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
	udp->ecn = options->ecn && mark_all(udp, QUICD_ECN_ECT0);
	if (options->ecn && !udp->ecn)
		mark_all(udp, 0); /* then each train says it by itself */
	udp->receive_buffer_bytes =
		set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, options->socket_buffer_bytes);
	udp->send_buffer_bytes =
		set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, options->socket_buffer_bytes);
	return true;
}

/*
 * Binds without SO_REUSEPORT for a moment: that fails if anyone has the port, sharing or not. Any
 * port becomes one in |name|: with SO_REUSEPORT the kernel may choose the one of another server of
 * the same user, and half of each one's clients would come to the other.
 */
static bool probe_port(int family, struct sockaddr_storage *name, socklen_t bytes)
{
	const int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true; /* the real open reports it */
	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	const bool bound = bind(fd, (const struct sockaddr *)name, bytes) == 0;
	const bool free = bound || errno != EADDRINUSE;
	if (bound)
		getsockname(fd, (struct sockaddr *)name, &bytes);
	close(fd);
	return free;
}

/* As quicd_udp_open_at. |host| is that of |name|, for people. */
static bool open_name(struct quicd_udp *udp, const struct quicd_options *options, const char *host,
		      struct sockaddr_storage *name, socklen_t bytes, bool probe, char *error,
		      size_t error_bytes)
{
	/* At the same place in both families. */
	const uint16_t port = ntohs(((struct sockaddr_in *)name)->sin_port);
	udp->family = name->ss_family;
	if (probe && !probe_port(udp->family, name, bytes)) {
		snprintf(error, error_bytes,
			 "UDP port %u is in use by another program; stop it or choose another port "
			 "(--port N, 0 for any)",
			 port);
		return false;
	}
	udp->fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (udp->fd < 0)
		return fail(error, error_bytes, "socket",
			    udp->family == AF_INET6 ? "without IPv6 use --host 0.0.0.0" : "");
	bool open = configure(udp, options, error, error_bytes);
	if (open && bind(udp->fd, (struct sockaddr *)name, bytes) != 0) {
		char what[96];
		snprintf(what, sizeof(what), "bind UDP %s port %u", host, port);
		open = fail(error, error_bytes, what,
			    errno == EACCES
				    ? "ports below 1024 need CAP_NET_BIND_SERVICE, or use --port N"
				    : "choose another host or port");
	}
	if (!open) {
		const int code = errno;
		quicd_udp_close(udp);
		errno = code;
		return false;
	}
	bytes = sizeof(*name);
	getsockname(udp->fd, (struct sockaddr *)name, &bytes);
	quicd_address_from((struct sockaddr *)name, &udp->bound);
	udp->port = udp->bound.port;
	return true;
}

bool quicd_udp_open(struct quicd_udp *udp, const struct quicd_options *options, uint16_t port,
		    bool probe, char *error, size_t error_bytes)
{
	struct sockaddr_storage name;
	socklen_t bytes = 0;
	*udp = (struct quicd_udp){ .fd = -1 };
	if (!parse_host(options->host, port, &name, &bytes)) {
		snprintf(error, error_bytes,
			 "host \"%s\" is no numeric address; use :: (dual stack), 0.0.0.0 or an "
			 "address of this machine",
			 options->host);
		return false;
	}
	return open_name(udp, options, options->host, &name, bytes, probe, error, error_bytes);
}

void quicd_udp_close(struct quicd_udp *udp)
{
	if (udp->fd >= 0)
		close(udp->fd);
	udp->fd = -1;
}

static void set_ipv6(struct qd_address *out, const struct in6_addr *address)
{
	if (IN6_IS_ADDR_V4MAPPED(address)) {
		out->family = 4;
		memset(out->ip, 0, sizeof(out->ip));
		memcpy(out->ip, &address->s6_addr[12], 4);
		return;
	}
	out->family = 6;
	memcpy(out->ip, address, 16);
}

bool quicd_address_from(const struct sockaddr *name, struct qd_address *out)
{
	memset(out, 0, sizeof(*out));
	if (name->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
		out->family = 4;
		out->port = ntohs(v4->sin_port);
		memcpy(out->ip, &v4->sin_addr, 4);
		return true;
	}
	if (name->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;
		set_ipv6(out, &v6->sin6_addr);
		out->port = ntohs(v6->sin6_port);
		out->scope_id = out->family == 6 ? v6->sin6_scope_id : 0;
		return true;
	}
	return false;
}

void quicd_udp_read_ancillary(const struct quicd_udp *udp, struct msghdr *message,
			      struct quicd_ancillary *out)
{
	*out = (struct quicd_ancillary){ .to = udp->bound };
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			set_ipv6(&out->to, &info.ipi6_addr);
			out->to.scope_id =
				out->to.family == 6 && IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)
					? info.ipi6_ifindex
					: 0;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(c), sizeof(info));
			out->to.family = 4;
			memset(out->to.ip, 0, sizeof(out->to.ip));
			memcpy(out->to.ip, &info.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
			out->ecn = *(const uint8_t *)CMSG_DATA(c) & QUICD_ECN_MASK;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
			int traffic_class = 0;
			memcpy(&traffic_class, CMSG_DATA(c), sizeof(traffic_class));
			out->ecn = (uint8_t)traffic_class & QUICD_ECN_MASK;
		} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
			int segment = 0;
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
			out->segment_bytes = segment > 0 ? (uint32_t)segment : 0;
		}
	}
}

static void put_ipv6(struct in6_addr *out, const struct qd_address *address)
{
	if (address->family == 6) {
		memcpy(out, address->ip, 16);
		return;
	}
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], address->ip, 4);
}

static socklen_t put_name(const struct quicd_udp *udp, struct sockaddr_storage *name,
			  const struct qd_address *to)
{
	memset(name, 0, sizeof(*name));
	if (udp->family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)name;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(to->port);
		memcpy(&v4->sin_addr, to->ip, 4);
		return sizeof(*v4);
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(to->port);
	v6->sin6_scope_id = to->scope_id;
	put_ipv6(&v6->sin6_addr, to);
	return sizeof(*v6);
}

bool quicd_udp_open_at(struct quicd_udp *udp, const struct quicd_options *options,
		       const struct qd_address *address, bool probe, char *error,
		       size_t error_bytes)
{
	struct sockaddr_storage name;
	char host[INET6_ADDRSTRLEN] = "";
	*udp = (struct quicd_udp){ .fd = -1,
				   .family = address->family == 4 ? AF_INET : AF_INET6 };
	inet_ntop(udp->family, address->ip, host, sizeof(host));
	const socklen_t bytes = put_name(udp, &name, address);
	return open_name(udp, options, host, &name, bytes, probe, error, error_bytes);
}

static struct cmsghdr *add_control(struct quicd_outgoing *out, int level, int type,
				   const void *bytes, size_t size)
{
	const size_t at = out->message.msg_controllen;
	assert(at + CMSG_SPACE(size) <= sizeof(out->control));
	struct cmsghdr *c = (struct cmsghdr *)(out->control + at);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(c), bytes, size);
	out->message.msg_controllen = at + CMSG_SPACE(size);
	return c;
}

void quicd_udp_prepare(const struct quicd_udp *udp, struct quicd_outgoing *out, uint8_t *bytes,
		       const struct qd_train *train)
{
	memset(&out->message, 0, sizeof(out->message));
	out->iovec = (struct iovec){ .iov_base = bytes, .iov_len = train->bytes };
	out->message.msg_iov = &out->iovec;
	out->message.msg_iovlen = 1;
	out->message.msg_name = &out->name;
	out->message.msg_namelen = put_name(udp, &out->name, &train->to);
	out->message.msg_control = out->control;
	if (udp->family == AF_INET) {
		struct in_pktinfo info = { 0 };
		memcpy(&info.ipi_spec_dst, train->from.ip, 4);
		add_control(out, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = train->from.scope_id };
		put_ipv6(&info.ipi6_addr, &train->from);
		add_control(out, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
	if (train->segments > 1) {
		const uint16_t segment = (uint16_t)train->segment_bytes;
		add_control(out, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	}
	/* Seldom: what the socket does by itself costs nothing. */
	if (train->ecn != udp->ecn) {
		const int ecn = train->ecn ? QUICD_ECN_ECT0 : 0;
		/* Also on a dual-stack socket an IPv4 datagram has a TOS. */
		if (train->to.family == 4)
			add_control(out, IPPROTO_IP, IP_TOS, &ecn, sizeof(ecn));
		else
			add_control(out, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof(ecn));
	}
}
