// --threads: how many threads a command trains on.
#ifndef MB_CLI_THREADS_H
#define MB_CLI_THREADS_H

#include <stdint.h>

#include "merbench/status.h"

enum { MB_MAX_THREADS = 1024 };

// One a processor that this process may use.
int32_t mb_default_threads(void);

// Takes the value of --threads, 1 ... MB_MAX_THREADS; MB_USAGE for what is no such number.
mb_status mb_take_threads(const char *text, int32_t *threads, mb_error *error);

#endif
