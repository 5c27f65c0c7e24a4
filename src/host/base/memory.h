// The memory and the processors of the machine.
#ifndef MB_BASE_MEMORY_H
#define MB_BASE_MEMORY_H

#include <stdint.h>

// Bytes that this process can still allocate without swapping: what the system reports as available
// or what is left of the memory limit of its control group, whichever is less. 0 = unknown.
int64_t mb_memory_available(void);

// The share of it that all runs together may use: 95 %.
int64_t mb_memory_for_runs(void);

// The number of processors that this process may use.
int32_t mb_processors(void);

enum { MB_MAX_THREADS = 1024 }; // upper limit of --threads

#endif
