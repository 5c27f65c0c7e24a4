// The memory and the processors of the machine.
#ifndef MB_BASE_MEMORY_H
#define MB_BASE_MEMORY_H

#include <stdint.h>

// Bytes that this process can still allocate without swapping: the least of what the system reports
// as available and what is left of the limits of its control groups and of `ulimit -v`. 0 =
// unknown.
int64_t mb_memory_available(void);

// What limits it, for messages: " (limit: control group)", " (limit: ulimit -v)", or "" if it is
// the machine itself.
const char *mb_memory_limit_note(void);

// The share of it that all runs together may use: 95 %.
int64_t mb_memory_for_runs(void);

// The number of processors that this process may use: those of its affinity (taskset), or the quota
// of its control groups in whole processors, whichever is less.
int32_t mb_processors(void);

enum { MB_MAX_THREADS = 1024 }; // upper limit of --threads

#endif
