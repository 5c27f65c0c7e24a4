// Sums along a vector, in a fixed order that is the same for every instruction set: lane l takes
// the elements l, l + LANES, ..., then the lanes are added in pairs.
#ifndef MB_KERNELS_CPU_SUM_H
#define MB_KERNELS_CPU_SUM_H

#include <stdint.h>

enum { MB_SUM_LANES = 16 };

typedef struct mb_sum_lanes {
    float lanes[MB_SUM_LANES];
} mb_sum_lanes;

static inline float mb_sum_total(mb_sum_lanes sum) {
    for (int32_t half = MB_SUM_LANES / 2; half > 0; half /= 2)
        for (int32_t l = 0; l < half; l++)
            sum.lanes[l] += sum.lanes[l + half];
    return sum.lanes[0];
}

#endif
