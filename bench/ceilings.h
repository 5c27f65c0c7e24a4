// Upper limits of this machine, measured in the same process as the figures that are compared with
// them.
#ifndef MB_BENCH_CEILINGS_H
#define MB_BENCH_CEILINGS_H

#include <stdint.h>

typedef struct mb_ceilings {
    double gigabytes_per_second; // three arrays read and written back in place, as Adam's w, m, v
    double gigaflops; // fused multiply-adds on registers, widest vectors of this processor
} mb_ceilings;

// Measures both with `threads` threads. Each thread has its own arrays of `floats` floats, so that
// the traffic goes to the same level of memory as that of a model of this size. Returns 0, or -1 if
// memory or threads are lacking.
int mb_bench_ceilings(int32_t threads, int64_t floats, mb_ceilings *ceilings);

#endif
