// The memory and the processors of the machine.
#ifndef MB_BASE_MEMORY_H
#define MB_BASE_MEMORY_H

#include <stdint.h>

// Bytes that this process can still allocate without swapping: the least of what the system reports
// as available and what is left of the limits of its control groups and of `ulimit -v`. 0 =
// unknown.
int64_t mb_memory_available(void);

// The same. *limited_by names the limit that counts: "control group" or "ulimit -v"; NULL: it is
// the machine itself.
int64_t mb_memory_available_by(const char **limited_by);

// The share of it that all runs together may use: 95 %.
int64_t mb_memory_for_runs(void);

// The number of processors that this process may use: those of its affinity (taskset), or the quota
// of its control groups in whole processors, whichever is less.
int32_t mb_processors(void);

enum { MB_MAX_THREADS = 1024 }; // upper limit of --threads

#endif
