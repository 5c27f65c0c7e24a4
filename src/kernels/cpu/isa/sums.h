// Sums over a vector in MB_SUM_LANES parts, so that loops vectorise and the order depends on the
// length only.
#ifndef MB_KERNELS_CPU_SUMS_H
#define MB_KERNELS_CPU_SUMS_H

#include <stdint.h>

enum { MB_SUM_LANES = 16 };

static inline float mb_lanes_total(const float lanes[MB_SUM_LANES]) {
    double sum = 0.0;
    for (int i = 0; i < MB_SUM_LANES; i++)
        sum += (double)lanes[i];
    return (float)sum;
}

// sum of a * b
static inline float mb_dot_of(int32_t count, const float *restrict a, const float *restrict b) {
    float lanes[MB_SUM_LANES] = {0};
    int32_t whole = count / MB_SUM_LANES * MB_SUM_LANES;
    for (int32_t j = 0; j < whole; j += MB_SUM_LANES)
        for (int i = 0; i < MB_SUM_LANES; i++)
            lanes[i] += a[j + i] * b[j + i];
    for (int32_t j = whole; j < count; j++)
        lanes[j - whole] += a[j] * b[j];
    return mb_lanes_total(lanes);
}

// sum of (a - b)^2; a and b may be the same vector
static inline float mb_squared_distance_of(int32_t count, const float *a, const float *b) {
    float lanes[MB_SUM_LANES] = {0};
    int32_t whole = count / MB_SUM_LANES * MB_SUM_LANES;
    for (int32_t j = 0; j < whole; j += MB_SUM_LANES)
        for (int i = 0; i < MB_SUM_LANES; i++) {
            float difference = a[j + i] - b[j + i];
            lanes[i] += difference * difference;
        }
    for (int32_t j = whole; j < count; j++)
        lanes[j - whole] += (a[j] - b[j]) * (a[j] - b[j]);
    return mb_lanes_total(lanes);
}

#endif
