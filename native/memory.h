/*
 * memory.h - what a worker and a connection may hold. Counted are the worker thread's heap (quiche,
 * TLS, copies that wait to be sent), received chunks until their application gives them back, and
 * buffers of app threads that wait in queues. Tables, rings and the free part of slabs are not:
 * they are of one size from the start.
 *
 * Near the budget no connection is accepted and writers get the tight credit. Beyond it a
 * connection is read only while its application holds nothing of it: so peers meet flow control,
 * those who read go on, and nothing stands still for good.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct quicd_worker;
struct quicd_connection;

/* Bytes. */
uint64_t quicd_memory_held(const struct quicd_worker *worker);
uint64_t quicd_memory_held_by(const struct quicd_connection *connection);
/* Room for one more connection, and for much to send? */
bool quicd_memory_is_ample(const struct quicd_worker *worker);
/* May another chunk be read for it? */
bool quicd_memory_may_read(const struct quicd_connection *connection);
