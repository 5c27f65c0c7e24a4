// A device that accepts all calls, does nothing and is always done, so that only the host's work
// remains.
#ifndef MB_BENCH_IDLE_H
#define MB_BENCH_IDLE_H

#include "merbench/executor.h"

typedef struct mb_idle {
    mb_backend backend;
    mb_device *device;
} mb_idle;

// The requests that it has had.
typedef struct mb_idle_counts {
    int64_t launches;      // of kernels, or of captured steps
    int64_t steps;         // of training
    int64_t copies, bytes; // to the device and back
    int64_t waits;
    int64_t allocations; // of device and host memory
} mb_idle_counts;

// Only one may be open at a time, and it must not be moved while it is open. Losses, tallies and
// predictions are zeros.
mb_status mb_idle_open(mb_idle *idle, mb_error *error);
const mb_idle_counts *mb_idle_requests(void); // since mb_idle_open
void mb_idle_close(mb_idle *idle);

#endif
