/* options.h - what an engine is started with. Copied at start; no pointer is kept. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "quiche/quicd_quiche.h"

#define QUICD_PREFERRED_MAX 2 /* addresses: one of each family */
#define QUICD_SECRET_BYTES 32
#define QUICD_ALPNS_MAX 32
/* Keys of session tickets in a file, of 48 bytes as other servers have them. */
#define QUICD_TICKET_KEYS_MAX 16
#define QUICD_TICKET_KEY_BYTES 48
#define QUICD_ALPN_BYTES 1024
#define QUICD_CIPHERS_MAX 3 /* that TLS here can: RFC 8446 §B.4 */

/* Whether it waits for connections or opens them; never both. */
enum quicd_role { QUICD_ROLE_SERVER = 0, QUICD_ROLE_CLIENT = 1 };

enum quicd_backend {
	QUICD_BACKEND_AUTO = 0,
	QUICD_BACKEND_IO_URING = 1,
	QUICD_BACKEND_SYSCALLS = 2
};

/* How a datagram comes to the worker that owns its connection. */
enum quicd_routing {
	QUICD_ROUTING_AUTO = 0,    /* eBPF, else the forward rings */
	QUICD_ROUTING_EBPF = 1,    /* bpf/steer.bpf.c, by connection ID */
	QUICD_ROUTING_FORWARD = 2, /* the kernel's hash of addresses, then the forward rings */
	/* For measuring, all with the program attached: */
	QUICD_ROUTING_WRONG = 3,  /* always the worker after the owner */
	QUICD_ROUTING_SINGLE = 4, /* everything to worker 0 */
	QUICD_ROUTING_RANDOM = 5, /* any worker */
};

/* Whether a client has to prove its address before a connection is made (RFC 9000 §8.1.2). */
enum quicd_retry {
	QUICD_RETRY_NEVER = 0,
	QUICD_RETRY_ALWAYS = 1,
	/* a worker with more than an eighth of its connections half-open asks for it */
	QUICD_RETRY_UNDER_LOAD = 2,
};

/* Which connections write a qlog, and how much (qlog.h). */
struct quicd_qlog_options {
	char directory[512]; /* "": none */
	uint32_t level;	     /* enum qd_qlog_level */
	uint32_t every; /* of those that pass the filter every Nth; 0: only on demand */
	uint64_t file_bytes;	  /* at most, each */
	uint64_t directory_bytes; /* at most, all */
	uint32_t files;		  /* at most */
	char alpn[256];		  /* "": any */
	uint8_t peer_family;	  /* 4 or 6; 0: any */
	uint8_t peer_ip[16];
	uint32_t peer_bits; /* of peer_ip that count */
	uint8_t id_prefix[16];
	uint32_t id_bits; /* of id_prefix that count */
};

/* TLS 1.3's cipher suites by their numbers, most wanted first. */
struct quicd_ciphers {
	uint16_t ids[QUICD_CIPHERS_MAX];
	uint32_t count;
};

struct quicd_options {
	/*
	 * A client has no certificate and no ALPN here: each connection has a profile
	 * (profile.h).
	 */
	enum quicd_role role;
	char host[64]; /* numeric address; "::" is dual stack */
	uint16_t port; /* 0: any; of a client always, and then each worker has one of its own */
	/* server: IPv4 and IPv6, where clients are asked to go (preferred.h); family 0: none */
	struct qd_address preferred[QUICD_PREFERRED_MAX];
	uint32_t workers;
	uint32_t apps;
	bool pin;
	bool gro;
	bool gso;
	enum quicd_backend backend;
	enum quicd_routing routing;
	bool no_forwarding; /* tests: what reached the wrong worker is lost, and counted */
	uint64_t receive_pool_bytes;
	uint32_t socket_buffer_bytes;
	const char *certificate_pem;
	size_t certificate_pem_bytes;
	const char *private_key_pem;
	size_t private_key_pem_bytes;
	uint8_t alpn[QUICD_ALPN_BYTES]; /* wire format */
	size_t alpn_bytes;
	bool has_secret;
	uint8_t secret[QUICD_SECRET_BYTES];
	char keylog_path[512];
	struct quicd_qlog_options qlog;
	uint64_t max_idle_timeout_ms;
	uint64_t handshake_timeout_ms;
	uint32_t versions;	 /* enum qd_versions */
	uint64_t initial_rtt_ms; /* what a path is taken for before its first sample */
	struct quicd_ciphers ciphers; /* server: all that it takes, or none: any */
	uint32_t max_udp_payload_bytes;
	uint64_t connection_window_bytes;
	uint64_t stream_window_bytes;
	uint64_t streams_bidi;
	uint64_t streams_uni;
	uint64_t active_connection_id_limit;
	uint32_t datagram_queue;
	uint32_t congestion; /* enum qd_congestion */
	bool path_mtu_discovery;
	bool ecn; /* marks what it sends where path and peer bear it (RFC 9000 §13.4) */
	bool early_data;
	uint8_t early_context[32]; /* server: the applications' settings that 0-RTT goes by */
	/* server: from a file, the first one seals; 0: from the secret, tickets.h */
	uint8_t ticket_keys[QUICD_TICKET_KEYS_MAX][QUICD_TICKET_KEY_BYTES];
	uint32_t ticket_key_count;
	enum quicd_retry retry;
	uint32_t connections;	    /* per worker */
	uint64_t worker_memory_bytes; /* memory.h; 0: no budget */
	uint64_t connection_memory_bytes;
	/* Load rule for clients that have not proved their address; 0: as limits.h derives it. */
	uint32_t prefix_retry; /* half-open of one network: from here on Retry */
	uint32_t prefix_max;   /* ... and from here on nothing */
	uint32_t handshake_rate; /* a second, per worker; beyond it Retry */
	uint32_t ring_capacity;	    /* entries, a power of two */
	uint32_t stream_chunks;	    /* chunks per stream held by or for the application */
	uint32_t connection_events; /* undelivered events per connection */
};
