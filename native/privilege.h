/*
 * privilege.h - giving up CAP_BPF once the steering program is attached: nothing needs it any more.
 *
 * Capabilities belong to threads, not to the process, and Bun has some before it loads us. A thread
 * can only drop its own, so each is asked by a signal. Threads that start later inherit from one
 * that has dropped.
 *
 * Root keeps everything: it could take back whatever it drops, and its next server of this process
 * can still attach.
 */
#pragma once
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Threads that block "all" signals (Bun's allocator has one) leave open those that their own faults
 * raise, and of these nobody sends SIGSYS from outside. Its handler is only borrowed.
 */
#define QUICD_PRIVILEGE_SIGNAL SIGSYS
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
/* ThreadSanitizer takes SIGSYS for a fault and runs the handler in the midst of its own code. */
#undef QUICD_PRIVILEGE_SIGNAL
#define QUICD_PRIVILEGE_SIGNAL SIGUSR2
#endif
#endif

/* /proc is not there, so nobody can say. */
#define QUICD_PRIVILEGE_UNKNOWN UINT32_MAX

/*
 * Drops CAP_BPF from every thread: effective, permitted, inheritable and ambient, and with
 * CAP_SETPCAP from the bounding set too. Returns how many threads hold it still.
 */
uint32_t quicd_privilege_drop_bpf(void);
/* The same unless the process is root's. |note|: cause and remedy if some hold it still, or "". */
void quicd_privilege_drop(char *note, size_t note_bytes);
