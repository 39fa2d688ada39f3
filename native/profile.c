/* profile.c - see profile.h. */
#include "profile.h"
#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "engine.h"
#include "worker.h"

struct quicd_profiles {
	pthread_mutex_t lock; /* of those who add; workers look only below |count| */
	_Atomic uint32_t count;
	bool ended;
	struct quicd_profile *entries[QUICD_PROFILES_MAX];
};

struct quicd_profiles *quicd_profiles_create(void)
{
	struct quicd_profiles *profiles = calloc(1, sizeof(*profiles));
	if (profiles)
		pthread_mutex_init(&profiles->lock, NULL);
	return profiles;
}

static void free_profile(struct quicd_profile *profile)
{
	if (profile->private_key_pem)
		explicit_bzero((char *)profile->private_key_pem, profile->private_key_pem_bytes);
	free((char *)profile->private_key_pem);
	free((char *)profile->certificate_pem);
	free((char *)profile->ca_pem);
	free(profile);
}

void quicd_profiles_end(struct quicd_profiles *profiles)
{
	if (!profiles)
		return;
	pthread_mutex_lock(&profiles->lock);
	profiles->ended = true;
	const uint32_t count = atomic_exchange(&profiles->count, 0);
	for (uint32_t i = 0; i < count; i++)
		free_profile(profiles->entries[i]);
	pthread_mutex_unlock(&profiles->lock);
}

void quicd_profiles_free(struct quicd_profiles *profiles)
{
	if (profiles)
		pthread_mutex_destroy(&profiles->lock);
	free(profiles);
}

static bool same_text(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
	return a_bytes == b_bytes && (a_bytes == 0 || memcmp(a, b, a_bytes) == 0);
}

static bool equal(const struct quicd_profile *a, const struct quicd_profile *b)
{
	return a->alpn_bytes == b->alpn_bytes && memcmp(a->alpn, b->alpn, a->alpn_bytes) == 0 &&
	       a->verify == b->verify && a->early_data == b->early_data &&
	       a->congestion == b->congestion && a->versions == b->versions &&
	       a->initial_rtt_ms == b->initial_rtt_ms &&
	       a->ciphers.count == b->ciphers.count &&
	       memcmp(a->ciphers.ids, b->ciphers.ids, sizeof(a->ciphers.ids)) == 0 &&
	       a->max_idle_timeout_ms == b->max_idle_timeout_ms &&
	       a->connection_window_bytes == b->connection_window_bytes &&
	       a->stream_window_bytes == b->stream_window_bytes &&
	       a->streams_bidi == b->streams_bidi && a->streams_uni == b->streams_uni &&
	       same_text(a->ca_pem, a->ca_pem_bytes, b->ca_pem, b->ca_pem_bytes) &&
	       same_text(a->certificate_pem, a->certificate_pem_bytes, b->certificate_pem,
			 b->certificate_pem_bytes) &&
	       same_text(a->private_key_pem, a->private_key_pem_bytes, b->private_key_pem,
			 b->private_key_pem_bytes);
}

static uint64_t or(uint64_t value, uint64_t otherwise)
{
	return value != 0 ? value : otherwise;
}

static struct qd_config *make_config(const struct quicd_engine *engine,
				     const struct quicd_profile *profile, char *error,
				     size_t error_bytes)
{
	const struct quicd_options *o = &engine->options;
	struct qd_config_options options = quicd_worker_transport(o);
	options.certificate_pem = profile->certificate_pem;
	options.certificate_pem_bytes = profile->certificate_pem_bytes;
	options.private_key_pem = profile->private_key_pem;
	options.private_key_pem_bytes = profile->private_key_pem_bytes;
	options.ca_pem = profile->ca_pem;
	options.ca_pem_bytes = profile->ca_pem_bytes;
	options.alpn = profile->alpn;
	options.alpn_bytes = profile->alpn_bytes;
	options.verify_peer = profile->verify;
	options.early_data = profile->early_data;
	options.log_keys = engine->keylog_fd >= 0;
	options.congestion = (enum qd_congestion)profile->congestion;
	options.versions = (enum qd_versions)profile->versions;
	options.ciphers = profile->ciphers.ids;
	options.cipher_count = profile->ciphers.count;
	options.initial_rtt_ms = or(profile->initial_rtt_ms, o->initial_rtt_ms);
	options.max_idle_timeout_ms = or(profile->max_idle_timeout_ms, o->max_idle_timeout_ms);
	options.initial_max_data = options.max_connection_window =
		or(profile->connection_window_bytes, o->connection_window_bytes);
	options.initial_max_stream_data_bidi_local = options.initial_max_stream_data_bidi_remote =
		options.initial_max_stream_data_uni = options.max_stream_window =
			or(profile->stream_window_bytes, o->stream_window_bytes);
	options.initial_max_streams_bidi = or(profile->streams_bidi, o->streams_bidi);
	options.initial_max_streams_uni = or(profile->streams_uni, o->streams_uni);
	return qd_config_new(&options, error, error_bytes);
}

static const char *copy_text(const char *text, size_t bytes)
{
	char *copy = malloc(bytes + 1);
	assert(copy);
	if (bytes > 0)
		memcpy(copy, text, bytes);
	copy[bytes] = 0;
	return copy;
}

static struct quicd_profile *copy_profile(const struct quicd_profile *profile)
{
	struct quicd_profile *copy = malloc(sizeof(*copy));
	assert(copy);
	*copy = *profile;
	copy->ca_pem = copy_text(profile->ca_pem, profile->ca_pem_bytes);
	copy->certificate_pem = copy_text(profile->certificate_pem, profile->certificate_pem_bytes);
	copy->private_key_pem = copy_text(profile->private_key_pem, profile->private_key_pem_bytes);
	return copy;
}

/* Under the lock. */
static uint32_t add(struct quicd_profiles *profiles, const struct quicd_profile *profile,
		    char *error, size_t error_bytes)
{
	const uint32_t count = atomic_load(&profiles->count);
	for (uint32_t i = 0; i < count; i++)
		if (equal(profiles->entries[i], profile))
			return i;
	if (profiles->ended || count == QUICD_PROFILES_MAX) {
		snprintf(error, error_bytes,
			 profiles->ended ? "this client has ended"
					 : "a client keeps at most %u different sets of tls and "
					   "transport options; use fewer, or another client",
			 QUICD_PROFILES_MAX);
		return QUICD_NONE;
	}
	profiles->entries[count] = copy_profile(profile);
	/* Release: who sees the count sees the entry. */
	atomic_store_explicit(&profiles->count, count + 1, memory_order_release);
	return count;
}

uint32_t quicd_profile_add(struct quicd_engine *engine, const struct quicd_profile *profile,
			   char *error, size_t error_bytes)
{
	struct quicd_profiles *profiles = engine->profiles;
	if (!profiles) {
		snprintf(error, error_bytes, "a server opens no connections; start a client");
		return QUICD_NONE;
	}
	/* For trial, so that a bad text is told here and not at the first connection. */
	struct qd_config *trial = make_config(engine, profile, error, error_bytes);
	if (!trial)
		return QUICD_NONE;
	qd_config_free(trial);
	pthread_mutex_lock(&profiles->lock);
	const uint32_t number = add(profiles, profile, error, error_bytes);
	pthread_mutex_unlock(&profiles->lock);
	return number;
}

const struct quicd_profile *quicd_profile_at(const struct quicd_engine *engine, uint32_t number)
{
	const struct quicd_profiles *profiles = engine->profiles;
	if (!profiles || number >= atomic_load_explicit(&profiles->count, memory_order_acquire))
		return NULL;
	return profiles->entries[number];
}

bool quicd_profile_configs_create(struct quicd_worker *worker)
{
	worker->configs = calloc(QUICD_PROFILES_MAX, sizeof(struct qd_config *));
	return worker->configs != NULL;
}

void quicd_profile_configs_destroy(struct quicd_worker *worker)
{
	for (uint32_t i = 0; worker->configs && i < QUICD_PROFILES_MAX; i++)
		qd_config_free(worker->configs[i]);
	free(worker->configs);
	worker->configs = NULL;
}

struct qd_config *quicd_profile_config(struct quicd_worker *worker, uint32_t number)
{
	const struct quicd_profile *profile = quicd_profile_at(worker->engine, number);
	if (!profile)
		return NULL;
	char error[256];
	if (!worker->configs[number])
		worker->configs[number] =
			make_config(worker->engine, profile, error, sizeof(error));
	return worker->configs[number];
}
