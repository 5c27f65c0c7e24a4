// Vectors of the width that the instruction set has, in the compiler's own vector extension, and
// the tile of a matrix product that fits its registers.
#ifndef MB_KERNELS_CPU_VECTOR_H
#define MB_KERNELS_CPU_VECTOR_H

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

MB_INLINE mb_vector mb_load(const float *from) {
    return *(const mb_vector_unaligned *)from;
}

MB_INLINE void mb_store(float *to, mb_vector value) {
    *(mb_vector_unaligned *)to = value;
}

#endif
