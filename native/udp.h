/*
 * udp.h - the socket of a worker, and what travels beside a datagram: addresses, GRO and GSO sizes.
 *
 * Addresses are unmapped once, here: quiche and everything above never see ::ffff:a.b.c.d.
 */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "limits.h"
#include "options.h"
#include "quiche/quicd_quiche.h"

struct quicd_udp {
	int fd;
	int family;    /* AF_INET6 is dual stack when bound to "::" */
	uint16_t port; /* host order */
	bool gro;
	bool gso;
	bool ecn; /* what is sent leaves as ECT(0) unless a control message says otherwise */
	uint32_t receive_buffer_bytes; /* granted by the kernel */
	uint32_t send_buffer_bytes;
	struct qd_address bound; /* the address given to bind; family 6 and zero for "::" */
};

/*
 * One socket, of a server with SO_REUSEPORT. |port| 0: any (udp->port tells). Probes first without
 * SO_REUSEPORT when |probe|, so that a second server on the port is refused instead of silently
 * sharing it, and any port is one that nobody has: the kernel gives a sharing socket any port that
 * another of the same user shares. A client's has its port alone. False with the cause and remedy
 * in |error|, and with errno where it was the kernel.
 */
bool quicd_udp_open(struct quicd_udp *udp, const struct quicd_options *options, uint16_t port,
		    bool probe, char *error, size_t error_bytes);
/* The same at |address|, whatever the options' host is. */
bool quicd_udp_open_at(struct quicd_udp *udp, const struct quicd_options *options,
		       const struct qd_address *address, bool probe, char *error,
		       size_t error_bytes);
void quicd_udp_close(struct quicd_udp *udp);

/* RFC 3168 §5. */
#define QUICD_ECN_MASK 3
#define QUICD_ECN_ECT1 1
#define QUICD_ECN_ECT0 2
#define QUICD_ECN_CE 3

/* What the control messages of a received datagram or train say. */
struct quicd_ancillary {
	struct qd_address to;   /* where it was sent to: our address and port */
	uint32_t segment_bytes; /* UDP_GRO; 0: one datagram */
	uint8_t ecn; /* the two bits of RFC 3168 §5, of every datagram of the train */
};
void quicd_udp_read_ancillary(const struct quicd_udp *udp, struct msghdr *message,
			      struct quicd_ancillary *out);

/* |name| is what recvmsg gave. False for another family. */
bool quicd_address_from(const struct sockaddr *name, struct qd_address *out);

/*
 * Room for a sendmsg: name, iovec, and control with IPV6_PKTINFO or IP_PKTINFO, UDP_SEGMENT and the
 * ECN field.
 */
struct quicd_outgoing {
	struct msghdr message;
	struct iovec iovec;
	struct sockaddr_storage name;
	_Alignas(8) uint8_t control[128];
};
/*
 * The train leaves from |train->from|, the address that the peer's datagrams came to (RFC 9000
 * §9).
 */
void quicd_udp_prepare(const struct quicd_udp *udp, struct quicd_outgoing *out, uint8_t *bytes,
		       const struct qd_train *train);
