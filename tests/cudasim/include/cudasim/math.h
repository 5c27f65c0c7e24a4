// Intrinsics of arithmetic. Those that CUDA computes approximately are exact here.
#ifndef CUDASIM_MATH_H
#define CUDASIM_MATH_H

#include <string.h>

#include "cudasim/types.h"

namespace cudasim {

// Keeps the compiler from joining a product with a sum that follows.
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

// As CUDA has them; of two floats, one of them NaN, the other one.
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
inline double rsqrt(double x) {
    return 1.0 / sqrt(x);
}
inline float __saturatef(float x) {
    return x > 0.0f ? fminf(x, 1.0f) : 0.0f;
}

inline float __fadd_rn(float a, float b) {
    return cudasim::rounded(a + b);
}
inline float __fsub_rn(float a, float b) {
    return cudasim::rounded(a - b);
}
inline float __fmul_rn(float a, float b) {
    return cudasim::rounded(a * b);
}
inline float __fdiv_rn(float a, float b) {
    return a / b;
}
inline float __fmaf_rn(float a, float b, float c) {
    return fmaf(a, b, c);
}
inline float __frcp_rn(float a) {
    return 1.0f / a;
}
inline float __fsqrt_rn(float a) {
    return sqrtf(a);
}
inline float __frsqrt_rn(float a) {
    return rsqrtf(a);
}
inline double __dadd_rn(double a, double b) {
    return cudasim::rounded(a + b);
}
inline double __dmul_rn(double a, double b) {
    return cudasim::rounded(a * b);
}
inline double __fma_rn(double a, double b, double c) {
    return fma(a, b, c);
}

inline float __expf(float x) {
    return expf(x);
}
inline float __exp10f(float x) {
    return powf(10.0f, x);
}
inline float __logf(float x) {
    return logf(x);
}
inline float __log2f(float x) {
    return log2f(x);
}
inline float __sinf(float x) {
    return sinf(x);
}
inline float __cosf(float x) {
    return cosf(x);
}
inline float __powf(float x, float y) {
    return powf(x, y);
}
inline float __fdividef(float a, float b) {
    return a / b;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return (unsigned)((uint64_t)a * b >> 32);
}
inline int __mulhi(int a, int b) {
    return (int)((int64_t)a * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __clz(int x) {
    return x ? __builtin_clz((unsigned)x) : 32;
}
inline int __clzll(long long x) {
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
    return __builtin_ffsll(x);
}

inline unsigned __float_as_uint(float x) {
    return cudasim::bits_as<unsigned>(x);
}
inline int __float_as_int(float x) {
    return cudasim::bits_as<int>(x);
}
inline float __uint_as_float(unsigned x) {
    return cudasim::bits_as<float>(x);
}
inline float __int_as_float(int x) {
    return cudasim::bits_as<float>(x);
}
inline long long __double_as_longlong(double x) {
    return cudasim::bits_as<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return cudasim::bits_as<double>(x);
}

inline int __float2int_rn(float x) {
    return (int)rintf(x);
}
inline int __float2int_rz(float x) {
    return (int)x;
}
inline float __int2float_rn(int x) {
    return (float)x;
}
inline float __uint2float_rn(unsigned x) {
    return (float)x;
}

#endif
