// The arithmetic intrinsics that kernels use. rsqrtf is exact here.
#ifndef CUDASIM_MATH_H
#define CUDASIM_MATH_H

#include <string.h>

#include "cudasim/types.h"

namespace cudasim {

// Keeps the compiler from contracting a product and a following sum.
template <class T> inline T rounded(T value) {
#if defined(__x86_64__)
    __asm__("" : "+x"(value));
#elif defined(__aarch64__)
    __asm__("" : "+w"(value));
#endif
    return value;
}

template <class To, class From> inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

} // namespace cudasim

// As in CUDA; if one of two floats is NaN, the result is the other one.
#define CUDASIM_MIN_MAX(type)                                                                      \
    inline type min(type a, type b) {                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    inline type max(type a, type b) {                                                              \
        return a < b ? b : a;                                                                      \
    }
CUDASIM_MIN_MAX(int)
CUDASIM_MIN_MAX(unsigned)
CUDASIM_MIN_MAX(long)
CUDASIM_MIN_MAX(unsigned long)
CUDASIM_MIN_MAX(long long)
CUDASIM_MIN_MAX(unsigned long long)
#undef CUDASIM_MIN_MAX
inline unsigned min(int a, unsigned b) {
    return min((unsigned)a, b);
}
inline unsigned min(unsigned a, int b) {
    return min(a, (unsigned)b);
}
inline unsigned max(int a, unsigned b) {
    return max((unsigned)a, b);
}
inline unsigned max(unsigned a, int b) {
    return max(a, (unsigned)b);
}
inline float min(float a, float b) {
    return fminf(a, b);
}
inline float max(float a, float b) {
    return fmaxf(a, b);
}
inline double min(double a, double b) {
    return fmin(a, b);
}
inline double max(double a, double b) {
    return fmax(a, b);
}

inline float rsqrtf(float x) {
    return (float)(1.0 / sqrt((double)x));
}

inline float __fadd_rn(float a, float b) {
    return cudasim::rounded(a + b);
}
inline float __fmul_rn(float a, float b) {
    return cudasim::rounded(a * b);
}
inline float __fmaf_rn(float a, float b, float c) {
    return fmaf(a, b, c);
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)((uint64_t)a * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __clz(int x) {
    return x ? __builtin_clz((unsigned)x) : 32;
}

inline unsigned __float_as_uint(float x) {
    return cudasim::bits_as<unsigned>(x);
}
inline float __uint_as_float(unsigned x) {
    return cudasim::bits_as<float>(x);
}

#endif
