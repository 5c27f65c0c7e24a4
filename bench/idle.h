// A device that takes everything, does nothing and is always done: what is left is the host's work.
#ifndef MB_BENCH_IDLE_H
#define MB_BENCH_IDLE_H

#include "merbench/executor.h"

typedef struct mb_idle {
    mb_backend backend;
    mb_device *device;
} mb_idle;

// What it was asked for.
typedef struct mb_idle_counts {
    int64_t launches;      // of kernels, or of captured steps
    int64_t steps;         // of training
    int64_t copies, bytes; // to the device and back
    int64_t waits;
    int64_t allocations; // of both memories
} mb_idle_counts;

// One at a time, which may not be moved while it is open. Losses, tallies and predictions are
// zeros.
mb_status mb_idle_open(mb_idle *idle, mb_error *error);
const mb_idle_counts *mb_idle_asked(void); // since it was opened
void mb_idle_close(mb_idle *idle);

#endif
