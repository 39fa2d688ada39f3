/*
 * The border from C: a handshake in memory and ten kilobytes echoed by reference, through the
 * header alone. Also proves that the static library links into a shared object that exports nothing
 * of it (see smoke.sh).
 */
#include "../quicd_quiche.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mi_malloc_aligned(size_t bytes, size_t align);
void *mi_zalloc_aligned(size_t bytes, size_t align);
void *mi_realloc_aligned(void *pointer, size_t bytes, size_t align);
void mi_free(void *pointer);

static long live_bytes;

void *quicd_allocate(size_t bytes, size_t align, bool zeroed)
{
	live_bytes += (long)bytes;
	return zeroed ? mi_zalloc_aligned(bytes, align) : mi_malloc_aligned(bytes, align);
}

void *quicd_reallocate(void *pointer, size_t old_bytes, size_t align, size_t new_bytes)
{
	live_bytes += (long)new_bytes - (long)old_bytes;
	return mi_realloc_aligned(pointer, new_bytes, align);
}

void quicd_free(void *pointer, size_t bytes, size_t align)
{
	(void)align;
	live_bytes -= (long)bytes;
	mi_free(pointer);
}

static unsigned released;

static void release(void *owner, uint32_t slab, uint32_t index)
{
	released += owner == &released && slab == 1 && index == 2;
}

static const struct qd_address client_address = {.family = 4, .port = 5000, .ip = {10, 0, 0, 2}};
static const struct qd_address server_address = {.family = 4, .port = 4433, .ip = {192, 0, 2, 1}};

static int flush(struct qd_connection *from, struct qd_connection *to)
{
	static uint8_t out[65536];
	struct qd_train train;
	int packets = 0;
	do {
		ssize_t bytes = qd_send_train(from, out, sizeof out, 64, &train);
		if (bytes < 0)
			break;
		for (uint32_t at = 0; at < train.bytes; at += train.segment_bytes, packets++) {
			uint32_t left = train.bytes - at;
			qd_recv(to, out + at,
				left < train.segment_bytes ? left : train.segment_bytes,
				&train.from, &train.to);
		}
	} while (train.more);
	return packets;
}

static char *file(const char *path, size_t *bytes)
{
	FILE *stream = fopen(path, "rb");
	char *text = calloc(1, 1 << 16);
	if (!stream || !text)
		exit(2);
	*bytes = fread(text, 1, (1 << 16) - 1, stream);
	fclose(stream);
	return text;
}

__attribute__((visibility("default"))) int quicd_smoke(const char *certificate, const char *key)
{
	char error[256] = "";
	int code = 0;
	struct qd_config_options options = {
		.alpn = (const uint8_t *)"\4echo", .alpn_bytes = 5, .max_idle_timeout_ms = 10000,
		.initial_max_data = 1 << 20, .initial_max_stream_data_bidi_local = 1 << 20,
		.initial_max_stream_data_bidi_remote = 1 << 20, .initial_max_streams_bidi = 10,
		.max_send_udp_payload_bytes = 1350,
	};
	struct qd_config *client_config = qd_config_new(&options, error, sizeof error);
	options.server = true;
	options.certificate_pem = file(certificate, &options.certificate_pem_bytes);
	options.private_key_pem = file(key, &options.private_key_pem_bytes);
	struct qd_config *server_config = qd_config_new(&options, error, sizeof error);
	if (!client_config || !server_config) {
		fprintf(stderr, "qd_config_new: %s\n", error);
		return 1;
	}
	qd_set_release(release);
	uint8_t cid[QD_CID_BYTES] = {1}, token[QD_RESET_TOKEN_BYTES] = {2}, body[10000],
		back[10000];
	memset(body, 0xb0, sizeof body);
	struct qd_connection *client = qd_connect(client_config, "localhost", cid, sizeof cid,
						  &client_address, &server_address, &code);
	struct qd_connection *server = qd_accept(server_config, cid, token, NULL, 0, NULL, 0,
						 &server_address, &client_address, &code);
	if (!client || !server)
		return 1;
	while (flush(client, server) + flush(server, client) > 0) {
	}
	struct qd_state state;
	qd_get_state(server, &state);
	bool established = state.established;
	ssize_t taken =
		qd_stream_send_ref(client, 0, body, sizeof body, true, &released, 1, 2, NULL);
	while (flush(client, server) + flush(server, client) > 0) {
	}
	bool fin = false;
	ssize_t got = qd_stream_recv(server, 0, back, sizeof back, &fin, NULL);
	bool same = got == (ssize_t)sizeof back && fin && memcmp(body, back, sizeof back) == 0;
	qd_free(client);
	qd_free(server);
	qd_config_free(client_config);
	qd_config_free(server_config);
	free((void *)options.certificate_pem);
	free((void *)options.private_key_pem);
	printf("established %d, taken %zd, same %d, released %u, live bytes %ld\n", established,
	       taken, same, released, live_bytes);
	return !(established && taken == (ssize_t)sizeof body && same && released == 1);
}
