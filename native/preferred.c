/* preferred.c - see preferred.h. */
#include "preferred.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "connection.h"
#include "keys.h"
#include "worker.h"

static bool is_any(const struct qd_address *address)
{
	static const uint8_t any[sizeof(address->ip)];
	return memcmp(address->ip, any, sizeof(any)) == 0;
}

/* Whether the main socket hears what comes to |to|. */
static bool is_heard(const struct quicd_worker *worker, const struct qd_address *to)
{
	const struct qd_address *bound = &worker->net.udp.bound;
	if (to->port != bound->port)
		return false;
	if (is_any(bound)) /* that of IPv6 is dual stack */
		return bound->family == 6 || to->family == 4;
	return bound->family == to->family && memcmp(bound->ip, to->ip, sizeof(to->ip)) == 0;
}

bool quicd_preferred_takes_new(const struct quicd_worker *worker, const struct qd_address *to)
{
	return worker->net.sockets.count == 0 || is_heard(worker, to);
}

bool quicd_preferred_open(struct quicd_worker *worker, char *error, size_t error_bytes)
{
	const struct quicd_options *options = &worker->engine->options;
	for (size_t i = 0; i < QUICD_PREFERRED_MAX; i++) {
		const struct qd_address *at = &options->preferred[i];
		if (at->family == 0 || is_heard(worker, at))
			continue;
		char cause[256];
		if (quicd_socket_listen(worker, at, cause, sizeof(cause)) != QUICD_NONE)
			continue;
		snprintf(error, error_bytes,
			 "preferredAddress: %.200s; it must be an address of this machine", cause);
		return false;
	}
	return true;
}

void quicd_preferred_announce(struct quicd_connection *connection)
{
	struct quicd_worker *worker = connection->worker;
	const struct qd_address *preferred = worker->engine->options.preferred;
	if (preferred[0].family == 0 && preferred[1].family == 0)
		return;
	uint8_t cid[QUICD_CID_BYTES], token[QD_RESET_TOKEN_BYTES];
	quicd_cid_generate(worker, cid);
	quicd_keys_reset_token(&worker->engine->keys, cid, token);
	if (quicd_connection_add_cid(connection, cid, QUICD_CID_BYTES))
		qd_set_preferred_address(connection->quiche, &preferred[0], &preferred[1], cid,
					 token);
}

/* What |address| is reached over: a client may stay where it is, or go out, but not in. */
enum reach { REACH_NOWHERE, REACH_MACHINE, REACH_LINK, REACH_NETWORK };

static enum reach reach_of(const struct qd_address *address)
{
	const uint8_t *ip = address->ip;
	static const uint8_t loopback[16] = { [15] = 1 }, mapped[12] = { [10] = 0xff, 0xff };
	if (address->port == 0 || is_any(address))
		return REACH_NOWHERE;
	if (address->family == 4) {
		/* RFC 1122 §3.2.1.3; multicast and what is beyond it. */
		if (ip[0] == 0 || ip[0] >= 224)
			return REACH_NOWHERE;
		if (ip[0] == 127)
			return REACH_MACHINE;
		return ip[0] == 169 && ip[1] == 254 ? REACH_LINK : REACH_NETWORK;
	}
	/* An IPv4 address in IPv6's clothes is no way around the above (RFC 4291 §2.5.5.2). */
	if (ip[0] == 0xff || memcmp(ip, mapped, sizeof(mapped)) == 0)
		return REACH_NOWHERE;
	if (memcmp(ip, loopback, sizeof(loopback)) == 0)
		return REACH_MACHINE;
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80 ? REACH_LINK : REACH_NETWORK;
}

bool quicd_preferred_may_go(const struct qd_address *preferred, const struct qd_address *peer)
{
	const enum reach reach = reach_of(preferred);
	const bool same = preferred->port == peer->port && preferred->family == peer->family &&
			  memcmp(preferred->ip, peer->ip, sizeof(peer->ip)) == 0;
	return reach != REACH_NOWHERE && !same &&
	       (reach == REACH_NETWORK || reach == reach_of(peer));
}
