/*
 * stateless.h - answers to datagrams of no connection, for which nothing is kept. Each is smaller
 * than what it answers, and rate-limited: an attacker gets no more out than it sends in, and not
 * much of that.
 */
#pragma once
#include <stdint.h>
#include "quic_header.h"
#include "quiche/quicd_quiche.h"

struct quicd_worker;

/* Version Negotiation, RFC 9000 §6.1; only to what could begin a connection (§14.1). */
void quicd_stateless_version(struct quicd_worker *worker, const struct quicd_packet_header *header,
			     uint32_t datagram_bytes, const struct qd_address *from,
			     const struct qd_address *to);
/*
 * Retry, RFC 9000 §8.1.2: the client comes again with a token that proves its address. It may be
 * larger than a small Initial's share, but an Initial has 1200 bytes.
 */
void quicd_stateless_retry(struct quicd_worker *worker, const struct quicd_packet_header *header,
			   const struct qd_address *from, const struct qd_address *to);
/*
 * Stateless Reset, RFC 9000 §10.3, for a short header whose CID this worker has drawn and knows no
 * more: its peer then ends the connection at once instead of after its idle timeout. Whoever asks
 * with a CID that is in use, or that is not of this server, learns nothing.
 */
void quicd_stateless_reset(struct quicd_worker *worker, const struct quicd_packet_header *header,
			   uint32_t datagram_bytes, const struct qd_address *from,
			   const struct qd_address *to);
/*
 * Client: a datagram for no connection, with a short header. Tells the connection whose server has
 * forgotten it, if it is that. It carries no ID of ours, so those with its addresses are asked; a
 * flood of such datagrams is not looked at.
 */
void quicd_stateless_heard(struct quicd_worker *worker, const uint8_t *bytes, uint32_t length,
			   const struct qd_address *from, const struct qd_address *to);
