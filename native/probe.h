/*
 * probe.h - what this machine grants, tried out for `quicd doctor`: options of a socket, whether a
 * port is free, what network devices do for UDP. Nothing is kept open and nothing is changed.
 */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct quicd_probe_socket {
	bool gro;
	bool gso;
	uint32_t receive_buffer_bytes; /* granted when |buffer_bytes| were asked for */
	uint32_t send_buffer_bytes;
};
/* A socket as a worker opens it, on any free port. False with the reason in |error|. */
bool quicd_probe_socket(uint32_t buffer_bytes, struct quicd_probe_socket *out, char *error,
			size_t error_bytes);

/*
 * Binds |host|, a numeric address, and |port| without SO_REUSEPORT for a moment. 0, or the errno:
 * EADDRINUSE also when those who have the port would share it.
 */
int quicd_probe_port(const char *host, uint16_t port);

enum quicd_offload {
	QUICD_OFFLOAD_UNKNOWN, /* the kernel has no such feature, or does not tell */
	QUICD_OFFLOAD_ON,
	QUICD_OFFLOAD_OFF,   /* ethtool -K can turn it on */
	QUICD_OFFLOAD_FIXED, /* off whatever is asked for: the driver cannot, or not just now */
};
struct quicd_probe_device {
	char name[IFNAMSIZ];
	char driver[32]; /* "" for loopback and others that have none */
	bool loopback;
	enum quicd_offload segmentation; /* tx-udp-segmentation */
	enum quicd_offload gro;		 /* rx-gro, generic-receive-offload for ethtool */
	enum quicd_offload checksum;	 /* tx-checksum-*, the weaker of IPv4 and IPv6 */
};
/* Devices that are up, at most |capacity| of them in |devices|; returns how many there are. */
uint32_t quicd_probe_devices(struct quicd_probe_device *devices, uint32_t capacity);
