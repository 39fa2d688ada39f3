/* napi_options.c - see napi_options.h. */
#include "napi_options.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "limits.h"
#include "quiche/quicd_quiche.h"

struct reader {
	napi_env env;
	napi_value object;
	char *error;
	size_t error_bytes;
	bool ok;
};

static napi_value property(struct reader *r, const char *key)
{
	napi_value value = NULL;
	napi_get_named_property(r->env, r->object, key, &value);
	return value;
}

static void refuse(struct reader *r, const char *key, const char *what)
{
	if (r->ok)
		snprintf(r->error, r->error_bytes, "option %s: %s", key, what);
	r->ok = false;
}

static uint64_t integer(struct reader *r, const char *key, uint64_t minimum, uint64_t maximum)
{
	double value = -1;
	if (napi_get_value_double(r->env, property(r, key), &value) != napi_ok ||
	    value != (double)(uint64_t)value || value < (double)minimum ||
	    value > (double)maximum) {
		char what[96];
		snprintf(what, sizeof(what), "must be an integer from %llu to %llu",
			 (unsigned long long)minimum, (unsigned long long)maximum);
		refuse(r, key, what);
		return minimum;
	}
	return (uint64_t)value;
}

static bool flag(struct reader *r, const char *key)
{
	bool value = false;
	if (napi_get_value_bool(r->env, property(r, key), &value) != napi_ok)
		refuse(r, key, "must be true or false");
	return value;
}

static void text(struct reader *r, const char *key, char *out, size_t capacity)
{
	size_t bytes = 0;
	napi_value value = property(r, key);
	if (napi_get_value_string_utf8(r->env, value, NULL, 0, &bytes) != napi_ok ||
	    bytes >= capacity) {
		refuse(r, key, "must be a text, not longer than its limit");
		return;
	}
	napi_get_value_string_utf8(r->env, value, out, capacity, &bytes);
}

static char *long_text(struct reader *r, const char *key, size_t *bytes)
{
	*bytes = 0;
	napi_value value = property(r, key);
	if (napi_get_value_string_utf8(r->env, value, NULL, 0, bytes) != napi_ok ||
	    *bytes > (1 << 20)) {
		refuse(r, key, "must be a text of at most 1 MiB");
		return NULL;
	}
	char *out = malloc(*bytes + 1);
	if (!out) {
		refuse(r, key, "no memory for it");
		return NULL;
	}
	napi_get_value_string_utf8(r->env, value, out, *bytes + 1, bytes);
	return out;
}

static uint32_t choice(struct reader *r, const char *key, const char *const *names, uint32_t count)
{
	char name[32] = "";
	text(r, key, name, sizeof(name));
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	refuse(r, key, "is none of the known names");
	return 0;
}

/* RFC 7301 wire format: a length byte and the name, for each. */
static void alpn_list(struct reader *r, uint8_t out[QUICD_ALPN_BYTES], size_t *out_bytes)
{
	napi_value list = property(r, "alpn");
	uint32_t count = 0;
	if (napi_get_array_length(r->env, list, &count) != napi_ok || count == 0 ||
	    count > QUICD_ALPNS_MAX) {
		refuse(r, "alpn", "must list 1 to 32 protocol names");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		napi_value value = NULL;
		char name[256];
		size_t bytes = 0;
		napi_get_element(r->env, list, i, &value);
		if (napi_get_value_string_utf8(r->env, value, name, sizeof(name), &bytes) !=
			    napi_ok ||
		    bytes == 0 || bytes > 254 ||
		    *out_bytes + 1 + bytes > QUICD_ALPN_BYTES) {
			refuse(r, "alpn", "a name must have 1 to 254 bytes");
			return;
		}
		out[(*out_bytes)++] = (uint8_t)bytes;
		memcpy(out + *out_bytes, name, bytes);
		*out_bytes += bytes;
	}
}

/*
 * Copies a byte array of up to |most| parts of |part| bytes; returns how many, 0 for null and
 * undefined.
 */
static uint32_t byte_array(struct reader *r, const char *key, uint8_t *out, size_t part,
			   uint32_t most, const char *what)
{
	napi_value value = property(r, key);
	napi_valuetype type = napi_undefined;
	napi_typeof(r->env, value, &type);
	if (type == napi_null || type == napi_undefined)
		return 0;
	napi_typedarray_type kind;
	size_t bytes = 0;
	void *memory = NULL;
	if (napi_get_typedarray_info(r->env, value, &kind, &bytes, &memory, NULL, NULL) !=
		    napi_ok ||
	    bytes == 0 || bytes % part != 0 || bytes / part > most) {
		refuse(r, key, what);
		return 0;
	}
	memcpy(out, memory, bytes);
	return (uint32_t)(bytes / part);
}

static void read_keys(struct reader *r, struct quicd_options *o)
{
	o->has_secret =
		byte_array(r, "secret", o->secret, sizeof(o->secret), 1, "must be 32 bytes") == 1;
	byte_array(r, "earlyContext", o->early_context, sizeof(o->early_context), 1,
		   "must be 32 bytes");
	o->ticket_key_count =
		byte_array(r, "ticketKeys", o->ticket_keys[0], QUICD_TICKET_KEY_BYTES,
			   QUICD_TICKET_KEYS_MAX, "must be 1 to 16 keys of 48 bytes");
}

/* "192.0.2.7:4434" or "[2001:db8::7]:4434"; "" for none. */
static void endpoint(struct reader *r, const char *key, uint8_t family, struct qd_address *out)
{
	char given[INET6_ADDRSTRLEN + sizeof("[]:65535")] = "";
	text(r, key, given, sizeof(given));
	if (!given[0])
		return;
	char *colon = strrchr(given, ':'), *end = given;
	const unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	char *host = given + (family == 6);
	char *host_end = colon ? colon - (family == 6) : given;
	const bool bracketed = family == 4 || (given[0] == '[' && host_end > host &&
					       *host_end == ']');
	if (colon)
		*host_end = 0;
	if (port == 0 || port > 65535 || *end != 0 || !bracketed ||
	    inet_pton(family == 4 ? AF_INET : AF_INET6, host, out->ip) != 1)
		refuse(r, key, "must be an address of its family and a port");
	out->family = family;
	out->port = (uint16_t)port;
}

static void read_network(struct reader *r, struct quicd_options *o)
{
	static const char *const ROLES[] = { "server", "client" };
	static const char *const BACKENDS[] = { "auto", "io_uring", "syscalls" };
	static const char *const ROUTINGS[] = { "auto",	 "ebpf",   "forward",
						"wrong", "single", "random" };
	o->role = (enum quicd_role)choice(r, "role", ROLES, 2);
	text(r, "host", o->host, sizeof(o->host));
	o->port = (uint16_t)integer(r, "port", 0, 65535);
	o->workers = (uint32_t)integer(r, "workers", 1, QUICD_WORKERS_MAX);
	o->apps = (uint32_t)integer(r, "apps", 1, QUICD_APPS_MAX);
	o->pin = flag(r, "pin");
	o->gro = flag(r, "gro");
	o->gso = flag(r, "gso");
	o->backend = (enum quicd_backend)choice(r, "backend", BACKENDS, 3);
	o->routing = (enum quicd_routing)choice(r, "routing", ROUTINGS, 6);
	o->no_forwarding = !flag(r, "forwarding");
	o->receive_pool_bytes = integer(r, "receivePoolBytes", 1 << 20, 1ull << 32);
	o->socket_buffer_bytes = (uint32_t)integer(r, "socketBufferBytes", 65536, 1 << 30);
	o->ring_capacity = (uint32_t)integer(r, "ringCapacity", 256, 1 << 20);
	if (o->ring_capacity & (o->ring_capacity - 1))
		refuse(r, "ringCapacity", "must be a power of two");
	if (o->role == QUICD_ROLE_CLIENT && o->port != 0)
		refuse(r, "port", "must be 0 for a client");
	if (o->role == QUICD_ROLE_CLIENT)
		return;
	endpoint(r, "preferredIpv4", 4, &o->preferred[0]);
	endpoint(r, "preferredIpv6", 6, &o->preferred[1]);
}

/* Any of them, or none: an array of names. */
static void cipher_list(struct reader *r, struct quicd_ciphers *out)
{
	static const char *const NAMES[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
					     "TLS_CHACHA20_POLY1305_SHA256" };
	static const char KEY[] = "ciphers";
	napi_value list = property(r, KEY);
	uint32_t count = 0;
	if (napi_get_array_length(r->env, list, &count) != napi_ok || count > QUICD_CIPHERS_MAX) {
		refuse(r, KEY, "must list at most three cipher suites");
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		napi_value value = NULL;
		char name[32] = "";
		size_t bytes = 0;
		uint32_t n = 0;
		napi_get_element(r->env, list, i, &value);
		napi_get_value_string_utf8(r->env, value, name, sizeof(name), &bytes);
		while (n < QUICD_CIPHERS_MAX && strcmp(name, NAMES[n]) != 0)
			n++;
		if (n == QUICD_CIPHERS_MAX) {
			refuse(r, KEY, "names a cipher suite that is none of TLS 1.3's");
			return;
		}
		out->ids[out->count++] = (uint16_t)(0x1301 + n);
	}
}

/* enum qd_versions; the last is a client's. */
static const char *const VERSIONS[] = { "any", "v1", "v2", "v2-first" };
static const char *const CONGESTION[] = { "cubic", "reno", "bbr2" };

static void read_quic(struct reader *r, struct quicd_options *o)
{
	static const char *const RETRIES[] = { "never", "always", "under-load" };
	o->max_idle_timeout_ms = integer(r, "maxIdleTimeoutMs", 1, 1ull << 32);
	o->handshake_timeout_ms = integer(r, "handshakeTimeoutMs", 100, 1ull << 32);
	o->initial_rtt_ms = integer(r, "initialRttMs", 1, 60000);
	o->max_udp_payload_bytes = (uint32_t)integer(r, "maxUdpPayloadBytes", 1200, 65507);
	o->connection_window_bytes = integer(r, "connectionWindowBytes", 1024, 1ull << 32);
	o->stream_window_bytes = integer(r, "streamWindowBytes", 1024, 1ull << 32);
	o->streams_bidi = integer(r, "streamsBidi", 1, 1 << 20);
	o->streams_uni = integer(r, "streamsUni", 3, 1 << 20);
	o->active_connection_id_limit =
		integer(r, "activeConnectionIdLimit", 2, QUICD_CIDS_PER_CONNECTION - 2);
	o->datagram_queue = (uint32_t)integer(r, "datagramQueue", 0, 1 << 20);
	o->congestion = choice(r, "congestion", CONGESTION, 3);
	if (o->congestion == QD_BBR2 && !flag(r, "pacing"))
		o->congestion = QD_BBR2_UNPACED;
	o->versions = choice(r, "version", VERSIONS, 3);
	o->retry = (enum quicd_retry)choice(r, "retry", RETRIES, 3);
	o->path_mtu_discovery = flag(r, "pathMtuDiscovery");
	o->ecn = flag(r, "ecn");
	o->early_data = flag(r, "earlyData");
	cipher_list(r, &o->ciphers);
	o->connections = (uint32_t)integer(r, "connections", 1, 1 << 20);
	o->worker_memory_bytes = integer(r, "workerMemoryBytes", 0, 1ull << 50);
	o->connection_memory_bytes = integer(r, "connectionMemoryBytes", 0, 1ull << 50);
	o->prefix_retry = (uint32_t)integer(r, "prefixRetry", 0, 1 << 20);
	o->prefix_max = (uint32_t)integer(r, "prefixMax", 0, 1 << 20);
	o->handshake_rate = (uint32_t)integer(r, "handshakeRate", 0, 1 << 20);
	o->stream_chunks = (uint32_t)integer(r, "streamChunks", 2, 65536);
	o->connection_events = (uint32_t)integer(r, "connectionEvents", 16, 1 << 20);
}

/* As the configuration's [telemetry] section says it; numbers and texts are checked there. */
static void read_qlog(struct reader *r, struct quicd_qlog_options *o)
{
	static const char *const LEVELS[] = { "core", "base", "extra" };
	text(r, "qlogDirectory", o->directory, sizeof(o->directory));
	o->level = choice(r, "qlogLevel", LEVELS, 3);
	o->every = (uint32_t)integer(r, "qlogEvery", 0, UINT32_MAX);
	o->file_bytes = integer(r, "qlogFileBytes", 1024, 1ull << 40);
	o->directory_bytes = integer(r, "qlogDirectoryBytes", 1024, 1ull << 40);
	o->files = (uint32_t)integer(r, "qlogFiles", 1, UINT32_MAX);
	text(r, "qlogAlpn", o->alpn, sizeof(o->alpn));
	char address[INET6_ADDRSTRLEN] = "", id[33] = "";
	text(r, "qlogPeer", address, sizeof(address));
	if (address[0] && inet_pton(AF_INET, address, o->peer_ip) == 1)
		o->peer_family = 4;
	else if (address[0] && inet_pton(AF_INET6, address, o->peer_ip) == 1)
		o->peer_family = 6;
	else if (address[0])
		refuse(r, "qlogPeer", "must be an IP address");
	o->peer_bits = (uint32_t)integer(r, "qlogPeerBits", 0, o->peer_family == 4 ? 32 : 128);
	text(r, "qlogId", id, sizeof(id));
	const size_t digits = strspn(id, "0123456789abcdef");
	if (id[digits] != 0)
		refuse(r, "qlogId", "must be lower-case hex digits");
	for (size_t i = 0; i < digits; i++) {
		const char digit = id[i];
		const uint8_t value = (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
		o->id_prefix[i / 2] |= (uint8_t)(i % 2 ? value : value << 4);
	}
	o->id_bits = 4 * (uint32_t)digits;
}

bool quicd_napi_options(napi_env env, napi_value object, struct quicd_options *options, char *error,
			size_t error_bytes)
{
	struct reader r = { env, object, error, error_bytes, true };
	memset(options, 0, sizeof(*options));
	read_network(&r, options);
	read_quic(&r, options);
	read_qlog(&r, &options->qlog);
	if (options->role == QUICD_ROLE_SERVER) {
		options->certificate_pem =
			long_text(&r, "certificatePem", &options->certificate_pem_bytes);
		options->private_key_pem =
			long_text(&r, "privateKeyPem", &options->private_key_pem_bytes);
		alpn_list(&r, options->alpn, &options->alpn_bytes);
	}
	read_keys(&r, options);
	text(&r, "keylogPath", options->keylog_path, sizeof(options->keylog_path));
	if (!r.ok)
		quicd_napi_options_free(options);
	return r.ok;
}

void quicd_napi_options_free(struct quicd_options *options)
{
	if (options->private_key_pem)
		explicit_bzero((char *)options->private_key_pem, options->private_key_pem_bytes);
	free((char *)options->private_key_pem);
	free((char *)options->certificate_pem);
	options->private_key_pem = options->certificate_pem = NULL;
}

/* 0, "as the engine's options say", when it is not given. */
static uint64_t optional_integer(struct reader *r, const char *key, uint64_t minimum,
				 uint64_t maximum)
{
	napi_valuetype type = napi_undefined;
	napi_typeof(r->env, property(r, key), &type);
	return type == napi_undefined ? 0 : integer(r, key, minimum, maximum);
}

bool quicd_napi_profile(napi_env env, napi_value object, struct quicd_profile *profile, char *error,
			size_t error_bytes)
{
	struct reader r = { env, object, error, error_bytes, true };
	memset(profile, 0, sizeof(*profile));
	alpn_list(&r, profile->alpn, &profile->alpn_bytes);
	profile->verify = flag(&r, "verify");
	profile->early_data = flag(&r, "earlyData");
	profile->congestion = choice(&r, "congestion", CONGESTION, 3);
	profile->versions = choice(&r, "version", VERSIONS, 4);
	cipher_list(&r, &profile->ciphers);
	profile->initial_rtt_ms = optional_integer(&r, "initialRttMs", 1, 60000);
	profile->max_idle_timeout_ms = optional_integer(&r, "maxIdleTimeoutMs", 1, 1ull << 32);
	profile->connection_window_bytes =
		optional_integer(&r, "connectionWindowBytes", 1024, 1ull << 32);
	profile->stream_window_bytes = optional_integer(&r, "streamWindowBytes", 1024, 1ull << 32);
	profile->streams_bidi = optional_integer(&r, "streamsBidi", 1, 1 << 20);
	profile->streams_uni = optional_integer(&r, "streamsUni", 3, 1 << 20);
	profile->ca_pem = long_text(&r, "caPem", &profile->ca_pem_bytes);
	profile->certificate_pem = long_text(&r, "certificatePem", &profile->certificate_pem_bytes);
	profile->private_key_pem = long_text(&r, "privateKeyPem", &profile->private_key_pem_bytes);
	if (!r.ok)
		quicd_napi_profile_free(profile);
	return r.ok;
}

void quicd_napi_profile_free(struct quicd_profile *profile)
{
	if (profile->private_key_pem)
		explicit_bzero((char *)profile->private_key_pem, profile->private_key_pem_bytes);
	free((char *)profile->private_key_pem);
	free((char *)profile->certificate_pem);
	free((char *)profile->ca_pem);
	profile->private_key_pem = profile->certificate_pem = profile->ca_pem = NULL;
}
