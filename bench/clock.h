// Time, medians, and threads that start together.
#ifndef MB_BENCH_CLOCK_H
#define MB_BENCH_CLOCK_H

#include <stdint.h>

double mb_bench_seconds(void); // monotonic

// Sorts `values` and returns the middle one (mean of the two middle ones).
double mb_bench_median(double *values, int32_t count);

// Calls work(context, thread) on `threads` threads at once, when all of them are ready. Returns the
// seconds from the start of the first to the end of the last; negative if a thread could not be
// started.
double mb_bench_parallel(int32_t threads, void (*work)(void *context, int32_t thread),
                         void *context);

#endif
