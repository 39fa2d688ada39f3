/*
 * ledger.h - what one side of the in-memory program did while it was asked to count: the linker
 * puts ledger.c's functions where the core, quiche and BoringSSL call the C library's, and a
 * backend of its own stands between the core and the simulated network.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct quicd_engine;

enum ledger_side { LEDGER_CLIENT = 0, LEDGER_SERVER = 1, LEDGER_SIDES = 2 };

/* Below this a copy is bookkeeping: a header, an address, a key. */
#define LEDGER_COPY_BYTES 128

struct ledger_page {
	uint64_t allocations;	   /* quiche's, BoringSSL's and our own (alloc.h) */
	uint64_t libc_allocations; /* malloc, calloc, realloc */
	uint64_t copies;	   /* memcpy and memmove of LEDGER_COPY_BYTES or more */
	uint64_t copied_bytes;	   /* ... and of less */
	uint64_t clock_reads;
	uint64_t turns;
	uint64_t waits;
	uint64_t send_buffers; /* asked for */
	uint64_t sends;
	uint64_t datagrams_out;
	uint64_t bytes_out;
	uint64_t trains_in;
	uint64_t datagrams_in;
	uint64_t kicks;	       /* of the worker: writes of its eventfd */
	uint64_t doorbells;    /* of the app thread */
	uint64_t events;
	uint64_t commands;
};

extern struct ledger_page ledger[LEDGER_SIDES];

/* The engine's worker and app thread are |side|'s from now on. */
void ledger_watch(enum ledger_side side, struct quicd_engine *engine);
/* On: what happens is counted, by callgrind too where this runs in it. */
void ledger_open(bool on);
/* Around what an app thread of |side| does. */
void ledger_app_enter(enum ledger_side side);
void ledger_app_leave(void);
/* The bell of |side|'s app thread rang. */
void ledger_bell(enum ledger_side side);
