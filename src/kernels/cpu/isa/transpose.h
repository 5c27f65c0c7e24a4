// Transposes a square of MB_LANES x MB_LANES numbers.
#ifndef MB_KERNELS_CPU_TRANSPOSE_H
#define MB_KERNELS_CPU_TRANSPOSE_H

#include "cpu/isa/vector.h"

#if defined(MB_ISA_avx512)

// Splits a and b into blocks of `half` columns, and exchanges the odd blocks of a with the even
// blocks of b.
MB_INLINE void mb_exchange(int half, mb_vector *a, mb_vector *b) {
    int32_t from_a[MB_LANES], from_b[MB_LANES]; // lanes of a, then those of b
    for (int i = 0; i < MB_LANES; i++) {
        from_a[i] = i & half ? MB_LANES + i - half : i;
        from_b[i] = i & half ? MB_LANES + i : i + half;
    }
    __m512i index_a = _mm512_loadu_si512(from_a), index_b = _mm512_loadu_si512(from_b);
    __m512 x = (__m512)*a, y = (__m512)*b;
    *a = (mb_vector)_mm512_permutex2var_ps(x, index_a, y);
    *b = (mb_vector)_mm512_permutex2var_ps(x, index_b, y);
}

#elif defined(MB_ISA_avx2)

MB_INLINE void mb_exchange(int half, mb_vector *a, mb_vector *b) {
    __m256 x = (__m256)*a, y = (__m256)*b;
    if (half == 4) {
        *a = (mb_vector)_mm256_permute2f128_ps(x, y, 0x20);
        *b = (mb_vector)_mm256_permute2f128_ps(x, y, 0x31);
    } else if (half == 2) {
        *a = (mb_vector)_mm256_shuffle_ps(x, y, 0x44);
        *b = (mb_vector)_mm256_shuffle_ps(x, y, 0xEE);
    } else {
        *a = (mb_vector)_mm256_blend_ps(x, _mm256_moveldup_ps(y), 0xAA);
        *b = (mb_vector)_mm256_blend_ps(_mm256_movehdup_ps(x), y, 0xAA);
    }
}

#else

MB_INLINE void mb_exchange(int half, mb_vector *a, mb_vector *b) {
    for (int i = 0; i < MB_LANES; i++)
        if (i & half) {
            float kept = (*a)[i];
            (*a)[i] = (*b)[i - half];
            (*b)[i - half] = kept;
        }
}

#endif

MB_INLINE void mb_transpose_rows(mb_vector rows[MB_LANES]) {
#pragma GCC unroll 4
    for (int half = MB_LANES / 2; half > 0; half /= 2)
#pragma GCC unroll 8
        for (int pair = 0; pair < MB_LANES / 2; pair++) {
            int i = pair / half * 2 * half + pair % half; // the i whose bit `half` is not set
            mb_exchange(half, &rows[i], &rows[i + half]);
        }
}

// Rows of `from` and `to` are from_row and to_row floats apart.
MB_INLINE void mb_transpose(const float *from, int64_t from_row, float *to, int64_t to_row) {
    mb_vector rows[MB_LANES];
#pragma GCC unroll 16
    for (int i = 0; i < MB_LANES; i++)
        rows[i] = mb_load(from + i * from_row);
    mb_transpose_rows(rows);
#pragma GCC unroll 16
    for (int i = 0; i < MB_LANES; i++)
        mb_store(to + i * to_row, rows[i]);
}

// The same for a `from` with fewer rows or columns. All MB_LANES columns of `to` are written, zeros
// for missing rows.
MB_INLINE void mb_transpose_some(int32_t rows, int32_t columns, const float *from, int64_t from_row,
                                 float *to, int64_t to_row) {
    mb_vector square[MB_LANES];
#pragma GCC unroll 16
    for (int i = 0; i < MB_LANES; i++)
        square[i] = i < rows ? mb_load_some(from + i * from_row, columns) : (mb_vector){0};
    mb_transpose_rows(square);
#pragma GCC unroll 16
    for (int i = 0; i < MB_LANES; i++)
        if (i < columns)
            mb_store(to + i * to_row, square[i]);
}

#endif
