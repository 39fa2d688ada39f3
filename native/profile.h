/*
 * profile.h - what the connections of a client share: whom they trust, who they are, what they
 * offer. JavaScript adds profiles, CONNECT names one by its number; each worker makes the
 * configuration of a profile when it first needs it, since those belong to one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "options.h"

struct quicd_engine;
struct quicd_worker;
struct quicd_profiles;
struct qd_config;

#define QUICD_PROFILES_MAX 256 /* of an engine; each is kept until the engine ends */

/* Zero it first: 0 in a number means what the engine's options say. */
struct quicd_profile {
	uint8_t alpn[QUICD_ALPN_BYTES]; /* wire format, most wanted first */
	size_t alpn_bytes;
	bool verify; /* the server's certificate, against its name or address */
	const char *ca_pem;
	size_t ca_pem_bytes; /* 0: the system's store */
	const char *certificate_pem; /* the client's own, chain leaf first */
	size_t certificate_pem_bytes; /* 0: none */
	const char *private_key_pem;
	size_t private_key_pem_bytes;
	bool early_data; /* sessions are used for 0-RTT where CONNECT asks for it */
	uint32_t congestion; /* enum qd_congestion */
	struct quicd_ciphers ciphers; /* all that are offered, or none: TLS's own choice */
	uint32_t versions; /* enum qd_versions */
	uint64_t initial_rtt_ms;
	uint64_t max_idle_timeout_ms;
	uint64_t connection_window_bytes;
	uint64_t stream_window_bytes;
	uint64_t streams_bidi; /* that the server may open */
	uint64_t streams_uni;
};

struct quicd_profiles *quicd_profiles_create(void);
/* Forgets what the profiles hold, keys first. The rest stays: a late call may look at it. */
void quicd_profiles_end(struct quicd_profiles *profiles);
/* After the end, where no late call can come any more. */
void quicd_profiles_free(struct quicd_profiles *profiles);
/*
 * Any thread. Copies |profile| and gives its number, the same for equal contents; QUICD_NONE with
 * cause and remedy in |error| when PEM, key or a value is refused, or there are too many.
 */
uint32_t quicd_profile_add(struct quicd_engine *engine, const struct quicd_profile *profile,
			   char *error, size_t error_bytes);
/* NULL for a number that was never given. */
const struct quicd_profile *quicd_profile_at(const struct quicd_engine *engine, uint32_t number);

bool quicd_profile_configs_create(struct quicd_worker *worker);
void quicd_profile_configs_destroy(struct quicd_worker *worker);
/*
 * Worker: the configuration of a profile; NULL for an unknown one, and when it cannot be made
 * (memory). Reads PEM when it is made: milliseconds for a large bundle.
 */
struct qd_config *quicd_profile_config(struct quicd_worker *worker, uint32_t number);
