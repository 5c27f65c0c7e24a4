// exp, sigmoid and tanh without branches, so that loops over them vectorise.
#ifndef MB_KERNELS_CPU_ACTIVATION_H
#define MB_KERNELS_CPU_ACTIVATION_H

#include <stdint.h>
#include <string.h>

// exp(x) to about 1 ulp: 2^n * polynomial on [-ln2/2, ln2/2], coefficients of the Taylor series.
static inline float mb_exponential(float x) {
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    float n = x * 1.44269504f + 12582912.0f; // rounds to an integer in the low bits
    int32_t bits;
    memcpy(&bits, &n, sizeof bits);
    n -= 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 5040.0f;
    p = p * r + 1.0f / 720.0f;
    p = p * r + 1.0f / 120.0f;
    p = p * r + 1.0f / 24.0f;
    p = p * r + 1.0f / 6.0f;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    int32_t power = (int32_t)(((uint32_t)bits + 127u) << 23);
    float scale;
    memcpy(&scale, &power, sizeof scale);
    return p * scale;
}

static inline float mb_sigmoid_of(float x) {
    return 1.0f / (1.0f + mb_exponential(-x));
}

// From exp where |x| is large; from the Taylor polynomial of tanh near 0, where 1 - exp(-2x) would
// cancel.
static inline float mb_tanh_of(float x) {
    float e = mb_exponential(-2.0f * x), far = (1.0f - e) / (1.0f + e), s = x * x;
    float near = -1382.0f / 155925.0f;
    near = near * s + 62.0f / 2835.0f;
    near = near * s - 17.0f / 315.0f;
    near = near * s + 2.0f / 15.0f;
    near = near * s - 1.0f / 3.0f;
    near = near * s * x + x;
    return s < 0.09f ? near : far;
}

#endif
