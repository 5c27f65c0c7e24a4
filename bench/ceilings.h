// What this machine can do at most, measured in the process that is compared with it.
#ifndef MB_BENCH_CEILINGS_H
#define MB_BENCH_CEILINGS_H

#include <stdint.h>

typedef struct mb_ceilings {
    double gigabytes_per_second; // three arrays read and written back in place, as Adam's w, m, v
    double gigaflops; // fused multiply-adds on registers, widest vectors of this processor
} mb_ceilings;

// Both with `threads` threads at work; each has arrays of `floats` floats of its own, so that the
// traffic meets the same level of memory as a model of that size. 0 done, -1 out of memory or
// threads.
int mb_bench_ceilings(int32_t threads, int64_t floats, mb_ceilings *ceilings);

#endif
