/*
 * packet_fuzz.c - whatever arrives on the port: headers, demultiplexing, Version Negotiation,
 * accept, and what a live connection makes of its own datagrams when bytes of them are turned over.
 *
 * An input is a list of steps: an operation's byte and what it takes. At its end time passes until
 * every connection is gone; then nothing of them may be left.
 */
#include <stddef.h>
#include "memory_client.h"
#include "quic_header.h"

#define STEPS_MAX 24
#define FOREVER_NS 60000000000ull /* beyond every timeout of the options */

struct input {
	const uint8_t *at, *end;
};

static uint8_t next_byte(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static uint32_t next_number(struct input *input)
{
	const uint32_t low = next_byte(input);
	return low | (uint32_t)next_byte(input) << 8;
}

/* RFC 8999: both IDs lie inside the packet, the destination's before the source's. */
static void check_header(const uint8_t *bytes, uint32_t length)
{
	struct quicd_packet_header header;
	memset(&header, 0xa5, sizeof(header));
	if (!quicd_packet_header_read(bytes, length, QUICD_CID_BYTES, &header))
		return;
	REQUIRE(header.dcid > bytes && header.dcid + header.dcid_bytes <= bytes + length);
	if (header.form == QUICD_PACKET_SHORT) {
		REQUIRE(header.dcid_bytes == QUICD_CID_BYTES && header.scid_bytes == 0);
		return;
	}
	REQUIRE(header.scid > header.dcid + header.dcid_bytes);
	REQUIRE(header.scid + header.scid_bytes <= bytes + length);
	if (quicd_version_is_known(header.version))
		REQUIRE(header.dcid_bytes <= 20 && header.scid_bytes <= 20);
}

/* RFC 9000 §6.1, §14.1: only an unknown version in 1200 bytes; the IDs change places. */
static void check_negotiation(const uint8_t *asked, uint32_t asked_bytes)
{
	struct quicd_packet_header question, answer;
	for (uint32_t i = 0; i < memory_net.out_count; i++) {
		const struct memory_train *sent = &memory_net.out[i];
		REQUIRE(quicd_packet_header_read(sent->bytes, sent->train.bytes, QUICD_CID_BYTES,
						 &answer));
		if (answer.form != QUICD_PACKET_LONG || answer.version != 0)
			continue;
		REQUIRE(asked_bytes >= QUICD_DATAGRAM_BYTES_MIN && sent->train.bytes < asked_bytes);
		REQUIRE(quicd_packet_header_read(asked, asked_bytes, QUICD_CID_BYTES, &question));
		REQUIRE(question.version != 0 && !quicd_version_is_known(question.version));
		REQUIRE(answer.dcid_bytes == question.scid_bytes &&
			answer.scid_bytes == question.dcid_bytes);
		REQUIRE(memcmp(answer.dcid, question.scid, question.scid_bytes) == 0);
		REQUIRE(memcmp(answer.scid, question.dcid, question.dcid_bytes) == 0);
	}
}

static void arrive(const uint8_t *bytes, uint32_t length, uint16_t port)
{
	static uint8_t kept[MEMORY_NET_DATAGRAM_BYTES];
	const struct qd_address from = {.family = 4, .port = port, .ip = {127, 0, 0, 1}};
	if (length > sizeof(kept))
		return;
	if (length > 0)
		memcpy(kept, bytes, length);
	memory_net_put(kept, length, &from);
	memory_net_settle();
	check_negotiation(kept, length);
}

/* Turns some bytes over and cuts or pads the datagram. */
static uint32_t patch(struct input *input, uint8_t bytes[MEMORY_NET_DATAGRAM_BYTES],
		      uint32_t length)
{
	const uint8_t how = next_byte(input);
	for (int i = 0; i < (how & 3); i++) {
		const uint32_t at = next_number(input);
		const uint8_t turned = next_byte(input);
		/* Half of them where headers are. */
		bytes[how & 4 ? at % 64 : at % length] ^= turned;
	}
	if (!(how & 8))
		return length;
	const uint32_t wanted = next_number(input) % MEMORY_NET_DATAGRAM_BYTES;
	if (wanted > length)
		memset(bytes + length, how, wanted - length);
	return wanted;
}

static void step_raw(struct input *input)
{
	static uint8_t bytes[MEMORY_NET_DATAGRAM_BYTES];
	const uint32_t length = next_number(input) % 1501;
	const uint32_t there = (uint32_t)(input->end - input->at);
	const uint32_t own = length < there ? length : there;
	memset(bytes, 0, sizeof(bytes));
	if (own > 0)
		memcpy(bytes, input->at, own);
	input->at += own;
	check_header(bytes, length);
	arrive(bytes, length, 1000 + (own & 7));
	memory_net_drop_sent();
}

/* A client that nobody has seen, and perhaps its second try. */
static void step_initial(struct input *input)
{
	struct client stranger;
	uint8_t bytes[MEMORY_NET_DATAGRAM_BYTES];
	memory_client_open_as(&stranger, (enum qd_versions)((input->end - input->at) % 4));
	const ssize_t length = memory_client_next(&stranger, bytes);
	REQUIRE(length >= QUICD_DATAGRAM_BYTES_MIN);
	const uint32_t sent = patch(input, bytes, (uint32_t)length);
	check_header(bytes, sent);
	for (int i = next_byte(input) & 3; i >= 0; i--)
		arrive(bytes, sent, 2000);
	memory_client_close(&stranger);
	memory_net_drop_sent();
}

static void step_client(struct input *input, struct client *client)
{
	uint8_t bytes[MEMORY_NET_DATAGRAM_BYTES];
	uint64_t error_code = 0;
	static const uint8_t text[600];
	qd_stream_send_copy(client->quiche, 4 * (next_byte(input) & 7), text, sizeof(text), false,
			    &error_code);
	const ssize_t length = memory_client_next(client, bytes);
	if (length <= 0)
		return;
	uint32_t sent = patch(input, bytes, (uint32_t)length);
	/* The other half of what arrives is as the client made it: else the connection gets
	 * nowhere. */
	arrive(bytes, sent, MEMORY_CLIENT_PORT + (next_byte(input) == 0xff));
	memory_client_take(client);
	memory_client_turn(client);
}

static void step_version(struct input *input)
{
	uint8_t bytes[MEMORY_NET_DATAGRAM_BYTES] = {0xc0};
	const uint8_t first = next_byte(input);
	bytes[0] |= first;
	for (int i = 1; i < 600; i++)
		bytes[i] = next_byte(input);
	const uint32_t length = 1100 + (first & 1) * 200 + next_byte(input) % 100;
	check_header(bytes, length);
	arrive(bytes, length, 3000);
	memory_net_drop_sent();
}

static uint32_t app, head;
static struct quicd_memory baseline;

/* Time passes, everything ends; what is left must be what was there before. */
static void end_all(void)
{
	struct quicd_worker *worker = memory_net.worker;
	for (int i = 0; i < 8 && worker->live_connections > 0; i++) {
		memory_net_advance(FOREVER_NS);
		memory_net_settle();
		memory_app_drain(app, &head);
	}
	memory_net_settle();
	memory_app_drain(app, &head);
	memory_net_drop_sent();
	REQUIRE(worker->live_connections == 0);
	REQUIRE(worker->cids.count == 0);
	REQUIRE(worker->timers.count == 0);
	REQUIRE(worker->counters->live_streams == 0);
	REQUIRE(worker->counters->panics == 0);
}

static void ring_nobody(void *unused)
{
	(void)unused;
}

static void prepare(void)
{
	struct quicd_options options = default_options(1);
	options.connections = 64;
	options.versions = QD_VERSIONS_PREFER_2;
	memory_net_open(&options);
	REQUIRE(quicd_app_attach(&memory_net.engine->apps[0], ring_nobody, NULL));
	app = memory_net.engine->index * QUICD_APPS_MAX;
	/* What libraries and caches keep for good is there after one connection. */
	struct client client;
	memory_client_open(&client);
	REQUIRE(memory_client_handshake(&client));
	memory_client_close(&client);
	end_all();
	quicd_memory_read(&baseline);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!memory_net.engine)
		prepare();
	check_header(data, size < UINT32_MAX ? (uint32_t)size : UINT32_MAX);
	struct input input = {data, data + size};
	struct client client;
	/* Not a byte of it: inputs that were found keep their meaning. */
	memory_client_open_as(&client, (enum qd_versions)(size % 4));
	for (int steps = 0; steps < STEPS_MAX && input.at < input.end; steps++) {
		switch (next_byte(&input) % 8) {
		case 0:
		case 1:
			step_raw(&input);
			break;
		case 2:
			step_initial(&input);
			break;
		case 3:
		case 4:
			step_client(&input, &client);
			break;
		case 5:
			step_version(&input);
			break;
		case 6:
			memory_net_advance(1000000ull * next_number(&input));
			memory_net_settle();
			break;
		default: /* at once, so that short inputs get far */
			memory_client_handshake(&client);
			memory_app_drain(app, &head);
			break;
		}
	}
	memory_client_close(&client);
	end_all();
	struct quicd_memory now;
	quicd_memory_read(&now);
	REQUIRE(now.live_objects == baseline.live_objects && now.live_bytes == baseline.live_bytes);
	return 0;
}
