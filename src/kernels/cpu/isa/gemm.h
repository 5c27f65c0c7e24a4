// Matrix products on one core, in float32. The order of a sum depends on K only, not on M and N: an
// element has the same bits in whichever block of the product it is computed.
#ifndef MB_KERNELS_CPU_GEMM_H
#define MB_KERNELS_CPU_GEMM_H

#include "cpu/isa/kernel.h"

// One operand, element (i, j) at values[i * row + j * column].
typedef struct mb_matrix {
    const float *values;
    int64_t row, column;
} mb_matrix;

// C (M, N) with row stride `ldc`: C = A B, or C += A B with `accumulate`; A (M, K), B (K, N). Rows
// of C are contiguous. Returns early if it is stopped (merbench/stop.h).
void MB_NAME(gemm)(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a, mb_matrix b,
                   float *c, int64_t ldc, int accumulate);

// Rows (or columns) that are stored in groups of `count`, with `skip` extra floats between groups.
typedef struct mb_groups {
    int32_t count;
    int64_t skip;
    bool columns;
} mb_groups;

// The same for an A whose rows are in groups, or whose columns are, where it is transposed.
void MB_NAME(gemm_of_groups)(const int *stop, int32_t m, int32_t n, int32_t k, mb_matrix a,
                             mb_groups groups, mb_matrix b, float *c, int64_t ldc, int accumulate);

#endif
