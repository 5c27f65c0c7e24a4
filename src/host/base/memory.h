// Memory and processors of the machine.
#ifndef MB_BASE_MEMORY_H
#define MB_BASE_MEMORY_H

#include <stdint.h>

// Bytes that this process may still take without swapping: what the system calls available, or what
// is left of the memory limit of its control group, whichever is less. 0 = unknown.
int64_t mb_memory_available(void);

// What of that runs may take together: all but a twentieth.
int64_t mb_memory_for_runs(void);

// Processors that this process may use.
int32_t mb_processors(void);

enum { MB_MAX_THREADS = 1024 }; // that a command may be asked for

#endif
