// Vectors as wide as those of the instruction set, in the compiler's vector extension, and the size
// of a tile of a matrix product that fits the registers.
#ifndef MB_KERNELS_CPU_VECTOR_H
#define MB_KERNELS_CPU_VECTOR_H

#include <math.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(MB_ISA_avx512)
enum { MB_LANES = 16, MB_TILE_ROWS = 8 };
#elif defined(MB_ISA_avx2)
enum { MB_LANES = 8, MB_TILE_ROWS = 6 };
#else
enum { MB_LANES = 4, MB_TILE_ROWS = 4 };
#endif
enum { MB_TILE_COLUMNS = 2 * MB_LANES };

typedef float mb_vector __attribute__((vector_size(MB_LANES * 4)));
typedef float mb_vector_unaligned __attribute__((vector_size(MB_LANES * 4), aligned(4), may_alias));

#define MB_INLINE static inline __attribute__((always_inline))

MB_INLINE int32_t mb_least(int32_t a, int32_t b) {
    return a < b ? a : b;
}

MB_INLINE mb_vector mb_load(const float *from) {
    return *(const mb_vector_unaligned *)from;
}

MB_INLINE void mb_store(float *to, mb_vector value) {
    *(mb_vector_unaligned *)to = value;
}

#if defined(MB_ISA_avx512)
MB_INLINE __mmask16 mb_first_lanes(int32_t count) {
    return (__mmask16)((1u << count) - 1u);
}
#elif defined(MB_ISA_avx2)
MB_INLINE __m256i mb_first_lanes(int32_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

// Loads the first `count` numbers, 0 <= count <= MB_LANES. No others are read; the other lanes are
// zero.
MB_INLINE mb_vector mb_load_some(const float *from, int32_t count) {
#if defined(MB_ISA_avx512)
    return (mb_vector)_mm512_maskz_loadu_ps(mb_first_lanes(count), from);
#elif defined(MB_ISA_avx2)
    return (mb_vector)_mm256_maskload_ps(from, mb_first_lanes(count));
#else
    mb_vector x = {0};
    for (int32_t i = 0; i < count; i++)
        x[i] = from[i];
    return x;
#endif
}

MB_INLINE void mb_store_some(float *to, mb_vector value, int32_t count) {
#if defined(MB_ISA_avx512)
    _mm512_mask_storeu_ps(to, mb_first_lanes(count), (__m512)value);
#elif defined(MB_ISA_avx2)
    _mm256_maskstore_ps(to, mb_first_lanes(count), (__m256)value);
#else
    for (int32_t i = 0; i < count; i++)
        to[i] = value[i];
#endif
}

MB_INLINE mb_vector mb_square_root(mb_vector x) {
#if defined(MB_ISA_avx512)
    return (mb_vector)_mm512_sqrt_ps((__m512)x);
#elif defined(MB_ISA_avx2)
    return (mb_vector)_mm256_sqrt_ps((__m256)x);
#else
    for (int i = 0; i < MB_LANES; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

// Limits x to [lowest, highest]; NaN stays NaN.
MB_INLINE mb_vector mb_clamp(mb_vector x, float lowest, float highest) {
#if defined(MB_ISA_avx512) // min and max return the second operand if one is NaN
    x = (mb_vector)_mm512_min_ps(_mm512_set1_ps(highest), (__m512)x);
    return (mb_vector)_mm512_max_ps(_mm512_set1_ps(lowest), (__m512)x);
#elif defined(MB_ISA_avx2)
    x = (mb_vector)_mm256_min_ps(_mm256_set1_ps(highest), (__m256)x);
    return (mb_vector)_mm256_max_ps(_mm256_set1_ps(lowest), (__m256)x);
#else
    for (int i = 0; i < MB_LANES; i++) {
        x[i] = x[i] > highest ? highest : x[i];
        x[i] = x[i] < lowest ? lowest : x[i];
    }
    return x;
#endif
}

// MB_LANES / 2 integers of 64 bits.
typedef uint64_t mb_words __attribute__((vector_size(MB_LANES * 4)));

// The lower halves of the integers times a constant.
MB_INLINE mb_words mb_multiply_words(mb_words words, uint32_t by) {
#if defined(MB_ISA_avx512)
    return (mb_words)_mm512_mul_epu32((__m512i)words, _mm512_set1_epi64(by));
#elif defined(MB_ISA_avx2)
    return (mb_words)_mm256_mul_epu32((__m256i)words, _mm256_set1_epi64x(by));
#else
    return (words & 0xFFFFFFFFu) * by;
#endif
}

#endif
