// Sums along a vector, in a fixed order that is the same for every instruction set: lane l sums the
// elements l, l + MB_SUM_LANES, ..., then the lanes are added in pairs.
#ifndef MB_KERNELS_CPU_SUMS_H
#define MB_KERNELS_CPU_SUMS_H

#include <stdint.h>

enum { MB_SUM_LANES = 16 };

// The compiler splits it into as many registers as the instruction set needs.
typedef float mb_sum_lanes __attribute__((vector_size(4 * MB_SUM_LANES)));
typedef float mb_sum_lanes_unaligned
    __attribute__((vector_size(4 * MB_SUM_LANES), aligned(4), may_alias));

// The next `count` <= MB_SUM_LANES numbers; the other lanes are zero.
static inline __attribute__((always_inline)) mb_sum_lanes mb_sum_next(const float *x,
                                                                      int32_t count) {
    if (count == MB_SUM_LANES)
        return *(const mb_sum_lanes_unaligned *)x;
    mb_sum_lanes lanes = {0};
    for (int32_t l = 0; l < count; l++)
        lanes[l] = x[l];
    return lanes;
}

static inline __attribute__((always_inline)) float mb_sum_total(mb_sum_lanes sum) {
    float eight[8], four[4];
    for (int l = 0; l < 8; l++)
        eight[l] = sum[l] + sum[l + 8];
    for (int l = 0; l < 4; l++)
        four[l] = eight[l] + eight[l + 4];
    float even = four[0] + four[2], odd = four[1] + four[3];
    return even + odd;
}

// sum of a * b
static inline float mb_dot_of(int32_t count, const float *a, const float *b) {
    mb_sum_lanes sum = {0};
    for (int32_t j = 0; j < count; j += MB_SUM_LANES) {
        int32_t next = count - j < MB_SUM_LANES ? count - j : MB_SUM_LANES;
        sum += mb_sum_next(a + j, next) * mb_sum_next(b + j, next);
    }
    return mb_sum_total(sum);
}

// sum of (a - b)^2; a and b may be the same vector
static inline float mb_squared_distance_of(int32_t count, const float *a, const float *b) {
    mb_sum_lanes sum = {0};
    for (int32_t j = 0; j < count; j += MB_SUM_LANES) {
        int32_t next = count - j < MB_SUM_LANES ? count - j : MB_SUM_LANES;
        mb_sum_lanes difference = mb_sum_next(a + j, next) - mb_sum_next(b + j, next);
        sum += difference * difference;
    }
    return mb_sum_total(sum);
}

#endif
