/*
 * signals.h - SIGINT and SIGTERM without JavaScript, which may be blocked: the handler writes an
 * eventfd, a thread of ours reads it. Repeats within a second count once (Ctrl-C under a script
 * runner arrives twice); a later one ends the process at once with 130.
 */
#pragma once
#include <stdbool.h>

/*
 * From now on, for the life of the process; idempotent. False if the handler could not be
 * installed.
 */
bool quicd_signals_take(void);
